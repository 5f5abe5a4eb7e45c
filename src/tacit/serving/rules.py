"""What somebody who asks for a list may say of it: what may be in it, what counts more, how varied it is (pure).

Everything here is a value: hashable, in one order however it was given, and spelt out in full in the key of every kept
list.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sized
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tacit.errors import BadInput

Doubles = NDArray[np.float64]
Kind = Literal["item", "category", "tag"]
KINDS: tuple[Kind, ...] = ("item", "category", "tag")

LEAST_FACTOR, MOST_FACTOR = 0.1, 10.0
MAX_IDS = 1_000
"""Ids in `exclude`, and in `include`."""
MAX_BOOSTS = 20
MAX_RANGES = 10
MAX_CATEGORIES = 10
MAX_CAP = 1_000


@dataclass(frozen=True, slots=True, order=True)
class Boost:
    """That some items count more, or less.

    Attributes:
        kind: What names them: an item's id, a category, or a word that they bear as a category or tag in any case.
        name: The id or word; one that no item has is no mistake, and changes nothing.
        factor: Above 1 lifts, below 1 buries; from 0.1 to 10.

    Raises:
        BadInput: `factor_range`.
    """

    kind: Kind
    name: str
    factor: float

    def __post_init__(self) -> None:
        if not LEAST_FACTOR <= self.factor <= MOST_FACTOR:
            raise BadInput(
                "factor_range",
                f"A boost is by a factor from {LEAST_FACTOR:g} to {MOST_FACTOR:g}.",
                field="boost",
                fix="Above 1 an item counts more, below 1 less.",
            )


@dataclass(frozen=True, slots=True, order=True)
class Range:
    """That only items are wanted whose number in some field lies between two bounds, both included.

    Attributes:
        field: A label of the catalogue, or one of `listeners` (also called `popularity`) and `expires_at` (milliseconds
            since 1970; what never expires lies above every bound).
        least: The lower bound; minus infinity for none.
        most: The upper bound; infinity for none.

    Raises:
        BadInput: `range_empty` if nothing lies between, or a bound is no number.
    """

    field: str
    least: float = -math.inf
    most: float = math.inf

    def __post_init__(self) -> None:
        if not self.least <= self.most:
            raise BadInput(
                "range_empty",
                "A range needs numbers as bounds, the lower one first.",
                field="range",
                fix="Give field:least:most; either bound may be left empty.",
            )


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for one list, beside what holds for all: that what is seen, hidden or expired is in none.

    Attributes:
        exclude: Ids of items that must not be in it.
        include: Ids of the only items that may be; `None` for all.
        categories: An item must belong to all of them; what is popular in the first is what is fallen back to.
        boosts: Which items count more or less.
        ranges: An item must lie in all of them.
        cap: The most items of any one category; those asked for do not count, as every item has them.
        diversity: How far what is unlike is preferred to what is best, from 0 to 1; `None` for the setting.
        explore: With which probability each place goes to an item from further down; `None` for the setting.

    Raises:
        BadInput: `too_many_items`, `cap_range`, `share_range`.
    """

    exclude: frozenset[str] = frozenset()
    include: frozenset[str] | None = None
    categories: tuple[str, ...] = ()
    boosts: tuple[Boost, ...] = ()
    ranges: tuple[Range, ...] = ()
    cap: int | None = None
    diversity: float | None = None
    explore: float | None = None

    def __post_init__(self) -> None:
        # One order, so that the same rules are one question; the first category has a meaning of its own.
        if len(self.categories) > 1:
            first = self.categories[:1]
            object.__setattr__(self, "categories", (*first, *sorted({*self.categories} - {*first})))
        if len(self.boosts) > 1:
            object.__setattr__(self, "boosts", tuple(sorted(set(self.boosts))))
        if len(self.ranges) > 1:
            object.__setattr__(self, "ranges", tuple(sorted(set(self.ranges))))
        if len(self.exclude) > MAX_IDS or self.include or self.categories or self.boosts or self.ranges:
            self._check_counts()
        if self.cap is not None and not 1 <= self.cap <= MAX_CAP:
            detail = f"The cap must be a whole number from 1 to {MAX_CAP}."
            raise BadInput("cap_range", detail, field="cap", fix="Give the most items of one category.")
        for name, share in (("diversity", self.diversity), ("explore", self.explore)):
            if share is not None and not 0 <= share <= 1:
                detail = f"{name} must be a number from 0 to 1."
                raise BadInput("share_range", detail, field=name, fix="0 is none, 1 is all there can be.")

    @property
    def are_plain(self) -> bool:
        """Whether nothing is asked of items but that some be left out."""
        return self.cap is None and self.include is None and not (self.categories or self.boosts or self.ranges)

    @property
    def take_the_best(self) -> bool:
        """Whether the list is the best items there are, but for those left out."""
        return self.are_plain and not (self.diversity or self.explore)

    def _check_counts(self) -> None:
        counts: tuple[tuple[str, Sized, int], ...] = (
            ("exclude", self.exclude, MAX_IDS),
            ("include", self.include or (), MAX_IDS),
            ("category", self.categories, MAX_CATEGORIES),
            ("boost", self.boosts, MAX_BOOSTS),
            ("range", self.ranges, MAX_RANGES),
        )
        for name, given, most in counts:
            if len(given) > most:
                raise too_many(name, len(given), most)

    @property
    def category(self) -> str | None:
        """The category whose popular items are fallen back to; `None` for all items."""
        return self.categories[0] if self.categories else None

    @property
    def filters(self) -> bool:
        """Whether they say which items may be in the list at all."""
        return self.include is not None or bool(self.ranges) or bool(self.categories)

    @property
    def has_fields(self) -> bool:
        """Whether they ask more of single items than an id that may not be there, or a category."""
        several = self.cap is not None or self.include is not None
        return several or bool(self.ranges) or bool(self.boosts)

    def also(self, exclude: AbstractSet[str], category: str | None) -> Rules:
        """These, and more that is excluded, and a category."""
        if not exclude and category is None:
            return self
        more = self.categories if category is None else (category, *self.categories)
        return replace(self, exclude=self.exclude | exclude, categories=more)

    def unexplored(self) -> Rules:
        """These, with no place given to chance."""
        return self if self.explore is None else replace(self, explore=None)

    def usually(self, *, diversity: float, explore: float) -> Rules:
        """These, with what holds where they say nothing."""
        diversity = diversity if self.diversity is None else self.diversity
        explore = explore if self.explore is None else self.explore
        if self.are_plain:
            return Rules(self.exclude, diversity=diversity, explore=explore)
        return replace(self, diversity=diversity, explore=explore)

    @property
    def spelling(self) -> str:
        """All of it in one spelling, the same in every process."""
        if self.take_the_best:
            return f"{self.diversity} {self.explore} {sorted(self.exclude)}"
        include = None if self.include is None else sorted(self.include)
        shape = (self.cap, self.diversity, self.explore)
        return repr((sorted(self.exclude), include, self.categories, self.boosts, self.ranges, shape))


