"""A version's items as answers write them: made once, so that an answer of many is joined instead of serialised.

All of it is kept beside the version, about a hundred bytes for each item.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from tacit.models.recommender.engines.interfaces import Floats, Positions

Pieces = tuple[bytes, bytes]
"""An item's text up to its title, as reasons have it too, and what follows up to its score."""

_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class PlainQuestion:
    """Candidates that somebody wants put into order, and nothing about them that would need a closer look.

    Attributes:
        positions: `(n,)` int32, those of a version; -1 for a candidate that is none of its items.
        item_ids: Each once, in the order given.
        filter_seen: Whether what the user met is left out.
        explained: How many are told why, from the first on.
        shown: How many of them the caller is going to show.
    """

    positions: Positions
    item_ids: tuple[str, ...]
    filter_seen: bool
    explained: int
    shown: int


class ItemTexts(Protocol):
    """The texts of a version's items, and the ids by which they are found."""

    @property
    def memory_bytes(self) -> int:
        """What they take."""
        ...

    def question(self, body: bytes, *, most: int, most_explained: int) -> PlainQuestion | None:
        """What a body asks; `None` for a body that is not certainly in order, which has to be looked at closely.

        Args:
            body: As it was sent.
            most: The most candidates, and the most of them that may be shown.
            most_explained: The most that may be told why.
        """
        ...

    def ranked(
        self, positions: Positions, scores: Floats, item_ids: tuple[str, ...]
    ) -> tuple[Positions, Floats, tuple[str, ...]] | None:
        """All three by score, the best first, equal ones in the order given; `None` if a score is no number."""
        ...

    def written(
        self, positions: Positions, scores: Floats, *, reasons: Positions, shares: Floats, said: Mapping[int, Pieces]
    ) -> bytes | None:
        """Items as an answer writes them, with a comma between them; `None` where that cannot be done here.

        Args:
            positions: `(n,)` int32, in the answer's order.
            scores: `(n,)` float32; null is written for what is no number.
            reasons: `(t, m)` int32, for the first `t` items the positions of what speaks for them, -1 for nothing more.
            shares: `(t, m)` float32, how much of it each is.
            said: What is told of items instead, by position.
        """
        ...


def pieces_of(item_id: str, title: str, categories: Sequence[str]) -> Pieces:
    """The text of an item of which something else is said now than its version knows."""
    named = b'{"item_id":%b,"title":%b' % (_ENCODER.encode(item_id), _ENCODER.encode(title))
    return named, b',"categories":%b,"score":' % _ENCODER.encode(categories)
