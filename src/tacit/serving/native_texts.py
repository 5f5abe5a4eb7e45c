"""A version's items as answers write them, found and joined by the native engine where it was built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tacit import _native
from tacit.data.catalog import Item
from tacit.models.recommender.engines.interfaces import Floats, Positions
from tacit.serving.item_texts import Pieces, PlainQuestion


class NativeTexts:
    """See `item_texts.ItemTexts`.

    Args:
        items: The version's, in the order of their positions.

    Raises:
        UnicodeEncodeError: One of them holds half of a surrogate pair, which no answer can write.
    """

    def __init__(self, items: Sequence[Item]) -> None:
        self._native = _native.ItemTexts(
            [item.item_id for item in items], [item.title for item in items], [item.categories for item in items]
        )

    @property
    def memory_bytes(self) -> int:
        """The texts, and the table of ids."""
        return self._native.memory_bytes

    def question(self, body: bytes, *, most: int, most_explained: int) -> PlainQuestion | None:
        """As `ItemTexts.question`, of printable ASCII without escapes."""
        found = self._native.question(body, most, most_explained)
        return None if found is None else PlainQuestion(*found)

    def ranked(
        self, positions: Positions, scores: Floats, item_ids: tuple[str, ...]
    ) -> tuple[Positions, Floats, tuple[str, ...]] | None:
        """As `ItemTexts.ranked`."""
        return self._native.ranked(positions, scores, item_ids)

    def written(
        self, positions: Positions, scores: Floats, *, reasons: Positions, shares: Floats, said: Mapping[int, Pieces]
    ) -> bytes | None:
        """As `ItemTexts.written`."""
        return self._native.written(positions, scores, reasons, shares, dict(said) if said else None)