NO_RULES = Rules()


def too_many(name: str, count: int, most: int) -> BadInput:
    """That a part of the rules is too long."""
    return BadInput("too_many_items", f"{name} has {count} items; the most are {most}.", field=name, fix="Name fewer.")


def lifted(scores: Doubles, factor: float | Doubles) -> Doubles:
    """Scores under a factor: `s f` where `s ≥ 0`, `s / f` below.

    So a factor above 1 never lowers a score of either sign, one below 1 never raises it, and the order of two items
    under the same factor is the order they had: in float64 the products of two unequal float32 stay unequal.
    """
    return np.where(scores >= 0, scores * factor, scores / factor)


def factors_of(boosts: tuple[Boost, ...], bearing: Callable[[Boost], NDArray[np.bool_]], count: int) -> Doubles | None:
    """Each item's factor, `(count,)`: the highest boost and the lowest bury among those that match it, multiplied.

    So every factor lies within the bounds of a single one, and there are at most `(b + 1) (c + 1)` different ones for
    `b` boosts and `c` buries.

    Args:
        boosts: Which items count more or less.
        bearing: Which items one of them matches, `(count,)`.
        count: How many items there are.
    """
    if not boosts:
        return None
    raised, lowered = np.ones(count), np.ones(count)
    for boost in boosts:
        mask = bearing(boost)
        raised[mask] = np.maximum(raised[mask], boost.factor)
        lowered[mask] = np.minimum(lowered[mask], boost.factor)
    return raised * lowered
