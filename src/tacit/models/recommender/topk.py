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
        `(rows, k)` intp. O(rows · n) time and memory, plus a full sort of the rows with a tie at the boundary.
    """
    rows, n = scores.shape
    width = min(k, n)
    found = np.full((rows, k), -1, np.intp)
    if not width:
        return found
    best = np.argpartition(-scores, width - 1, axis=1)[:, :width] if width < n else np.tile(np.arange(n), (rows, 1))
    kth = np.take_along_axis(scores, best, axis=1).min(axis=1, keepdims=True)
    # A tie across the boundary lets argpartition pick any of the equals; those rows are sorted whole.
    for row in np.flatnonzero((scores >= kth).sum(axis=1) > width):
        best[row] = np.argsort(-scores[row], kind="stable")[:width]
    best.sort(axis=1)
    values = np.take_along_axis(scores, best, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    ordered = np.take_along_axis(best, order, axis=1)
    real = np.isfinite(np.take_along_axis(values, order, axis=1))
    found[:, :width] = np.where(real, ordered, -1)
    return found


def best_of(scores: Floats, k: int) -> NDArray[np.intp]:
    """`top_k` of one `(n,)` row, without the filling."""
    found = top_k(scores[None, :], k)[0]
    return np.asarray(found[found >= 0])
