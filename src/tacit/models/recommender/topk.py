"""The K best of many scores, exactly, ties broken by position."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def top_k(scores: Floats, k: int) -> NDArray[np.intp]:
    """Positions of the `k` highest scores of each row, best first; equal scores in order of position.

    Scores of -inf are out of the question: where fewer than `k` others exist, -1 fills the row.

    Args:
        scores: `(rows, n)` float32, no NaN. Not changed.
        k: How many.

    Returns:
        `(rows, k)` intp. O(rows · n) time and memory; only what reaches the k-th score is sorted.
    """
    rows, n = scores.shape
    found = np.full((rows, k), -1, np.intp)
    width = min(k, n)
    if not width:
        return found
    kth = np.partition(scores, n - width, axis=1)[:, n - width]
    # Everything that reaches the k-th score is a candidate, all equals at the boundary included.
    row, position = np.nonzero((scores >= kth[:, None]) & (scores > -np.inf))
    order = np.lexsort((position, -scores[row, position], row))
    row, position = row[order], position[order]
    place = np.arange(len(row)) - np.searchsorted(row, np.arange(rows))[row]
    kept = place < width
    found[row[kept], place[kept]] = position[kept]
    return found


def best_of(scores: Floats, k: int) -> NDArray[np.intp]:
    """`top_k` of one `(n,)` row, without the filling."""
    found = top_k(scores[None, :], k)[0]
    return np.asarray(found[found >= 0])
