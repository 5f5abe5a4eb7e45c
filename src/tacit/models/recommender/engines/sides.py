"""One side of the factors turned into the eigenbasis of its Gram matrix: what both engines fold in against.

In float64, whatever the engine trains in: with little regularisation, what rounding leaves in directions that the
factors hardly use would be divided by nearly 0, and folding in promises the exact row.  A block of rows is widened at a
time, so that nothing of the size of the factors is held but the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacit.models.recommender.engines.blas import one_blas_thread
from tacit.models.recommender.engines.checks import check_factors
from tacit.models.recommender.engines.interfaces import Doubles, FixedSide, Floats, Ridge

_BLOCK = 1 << 10
"""Rows of factors that are widened to float64 together."""


def fixed_side(factors: Floats, ridge: Ridge) -> FixedSide:
    """Prepare `(n, k)` factors to be solved against: O(n k²), and one copy of the factors, which is the result.

    Raises:
        Refused: `factors_invalid`.
    """
    check_factors(factors, "factors")
    rotated = np.empty_like(factors)
    with one_blas_thread():
        spectrum, basis = eigenbasis(gram(factors))
        rotate(factors, basis, out=rotated)
    return FixedSide(rotated, basis.astype(np.float32), spectrum.astype(np.float32), ridge)


def eigenbasis(gram_matrix: Doubles) -> tuple[Doubles, Doubles]:
    """The spectrum `(k,)` of a Gram matrix, ascending from 0 or above, and its eigenvectors as columns, `(k, k)`."""
    with one_blas_thread():
        spectrum, basis = np.linalg.eigh(gram_matrix)
    # Rounding can push an eigenvalue of a Gram matrix a hair below the 0 that bounds it.
    return np.maximum(spectrum, 0), basis


def gram(factors: Floats) -> Doubles:
    """`XᵀX` in float64: `(k, k)`."""
    total = np.zeros((factors.shape[1], factors.shape[1]))
    for block in blocks(len(factors)):
        wide = factors[block].astype(np.float64)
        total += wide.T @ wide
    return total


def rotate(factors: Floats, basis: Doubles, *, out: NDArray[Any]) -> None:
    """`out = factors @ basis`, multiplied in float64; `out` may be `factors`."""
    for block in blocks(len(factors)):
        out[block] = factors[block].astype(np.float64) @ basis


def blocks(rows: int) -> Iterator[slice]:
    """Ranges of rows to widen together."""
    for start in range(0, rows, _BLOCK):
        yield slice(start, start + _BLOCK)
