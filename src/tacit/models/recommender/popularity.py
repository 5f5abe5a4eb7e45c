"""The baseline every recommender must beat: what most people chose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacit.models.recommender.engines.interfaces import Positions
from tacit.models.recommender.engines.matrix import Matrix

Csr = Any

_BATCH_CELLS = 4_000_000
"""How many places of the common list are looked at at once: 20 MB."""


@dataclass(frozen=True)
class Popularity:
    """Everyone gets the same list, most listeners first, ties by item position, without what they met.

    Attributes:
        item_ids: What the columns mean.
        listeners: `(n_items,)` int64, how many users met each item.
    """

    item_ids: tuple[str, ...]
    listeners: NDArray[np.int64]

    @classmethod
    def fit(cls, training: Csr, item_ids: tuple[str, ...]) -> Popularity:
        """Count listeners, not plays: one obsessed listener makes nothing popular."""
        return cls(item_ids, np.bincount(training.indices, minlength=len(item_ids)).astype(np.int64))

    def lists(self, histories: Matrix, count: int, *, allowed: NDArray[np.bool_] | None = None) -> Positions:
        """`(users, count)`: the first of the common list that a history lacks; -1 where a list is shorter.

        O(n_items + Σ (count + longest history of a batch)); the first time, O(n_items log n_items) for the common list.
        """
        ranked = self._ranked if allowed is None else self._ranked[allowed[self._ranked]]
        found = np.full((histories.rows, count), -1, np.int32)
        for rows, depth in _batches(histories.counts, count, most=len(ranked)):
            found[rows] = _unmet(histories, rows, ranked[:depth], count=count)
        return found

    @cached_property
    def _ranked(self) -> Positions:
        """The common list: every item, sorted once, however many batches are listed."""
        return np.argsort(-self.listeners, kind="stable").astype(np.int32)


def _batches(lengths: NDArray[np.int64], count: int, *, most: int) -> Iterator[tuple[slice, int]]:
    """Rows, and how far down the common list their lists can reach: past every item met."""
    batch = max(1, _BATCH_CELLS // max(1, min(most, count + int(lengths.max(initial=0)))))
    for start in range(0, len(lengths), batch):
        rows = slice(start, min(start + batch, len(lengths)))
        yield rows, min(most, count + int(lengths[rows].max()))


def _unmet(histories: Matrix, rows: slice, ranked: Positions, *, count: int) -> Positions:
    place = np.full(histories.columns, -1, np.int64)
    place[ranked] = np.arange(len(ranked))
    entries = slice(histories.indptr[rows.start], histories.indptr[rows.stop])
    lengths = histories.counts[rows]
    at = place[histories.indices[entries]]
    unmet = np.ones((len(lengths), len(ranked)), bool)
    unmet[np.repeat(np.arange(len(lengths)), lengths)[at >= 0], at[at >= 0]] = False
    nth = np.cumsum(unmet, axis=1, dtype=np.int32)
    row, column = np.nonzero(unmet & (nth <= count))
    found = np.full((len(lengths), count), -1, np.int32)
    found[row, nth[row, column] - 1] = ranked[column]
    return found
