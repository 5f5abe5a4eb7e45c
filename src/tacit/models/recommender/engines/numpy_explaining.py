"""Scores taken apart in NumPy: what each item of a history adds to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tacit.models.recommender.engines.blas import one_blas_thread
from tacit.models.recommender.engines.interfaces import Doubles, FixedSide, Floats, Positions
from tacit.models.recommender.engines.matrix import Matrix


def shares(side: FixedSide, items: Positions, weights: Floats, *, wanted: Floats, explaining: int) -> Floats:
    """See `Engine.shares`."""
    diagonal = diagonal_of(side, len(items))
    w = weights.astype(np.float64)
    with one_blas_thread():
        z = side.rotated[items].astype(np.float64)  # (d, k)
        together = between(z, wanted.astype(np.float64), w, diagonal=diagonal)
    return np.asarray(((1 + w)[:, None] * together)[:explaining].T, np.float32)


def strongest(contributions: Floats, most: int, *, least: float) -> tuple[Positions, Floats]:
    """See `Explaining.strongest`; by a stable sort of each row."""
    positive = np.maximum(contributions, 0)
    whole = np.maximum(positive.sum(axis=1, keepdims=True, dtype=np.float64), np.finfo(np.float32).tiny)
    parts = (positive / whole).astype(np.float32)
    columns = np.argsort(-parts, axis=1, kind="stable")[:, :most].astype(np.int32)
    found = np.take_along_axis(parts, columns, axis=1)
    padding = ((0, 0), (0, most - columns.shape[1]))
    columns, found = np.pad(columns, padding, constant_values=-1), np.pad(found, padding)
    is_left_out = (found < np.float32(least)) | (columns < 0)
    return np.where(is_left_out, -1, columns).astype(np.int32), np.where(is_left_out, 0, found).astype(np.float32)


@dataclass(frozen=True)
class NumpyExplainer:
    """An `Explainer` that works everything out anew."""

    side: FixedSide
    items: Positions
    weights: Floats
    explaining: int

    @property
    def memory_bytes(self) -> int:
        """The history itself."""
        return self.items.nbytes + self.weights.nbytes

    def strongest(self, targets: NDArray[np.intp], most: int, *, least: float) -> tuple[Positions, Floats] | None:
        """See `Explainer.strongest`."""
        if len(targets) and not 0 <= targets.min() <= targets.max() < len(self.side.rotated):
            return None
        wanted = self.side.rotated[targets]
        told = shares(self.side, self.items, self.weights, wanted=wanted, explaining=self.explaining)
        columns, parts = strongest(told, most, least=least)
        return np.where(columns >= 0, self.items[columns], -1).astype(np.int32), parts


def diagonal_of(side: FixedSide, count: int) -> Doubles:
    """`Λ` of a row of so many items: `(k,)`, the spectrum and the row's ridge."""
    ridge = side.ridge
    strength = (ridge.mean_weight * count + len(side.rotated)) ** ridge.frequency_exponent
    return np.asarray(side.spectrum.astype(np.float64) + float(np.float32(ridge.regularization * strength)))


def between(z: Doubles, wanted: Doubles, weights: Doubles, *, diagonal: Doubles) -> Doubles:
    """`Z A⁻¹ Tᵀ` with `A = Λ + Zᵀ W Z`, through the smaller of two systems: `(d, targets)`.

    With fewer rows than factors it is `W⁻¹ (W⁻¹ + Z Λ⁻¹ Zᵀ)⁻¹ Z Λ⁻¹ Tᵀ`, by the push-through identity.
    """
    if len(z) >= z.shape[1]:
        system = np.diag(diagonal) + (z * weights[:, None]).T @ z
        return np.asarray(z @ np.linalg.solve(system, wanted.T))
    scaled = z / diagonal
    system = scaled @ z.T + np.diag(1 / weights)
    return np.asarray(np.linalg.solve(system, scaled @ wanted.T) / weights[:, None])


def entries(matrix: Matrix, rows: Positions, columns: Positions) -> Floats:
    """See `Engine.entries`; O(entries of the rows · log columns)."""
    found: Floats = np.zeros((len(columns), len(rows)), np.float32)
    if not len(columns) or not len(rows):
        return found
    counts = matrix.counts[rows]
    at = np.repeat(matrix.indptr[rows] - np.cumsum(counts) + counts, counts) + np.arange(int(counts.sum()))
    of_row = np.repeat(np.arange(len(rows)), counts)
    distinct, copies = np.unique(columns, return_inverse=True)
    place = np.searchsorted(distinct, matrix.indices[at])
    hit = distinct[np.minimum(place, len(distinct) - 1)] == matrix.indices[at]
    dense: Floats = np.zeros((len(distinct), len(rows)), np.float32)
    dense[place[hit], of_row[hit]] = matrix.data[at[hit]]
    return dense[copies]
