"""Items that a version learnt no factors for: what they are taken for, and how they enter its lists exactly (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tacit.data.catalog import Item
from tacit.models.recommender.engines.interfaces import Floats

Positions = NDArray[np.intp]
Mask = NDArray[np.bool_]

_NOTHING: Positions = np.empty(0, np.intp)


@dataclass(frozen=True)
class Newcomers:
    """Items beside those with factors, each with the factors it is taken to have.

    An item that the version knows keeps its position; one that it does not know has a position behind all of those.

    Attributes:
        label: The version they are new to.
        revision: The revision of the catalogue they are of.
        items: In the order of their positions.
        positions: `(m,)`, ascending.
        factors: `(m, k)` float32; zero where nothing tells them.
        is_heard: `(m,)` whether the factors rest on listeners, and not on categories and tags alone.
        unknown: Those that the version does not know, as the catalogue told of them.
    """

    label: str
    revision: int
    items: Sequence[Item]
    positions: Positions
    factors: Floats
    is_heard: Mask
    unknown: Sequence[Item] = field(default=(), repr=False)

    @cached_property
    def rows(self) -> dict[str, int]:
        """Position of each, by id."""
        return {item.item_id: at for item, at in zip(self.items, self.positions.tolist(), strict=True)}

    def item(self, position: int) -> Item:
        """The item at a position that one of them has."""
        return self.items[int(np.searchsorted(self.positions, position))]

    def factors_at(self, positions: Positions) -> Floats:
        """`(n, k)` factors of items at positions that they have."""
        return self.factors[np.searchsorted(self.positions, positions)]

    @cached_property
    def unit_factors(self) -> Floats:
        """Their factors scaled to length 1; a zero vector stays zero."""
        norms = np.linalg.norm(self.factors, axis=1, keepdims=True)
        return np.asarray(self.factors / np.maximum(norms, 1e-12), np.float32)

    @cached_property
    def has_factors(self) -> Mask:
        """`(m,)` which of them have factors at all."""
        return np.asarray(self.factors.any(axis=1))

    def within(self, category: str | None) -> Mask:
        """`(m,)` which belong to a category; all of them to `None`."""
        if category is None:
            return np.ones(len(self.items), bool)
        if category not in self._categories:
            self._categories[category] = np.array([category in item.categories for item in self.items], bool)
        return self._categories[category]

    @cached_property
    def _categories(self) -> dict[str, Mask]:
        return {}

    @cached_property
    def longest(self) -> float:
        """The largest length of their factors."""
        return float(np.linalg.norm(self.factors, axis=1).max(initial=0.0))

    def without(self, barred: Positions) -> Mask:
        """`(m,)` which of them are not barred."""
        mask = np.ones(len(self.items), bool)
        if not len(mask):
            return mask
        at = np.searchsorted(self.positions, barred)
        at[at == len(mask)] = 0
        mask[at[self.positions[at] == barred]] = False
        return mask

    def gone(self, shown: Sequence[Item]) -> Positions:
        """Positions of those the catalogue no longer shows, if it has changed since these were prepared."""
        if shown is self.unknown:
            return _NOTHING
        still = {item.item_id for item in shown}
        dropped = (item.item_id for item in self.unknown if item.item_id not in still)
        return np.array([self.rows[item_id] for item_id in dropped if item_id in self.rows], np.intp)


def best_products(
    factors: Floats, query: Floats, *, may: Mask, limit: int, longest: float
) -> tuple[NDArray[np.intp], Floats]:
    """Rows of the highest products with a query, in no order, and these, each rounded to float32.

    All rows are tried in float32, and those that its rounding cannot rule out are multiplied again in float64.  Not by
    BLAS: its threads wait for one another longer than so small a product takes.

    Args:
        factors: `(m, k)`.
        query: `(k,)`.
        may: `(m,)` which rows may be found.
        limit: The most that are wanted; a few more may come.
        longest: The largest length of a row.
    """
    rough = np.where(may, np.einsum("mk,k->m", factors, query), -np.inf)
    least = -np.inf
    if np.count_nonzero(may) > limit:
        slack = 4 * len(query) * np.finfo(np.float32).eps * longest * float(np.linalg.norm(query))
        least = np.partition(rough, -limit)[-limit] - slack
    rows = np.flatnonzero(may & (rough >= least))
    exact = np.einsum("mk,k->m", factors[rows], query, dtype=np.float64, casting="safe")
    return rows, exact.astype(np.float32)


def merged(
    positions: Positions, scores: Floats, *, new: Positions, of_new: Floats, limit: int
) -> tuple[Positions, Floats]:
    """The best of two lists: by score, equal ones by position; exact if both are the best of theirs.

    Args:
        positions: `(n,)` of the first.
        scores: `(n,)` of the first.
        new: `(m,)` of the second.
        of_new: `(m,)` scores of the second.
        limit: The most items.
    """
    items, found = np.concatenate((positions, new)), np.concatenate((scores, of_new))
    best = np.lexsort((items, -found))[:limit]
    return items[best], found[best]
