"""Exact top-K by the compiled scan, with the cheap checks first.

The kernels quantise items and query to eight bits, bound by Cauchy-Schwarz how far the integer product may be from the
true one, and compute in float32 only what the bound cannot rule out; items stand in order of norm, so that the scan
ends where none further down can matter.  `src/native/retrieval_kernels.cpp` derives it.

A query costs a few microseconds, as much as a handful of NumPy checks.  So the kernel is asked first, which checks
types, shapes, ranges and finiteness on its way; only what it rejects is looked at here, converted if it can be, and
else refused in the words both engines use.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tacit import _native
from tacit.errors import Refused
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
from tacit.models.recommender.engines.interfaces import Bonus, Filter, Floats, Found, Lists, Positions
from tacit.models.recommender.engines.matrix import Matrix

_PORTION_SECONDS = 0.15
"""How long the kernel may keep Python from hearing Ctrl-C."""

_FIRST_PORTION = 256
"""Queries of each thread's first portion, before we know how long they take."""


_MOST_ITEMS = 2**31 - 1
"""Positions are int32."""

_LONG = 1e30
"""The square of a length, far below where products overflow."""

_COARSE_BYTES = 3 << 20
"""Codes that take more than this leave the second-level cache, and are worth a plane of four bits to read first."""


@dataclass(frozen=True)
class Effort:
    """What a search looked at.

    Attributes:
        scanned: Items whose eight-bit codes were multiplied, all queries together.
        rescored: Items whose float32 product was computed.
    """

    scanned: int
    rescored: int


