"""The native engine's neighbours and sparse products, in portions short enough for Ctrl-C to be heard between them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tacit import _native
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

_PORTION_WORK = 100_000_000
"""How many additions each thread makes between two words to `progress`: about a tenth of a second."""

_PORTION_SLOTS = 8_000_000
"""How many entries a portion may set aside: 64 MB."""

_ROW_WORK = 500
"""What a row costs beside its additions."""


def neighbours(
    by_user: Matrix,
    by_item: Matrix,
    *,
    user_weights: Floats,
    source_scales: Floats,
    target_scales: Floats,
    keep: int,
    threads: int,
    progress: Progress = silent,
) -> Matrix:
    """`Engine.neighbours`: O(Σ_u d_u²) time, O(threads · n_items + n_items · keep) memory beside the two matrices.

    A pair whose similarity is 0, or too small for float32, is not kept.

    Raises:
        Refused: `matrix_invalid` where the two matrices do not fit each other, `weights_invalid` for weights or scales
            that are too few, not finite or out of range, and where a similarity overflows.
    """
    check_transposed(by_user, by_item)
    weights = checked_weights(user_weights, by_user.rows, "user_weights")
    source = checked_weights(source_scales, by_item.rows, "source_scales", positive=True)
    target = checked_weights(target_scales, by_item.rows, "target_scales", positive=True)
    check_keep(keep)
    n = by_item.rows
    width = max(1, min(keep, n - 1))
    counts = np.zeros(n, np.int64)
    # Pages that stay unused are never touched, so that this sets aside addresses rather than memory.
    items, scores = np.empty(n * width, np.int32), np.empty(n * width, np.float32)
    work = _native.product_work(by_item.indptr, by_item.indices, by_user.indptr) + n // 64
    given = (*_pattern(by_user), *_pattern(by_item), weights, source, target, width)
    filled = 0
    for first, last in _portions(work, slots=np.full(n, width), threads=threads):
        filled = _native.neighbours(*given, first, last, threads, counts, items, scores, filled)
        progress("neighbours", last / n)
    check_similarities(scores[:filled])
    return Matrix(_pointers(counts), items[:filled], scores[:filled], n)


def weighted_rows(histories: Matrix, rows: Matrix, *, threads: int, progress: Progress = silent) -> Matrix:
    """`Engine.weighted_rows`: what no history reaches is absent, what cancels out is there with 0.

    Beside the result, O(threads · columns) memory and one portion.

    Raises:
        Refused: `matrix_invalid` if the histories have not one column for each row of `rows`.
    """
    check_width(histories, rows.rows)
    if histories.rows == 1:  # one user, answered while somebody waits
        counts, columns, values = _product(histories, rows, first=0, last=1, threads=1)
        return Matrix(_pointers(counts), columns, values, rows.columns)
    work = _native.product_work(histories.indptr, histories.indices, rows.indptr)
    slots = np.minimum(work, rows.columns)
    parts = []
    for first, last in _portions(work + rows.columns // 64, slots=slots, threads=threads):
        parts.append(_product(histories, rows, first=first, last=last, threads=threads))
        progress("second voice", last / histories.rows)
    nothing = (np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))
    counts, columns, values = (np.concatenate(each) for each in zip(nothing, *parts, strict=True))
    return Matrix(_pointers(counts), columns, values, rows.columns)


def _pattern(matrix: Matrix) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    return matrix.indptr, matrix.indices


def _product(
    histories: Matrix, rows: Matrix, *, first: int, last: int, threads: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], Floats]:
    return _native.product(
        histories.indptr,
        histories.indices,
        histories.data,
        rows.indptr,
        rows.indices,
        rows.data,
        columns=rows.columns,
        first=first,
        last=last,
        threads=threads,
    )


def _portions(work: NDArray[np.int64], *, slots: NDArray[np.int64], threads: int) -> Iterator[tuple[int, int]]:
    """Ranges of rows, each of about the same work and at most so many slots, one row at least."""
    done, reserved = np.cumsum(work + _ROW_WORK), np.cumsum(slots)
    first = 0
    while first < len(work):
        work_before, slots_before = (done[first - 1], reserved[first - 1]) if first else (0, 0)
        by_work = int(np.searchsorted(done, work_before + _PORTION_WORK * threads, side="right"))
        by_slots = int(np.searchsorted(reserved, slots_before + _PORTION_SLOTS, side="right"))
        last = max(first + 1, min(by_work, by_slots))
        yield first, last
        first = last


def _pointers(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    indptr = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=indptr[1:])
    return indptr
