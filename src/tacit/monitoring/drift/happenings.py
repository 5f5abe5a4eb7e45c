"""What users did and what they were shown, as columns in the order of time (values)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Longs = NDArray[np.int64]
Codes = NDArray[np.int32]

IMPORTED = "imported"
"""The type of what was imported: one event for each user and item, when the last of them was, without an amount."""


@dataclass(frozen=True)
class Happenings:
    """Events in the order of time.

    Attributes:
        at_ms: `(events,)` int64, Unix milliseconds, never falling.
        users: `(events,)` int32, who: any numbering.
        items: `(events,)` int32, what: position in whatever `Items` describes.
        types: `(events,)` int32, position in `type_names`.
        values: `(events,)` float64, how much; NaN where an event has no amount.
        type_names: The types of event.
    """

    at_ms: Longs
    users: Codes
    items: Codes
    types: Codes
    values: NDArray[np.float64]
    type_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.at_ms)

    def only(self, kept: NDArray[np.bool_]) -> Happenings:
        """Some of them."""
        return replace(
            self,
            at_ms=self.at_ms[kept],
            users=self.users[kept],
            items=self.items[kept],
            types=self.types[kept],
            values=self.values[kept],
        )


@dataclass(frozen=True)
class Shown:
    """Lists that were shown, in the order of time.

    Attributes:
        at_ms: `(lists,)` int64, Unix milliseconds, never falling.
        sources: `(lists,)` int32, position in `source_names`.
        degraded: `(lists,)` bool.
        clicked: `(lists,)` bool, whether an event of positive weight followed within the window of attribution.
        hits: `(lists,)` int32, how many of its first ten items such events chose.
        depth: `(lists,)` int32, how many items it had, at most ten.
        known: `(lists,)` bool, whether it was shown to somebody known: others' clicks are not attributed.
        source_names: The steps of the chain.
        user_ids: Who saw each; `None` for somebody unknown.
    """

    at_ms: Longs
    sources: Codes
    degraded: NDArray[np.bool_]
    clicked: NDArray[np.bool_]
    hits: Codes
    depth: Codes
    known: NDArray[np.bool_]
    source_names: tuple[str, ...] = ()
    user_ids: tuple[str | None, ...] = ()

    def __len__(self) -> int:
        return len(self.at_ms)

    def only(self, kept: NDArray[np.bool_]) -> Shown:
        """Some of them."""
        return replace(
            self,
            at_ms=self.at_ms[kept],
            sources=self.sources[kept],
            degraded=self.degraded[kept],
            clicked=self.clicked[kept],
            hits=self.hits[kept],
            depth=self.depth[kept],
            known=self.known[kept],
            user_ids=tuple(each for each, is_kept in zip(self.user_ids, kept, strict=False) if is_kept),
        )


@dataclass(frozen=True)
class Items:
    """What is known of the items that events name.

    Attributes:
        categories: The categories of each, as positions in `category_names`; none for an item that is not described.
        category_names: The categories there are.
        factors: `(items, factors)`, the vectors a version learnt; rows of NaN for items it does not know.
        names: What each is called, for whoever reads of a burst.
    """

    categories: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    category_names: tuple[str, ...] = ()
    factors: NDArray[np.float32] | None = None
    names: Mapping[int, str] = field(default_factory=dict)


def thinned(events: Happenings, *, most: int = 5, among: int = 100) -> Happenings:
    """Events without the bulk of one user's bursts: of `among` events in a row, at most so many of one user count.

    A hundred edits by one hand are not a hundred users who changed: without this, one robot is drift.
    """
    order = np.lexsort((np.arange(len(events)), events.users))
    users, kept = events.users[order], np.ones(len(events), bool)
    if len(events) > most:
        is_same, apart = users[most:] == users[:-most], order[most:] - order[:-most]
        kept[order[most:][is_same & (apart < among)]] = False
    return events.only(kept)


class ShownList(NamedTuple):
    """One list that was shown, as a store tells of it; `Shown` says what the fields are."""

    at_ms: int
    source: str
    degraded: bool
    clicked: bool
    hits: int
    depth: int
    user_id: str | None


def shown_of(lists: Sequence[ShownList]) -> Shown:
    """Lists in the order of time, as columns."""
    names = tuple(sorted({each.source for each in lists}))
    places = {name: at for at, name in enumerate(names)}
    return Shown(
        np.array([each.at_ms for each in lists], np.int64),
        np.array([places[each.source] for each in lists], np.int32),
        np.array([each.degraded for each in lists], bool),
        np.array([each.clicked for each in lists], bool),
        np.array([each.hits for each in lists], np.int32),
        np.array([each.depth for each in lists], np.int32),
        np.array([each.user_id is not None for each in lists], bool),
        names,
        tuple(each.user_id for each in lists),
    )
