"""Neighbours and sparse products by SciPy, which multiplies sparse rows as Gustavson does (ACM TOMS 1978)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tacit.data.interfaces import Progress, silent
from tacit.models.recommender.engines.checks import (
    check_keep,
    check_similarities,
    check_transposed,
    check_width,
    checked_weights,
)
from tacit.models.recommender.engines.interfaces import Floats
from tacit.models.recommender.engines.matrix import Matrix

_PRODUCTS = 4_000_000
"""Additions that a block of items may cost, and so the most entries that it may have before the strongest are kept."""


def neighbours(
    by_user: Matrix,
    by_item: Matrix,
    *,
    user_weights: Floats,
    source_scales: Floats,
    target_scales: Floats,
    keep: int,
    progress: Progress = silent,
) -> Matrix:
    """`Engine.neighbours`: O(Σ_u d_u²) time, O(items · keep) memory beside the two matrices and one block."""
    check_transposed(by_user, by_item)
    weights = checked_weights(user_weights, by_user.rows, "user_weights")
    sources = checked_weights(source_scales, by_item.rows, "source_scales", positive=True)
    targets = checked_weights(target_scales, by_item.rows, "target_scales", positive=True)
    check_keep(keep)
    met = _pattern(by_user, np.ones(by_user.nnz, np.float32))
    weighted = _pattern(by_item, weights[by_item.indices])
    kept: list[tuple[NDArray[np.int64], NDArray[np.int32], Floats]] = []
    for start, stop in _portions(by_user, by_item):
        block = weighted[start:stop] @ met
        kept.append(_strongest(block, start, scales=(sources[start:stop], targets), keep=keep))
        progress("neighbours", stop / by_item.rows)
    return _stacked(kept, by_item.rows)


def weighted_rows(histories: Matrix, rows: Matrix) -> Matrix:
    """`Engine.weighted_rows`."""
    check_width(histories, rows.rows)
    summed = histories.scipy() @ rows.scipy()
    summed.sort_indices()  # in place, but it is ours
    return Matrix.trusted(summed.indptr, summed.indices, summed.data, columns=rows.columns)


def _pattern(matrix: Matrix, data: Floats) -> Any:
    return sparse.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def _portions(by_user: Matrix, by_item: Matrix) -> Iterator[tuple[int, int]]:
    """Ranges of items whose products cost about the same, one item at least."""
    # An item costs the sum of its users' lengths; differences of running sums are right for empty rows too.
    running = np.concatenate((np.zeros(1, np.int64), np.cumsum(by_user.counts[by_item.indices])))
    cost = running[by_item.indptr]
    start = 0
    while start < by_item.rows:
        stop = max(start + 1, int(np.searchsorted(cost, cost[start] + _PRODUCTS, side="right")) - 1)
        yield start, stop
        start = stop


def _strongest(
    block: Any, first: int, *, scales: tuple[Floats, Floats], keep: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], Floats]:
    """Of each row of a block the strongest entries but its own, ascending by column: counts, columns, scores."""
    block.sort_indices()
    rows = np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
    columns = block.indices
    with np.errstate(over="ignore"):
        scores = scales[0][rows] * scales[1][columns] * block.data
    check_similarities(scores)
    others = np.flatnonzero((columns != rows + first) & (scores > 0))
    rows, columns, scores = rows[others], columns[others], scores[others]
    limits = np.searchsorted(rows, np.arange(block.shape[0] + 1))
    places = [start + _strongest_of(scores[start:stop], keep) for start, stop in pairwise(limits)]
    chosen = np.concatenate([np.empty(0, np.intp), *places])
    counts = np.array([len(each) for each in places], np.int64)
    return counts, columns[chosen].astype(np.int32), scores[chosen]


def _strongest_of(scores: Floats, keep: int) -> NDArray[np.intp]:
    """Places of the `keep` highest scores, ascending; of equals at the border the first."""
    if len(scores) <= keep:
        return np.arange(len(scores))
    weakest = np.partition(scores, len(scores) - keep)[len(scores) - keep]
    stronger = np.flatnonzero(scores > weakest)
    equal = np.flatnonzero(scores == weakest)[: keep - len(stronger)]
    return np.sort(np.concatenate((stronger, equal)))


def _stacked(parts: list[tuple[NDArray[np.int64], NDArray[np.int32], Floats]], n: int) -> Matrix:
    nothing = (np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))
    counts, columns, scores = (np.concatenate(each) for each in zip(nothing, *parts, strict=True))
    return Matrix.trusted(np.concatenate((np.zeros(1, np.int64), np.cumsum(counts))), columns, scores, columns=n)
