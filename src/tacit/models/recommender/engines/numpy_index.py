"""Exact top-K in plain NumPy: all products by BLAS, and those that could matter once more in a fixed order.

BLAS multiplies fast, but the order of its sums depends on how many rows and queries it is given, so that equal items
may come out a digit apart, and one query different from the same query in a batch.  Its products therefore only choose
who is looked at: everything within twice their error bound of the K-th.  The score is then the product taken row by
row in float64 and rounded once, which depends on nothing but the two vectors.

The bound is the usual one for a float32 inner product in any order (Higham, *Accuracy and Stability of Numerical
Algorithms*, §3.1): `|fl(x·y) - x·y| ≤ γ_k |x|ᵀ|y| ≤ γ_k |x| |y|`, with `γ_k = k u / (1 - k u)` and `u = 2^-24`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tacit.models.recommender.engines.blas import one_blas_thread
from tacit.models.recommender.engines.checks import (
    check_bonus_scores,
    check_factors,
    check_lengths,
    check_rows,
    checked_bonus,
    checked_counts,
    checked_mask,
    checked_positions,
    checked_queries,
    refuse_foreign_filter,
)
from tacit.models.recommender.engines.interfaces import Bonus, Doubles, Filter, Floats, Found, Lists, Positions
from tacit.models.recommender.engines.matrix import Matrix

_PRODUCTS = 4_000_000
"""Products of a batch that are held at once: 16 MB."""

_RESCORED = 1 << 13
"""Rows that are widened to float64 together."""


@dataclass(frozen=True, eq=False)
class NumpyFilter:
    """Which items may be found.

    Attributes:
        index: The index that it is for.
        mask: `(n,)` bool.
        allowed: How many pass.
    """

    index: NumpyIndex
    mask: NDArray[np.bool_]
    allowed: int


@dataclass(frozen=True)
class _Question:
    """What one query asks beside its products."""

    count: int
    excluded: Positions | None
    mask: NDArray[np.bool_] | None
    bonus: Bonus | None

    def candidates(self, n: int) -> NDArray[np.intp]:
        """Positions that may be found, ascending.

        They are picked out, not given a score of -inf: a partition is ten times slower among many of those.
        """
        keep = np.ones(n, np.bool_) if self.mask is None else self.mask.copy()
        if self.excluded is not None:
            keep[self.excluded] = False
        return np.flatnonzero(keep)


class NumpyIndex:
    """Exact retrieval in O(n k) a query; it holds nothing beside the factors."""

    def __init__(self, factors: Floats) -> None:
        check_factors(factors, "factors")
        self._factors = factors
        self._longest = check_lengths(factors)

    @property
    def memory_bytes(self) -> int:
        """0."""
        return 0

    def filter(self, mask: NDArray[np.bool_]) -> Filter:
        """A copy of the mask."""
        checked = checked_mask(mask, len(self._factors)).copy()
        return NumpyFilter(self, checked, int(checked.sum()))

    def search(
        self,
        query: Floats,
        count: int,
        *,
        excluded: Positions | None = None,
        only: Filter | None = None,
        bonus: Bonus | None = None,
    ) -> Found:
        """All products, then the best of them."""
        n = len(self._factors)
        queries = checked_queries(np.asarray(query)[None], self._factors.shape[1])
        question = _Question(
            int(checked_counts(count, 1)[0]),
            None if excluded is None else checked_positions(excluded, n, "excluded"),
            self._mask(only),
            None if bonus is None else checked_bonus(bonus, n),
        )
        with one_blas_thread():
            products = self._factors @ queries[0]
        return self._best(products, queries[0].astype(np.float64), question)

    def products(self, query: Floats, positions: Positions, *, bonus: Bonus | None = None) -> Floats:
        """As `Index.products`, in float64 and rounded once."""
        n = len(self._factors)
        queries = checked_queries(np.asarray(query)[None], self._factors.shape[1])
        wanted = checked_positions(positions, n, "positions").astype(np.intp)
        added = None if bonus is None else checked_bonus(bonus, n)
        return self._scores(wanted, queries[0].astype(np.float64), added)

    def search_many(
        self,
        queries: Floats,
        counts: int | Positions,
        *,
        excluded: Matrix | None = None,
        only: Filter | None = None,
        bonus: Matrix | None = None,
    ) -> Lists:
        """The products of a block of queries at once, then the best of each row."""
        queries = checked_queries(queries, self._factors.shape[1])
        shape, mask = (len(queries), len(self._factors)), self._mask(only)
        counts = checked_counts(counts, len(queries))
        check_rows(excluded, shape, "excluded")
        check_rows(bonus, shape, "bonus")
        if bonus is not None:
            check_bonus_scores(bonus.data)
        width = int(counts.max(initial=0))
        lists = Lists(np.full((len(queries), width), -1, np.int32), np.full((len(queries), width), -np.inf, np.float32))
        block = max(1, _PRODUCTS // max(1, shape[1]))
        for start in range(0, len(queries), block):
            with one_blas_thread():
                products = queries[start : start + block] @ self._factors.T
            for row, scores in enumerate(products, start):
                question = _Question(int(counts[row]), _items_of(excluded, row), mask, _bonus_of(bonus, row))
                found = self._best(scores, queries[row].astype(np.float64), question)
                lists.items[row, : len(found.items)] = found.items
                lists.scores[row, : len(found.items)] = found.scores
        return lists

    def _mask(self, only: Filter | None) -> NDArray[np.bool_] | None:
        if only is None:
            return None
        if not isinstance(only, NumpyFilter) or only.index is not self:
            refuse_foreign_filter()
        return only.mask

    def _best(self, products: Floats, query: Doubles, question: _Question) -> Found:
        """The best of one query's products, which are changed."""
        if question.bonus is not None:
            products[question.bonus.items] += question.bonus.scores
        positions = question.candidates(len(products))
        if question.count < len(positions):
            near = products[positions]
            last = len(near) - question.count
            kth = np.float64(np.partition(near, last)[last])
            positions = positions[near >= kth - 2 * self._error(query, question.bonus)]
        scores = self._scores(positions, query, question.bonus)
        order = np.lexsort((positions, -scores))[: question.count]
        return Found(positions[order].astype(np.int32), scores[order])

    def _error(self, query: Doubles, bonus: Bonus | None) -> float:
        """How far a product by BLAS, with its bonus, may be from the exact one; twice the bound, for good measure."""
        largest = float(np.linalg.norm(query)) * self._longest
        if bonus is not None:
            largest += float(np.abs(bonus.scores).max(initial=0))
        # Below the smallest normal number errors are absolute; so many of them at most.
        return (len(query) + 2) * (largest * 2.0**-23 + float(np.finfo(np.float32).tiny))

    def _scores(self, positions: NDArray[np.intp], query: Doubles, bonus: Bonus | None) -> Floats:
        """The scores of some items: `(positions,)` float32."""
        scores = np.empty(len(positions), np.float64)
        for start in range(0, len(positions), _RESCORED):
            part = slice(start, start + _RESCORED)
            scores[part] = (self._factors[positions[part]] * query).sum(axis=1)
        if bonus is not None:
            _, ours, theirs = np.intersect1d(positions, bonus.items, assume_unique=True, return_indices=True)
            scores[ours] += bonus.scores[theirs]
        return scores.astype(np.float32)


def _items_of(matrix: Matrix | None, row: int) -> Positions | None:
    if matrix is None:
        return None
    return matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]


def _bonus_of(matrix: Matrix | None, row: int) -> Bonus | None:
    if matrix is None:
        return None
    part = slice(matrix.indptr[row], matrix.indptr[row + 1])
    return Bonus(matrix.indices[part], matrix.data[part])
