"""Which items bear a word, as a category or as a tag: what moods are, and what new items are known by (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from tacit.data.catalog import Item

Positions = NDArray[np.int32]


def words_of(item: Item) -> tuple[str, ...]:
    """An item's categories and tags, whatever their case, each once."""
    return tuple(dict.fromkeys(word.casefold() for word in (*item.categories, *item.tags)))


class Labels:
    """The items of a catalogue by their words; made in one pass.

    Args:
        items: By position.
    """

    def __init__(self, items: Sequence[Item]) -> None:
        self._count = len(items)
        members: dict[str, list[int]] = {}
        for position, item in enumerate(items):
            for word in words_of(item):
                members.setdefault(word, []).append(position)
        self._members = {word: np.array(positions, np.int32) for word, positions in members.items()}

    def bearing(self, word: str) -> Positions:
        """Positions of the items that bear a word, ascending."""
        return self._members.get(word.casefold(), np.empty(0, np.int32))

    def any_of(self, words: Iterable[str]) -> NDArray[np.bool_] | None:
        """Which items bear one of some words: `(items,)`; `None` if none does."""
        mask = np.zeros(self._count, bool)
        for word in words:
            mask[self.bearing(word)] = True
        return mask if mask.any() else None
