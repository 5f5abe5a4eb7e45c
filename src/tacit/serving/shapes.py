"""The shape of a list: how long, how varied, and how much of one category; chosen to it by `shaping` (pure)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tacit.serving.rules import Rules

_POOL = 100
_MOST_POOL = 1_000
_RESERVE = 50
"""From how many items at least a place is explored: as many as the list has, where that is more."""


@dataclass(frozen=True)
class Shape:
    """How a list is chosen from a pool.

    Attributes:
        limit: The most items.
        cap: The most items of one category; `None` for any number.
        diversity: `δ`, from 0 to 1.
        reserve: How many items beyond the limit are kept, to explore from.
        uncapped: Categories that every item has because they were asked for.
    """

    limit: int
    cap: int | None = None
    diversity: float = 0.0
    reserve: int = 0
    uncapped: frozenset[str] = frozenset()

    @property
    def pool(self) -> int:
        """How many items are found to choose from: five times the list where it is to be diverse, 100 to 1,000."""
        wide = min(_MOST_POOL, max(_POOL, 5 * self.limit)) if self.diversity else 0
        several = 4 * self.limit if self.cap is not None else 0
        return max(self.limit + self.reserve, wide, several)

    def room(self) -> Room:
        """As much room as there is before anything is chosen."""
        return Room(self.cap, self.uncapped)

    @property
    def is_plain(self) -> bool:
        """Whether the best items are the list."""
        return self.pool == self.limit


def shape_of(rules: Rules, limit: int) -> Shape:
    """The shape that rules give a list."""
    return Shape(
        limit,
        cap=rules.cap,
        diversity=rules.diversity or 0.0,
        reserve=max(_RESERVE, limit) if rules.explore else 0,
        uncapped=frozenset(rules.categories),
    )


class Room:
    """How much room each category has left; an item needs some in each of its own.

    Args:
        cap: The most items of one category.
        uncapped: Categories that do not count.
    """

    def __init__(self, cap: int | None, uncapped: Collection[str] = ()) -> None:
        self._cap = cap
        self._uncapped = frozenset(uncapped)
        self._taken: dict[str, int] = {}

    def let_in(self, categories: Sequence[str]) -> bool:
        """Whether an item of these categories fits, and if so, count it in."""
        if self._cap is None:
            return True
        counted = {*categories} - self._uncapped
        if any(self._taken.get(each, 0) >= self._cap for each in counted):
            return False
        for each in counted:
            self._taken[each] = self._taken.get(each, 0) + 1
        return True

    @property
    def full(self) -> frozenset[str]:
        """The categories without any left."""
        return frozenset(each for each, count in self._taken.items() if count == self._cap)