class NativeIndex:
    """Exact retrieval over factors that are kept by reference, memory-mapped or not, and must not change.

    Building costs O(n k + n log n).  The codes take k + 9 bytes an item beside the factors, half as much again where
    they are many.  An index may be asked from many threads at once.  The answer is the same to the bit on every
    processor and for any number of threads.
    """

    def __init__(self, factors: Floats, *, threads: int = 1) -> None:
        """Prepare `(n, k)` float32 factors, `k` at most 8,192.

        Raises:
            Refused: `factors_invalid` for another type or layout, values that are not finite, norms beyond 2^63.
        """
        self._index = _prepared(factors, threads)
        self._shape = factors.shape
        self._threads = threads

    @property
    def memory_bytes(self) -> int:
        """The codes, scales, bounds and orders."""
        return self._index.memory_bytes

    def filter(self, mask: NDArray[np.bool_]) -> Filter:
        """Flags in order of norm: n / 8 bytes; where fewer than a quarter pass, a copy of their codes as well."""
        return self._index.filter(np.ascontiguousarray(checked_mask(mask, self._shape[0])))

    def search(
        self,
        query: Floats,
        count: int,
        *,
        excluded: Positions | None = None,
        only: Filter | None = None,
        bonus: Bonus | None = None,
    ) -> Found:
        """As `Index.search`; O(n k) at worst, and as far as the norms reach in practice."""
        items, scores, _, _ = self._asked(query, count, excluded=excluded, only=only, bonus=bonus)
        return Found(items, scores)

    def effort(
        self,
        query: Floats,
        count: int,
        *,
        excluded: Positions | None = None,
        only: Filter | None = None,
        bonus: Bonus | None = None,
    ) -> Effort:
        """What `search` has to look at for the same question."""
        _, _, scanned, rescored = self._asked(query, count, excluded=excluded, only=only, bonus=bonus)
        return Effort(scanned, rescored)

    def products(self, query: Floats, positions: Positions, *, bonus: Bonus | None = None) -> Floats:
        """As `Index.products`, sums in the scan's own fixed order."""
        wanted = positions
        try:
            if not np.dot(query, query) < _LONG:  # nor is what is no number
                raise ValueError("it is to be looked at closely")
            scores = self._index.products(query, wanted)
        except (TypeError, ValueError):
            queries = checked_queries(np.asarray(query)[None], self._shape[1])
            wanted = checked_positions(positions, self._shape[0], "positions")
            scores = self._index.products(queries[0], wanted)
        added = None if bonus is None else checked_bonus(bonus, self._shape[0])
        if added is not None and len(added.items):
            at = np.minimum(np.searchsorted(added.items, wanted), len(added.items) - 1)
            hit = added.items[at] == wanted
            scores[hit] += added.scores[at[hit]]
        return scores

    def search_many(
        self,
        queries: Floats,
        counts: int | Positions,
        *,
        excluded: Matrix | None = None,
        only: Filter | None = None,
        bonus: Matrix | None = None,
    ) -> Lists:
        """As `Index.search_many`; groups of queries share each piece of the codes while it is in cache."""
        queries = checked_queries(queries, self._shape[1])
        counts = checked_counts(counts, len(queries))
        check_rows(excluded, (len(queries), self._shape[0]), "excluded")
        check_rows(bonus, (len(queries), self._shape[0]), "bonus")
        if bonus is not None:
            check_bonus_scores(bonus.data)
        shape = len(queries), int(counts.max(initial=0))
        lists = Lists(np.empty(shape, np.int32), np.empty(shape, np.float32))
        ask = partial(
            self._index.search_many,
            queries=queries,
            counts=counts,
            excluded_starts=None if excluded is None else excluded.indptr,
            excluded_items=None if excluded is None else excluded.indices,
            only=self._own(only),
            bonus_starts=None if bonus is None else bonus.indptr,
            bonus_items=None if bonus is None else bonus.indices,
            bonus_scores=None if bonus is None else bonus.data,
            found=lists.items,
            scores=lists.scores,
            threads=self._threads,
        )
        try:
            _in_portions(ask, len(queries), self._threads)
        except ValueError as problem:  # of a matrix that nobody checked
            raise Refused("query_invalid", f"Rejected: {problem}.", fix="Make matrices with Matrix.of.") from None
        return lists

    def _asked(
        self,
        query: Floats,
        count: int,
        *,
        excluded: Positions | None,
        only: Filter | None,
        bonus: Bonus | None,
    ) -> tuple[Positions, Floats, int, int]:
        items, scores = (None, None) if bonus is None else (bonus.items, bonus.scores)
        try:
            return self._index.search(query, count, excluded, only, items, scores)
        except (TypeError, ValueError):
            n, k = self._shape
            queries = checked_queries(np.asarray(query)[None], k)
            number = int(checked_counts(count, 1)[0])
            if excluded is not None:
                excluded = np.ascontiguousarray(checked_positions(excluded, n, "excluded"))
            if bonus is not None:
                checked = checked_bonus(bonus, n)
                items, scores = np.ascontiguousarray(checked.items), np.ascontiguousarray(checked.scores)
            return self._index.search(queries[0], number, excluded, self._own(only), items, scores)

    def _own(self, only: Filter | None) -> _native.ItemFilter | None:
        if only is None:
            return None
        if not isinstance(only, _native.ItemFilter) or not self._index.prepared(only):
            refuse_foreign_filter()
        return only


def _in_portions(ask: Callable[..., object], queries: int, threads: int) -> None:
    """Ask about all queries, a range at a time, each as long as the last one's pace allows."""
    first, portion = 0, _FIRST_PORTION * threads
    while first < queries:
        last = min(first + portion, queries)
        started = time.monotonic()
        ask(first=first, last=last)
        pace = _PORTION_SECONDS / max(time.monotonic() - started, 1e-6)
        portion = max(1, int(min(4.0, pace) * (last - first)))
        first = last


def _prepared(factors: Floats, threads: int) -> _native.ItemIndex:
    try:
        if len(factors) > _MOST_ITEMS:
            raise ValueError(f"there are {len(factors)} items")
        return _native.ItemIndex(factors, threads, _COARSE_BYTES)
    except (TypeError, ValueError) as problem:
        check_factors(factors, "factors")
        check_lengths(factors)
        raise Refused(
            "factors_invalid",
            f"The factors `factors` cannot be indexed: {problem}.",
            field="factors",
            fix="Use at most 8,192 factors and fewer than 2^31 items.",
        ) from None
