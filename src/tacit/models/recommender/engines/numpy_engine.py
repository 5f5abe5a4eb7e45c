"""The kernels in plain NumPy: the oracle of the tests, and what runs where no extension was built.

The objective is that of Hu, Koren and Volinsky (ICDM 2008, eq. 3) with the frequency-scaled regularisation of Rendle,
Krichene, Zhang and Koren ("Revisiting the Performance of iALS on Item Recommendation Benchmarks", RecSys 2022, eq. 6):

    L = Σ_{u,i} c_ui (p_ui - x_u·y_i)²  +  Σ_u λ_u |x_u|²  +  Σ_i λ_i |y_i|²

with `p_ui` 1 where user `u` met item `i` and 0 elsewhere, `c_ui = 1 + w_ui` where they met and 1 elsewhere.  With one
side `Y` held, row `u` of the other has its optimum where the derivative vanishes (Hu et al., eq. 4):

    (YᵀY + λ_u I + Y_uᵀ W_u Y_u) x = Y_uᵀ (1 + w_u),    `Y_u` the rows of `Y` that `u` met.

Two exact rearrangements make it affordable without a compiler:

* *Eigenbasis.* With `YᵀY = Q D Qᵀ` and `Z = Y Q`, row `u` solves `(Λ + Z_uᵀ W Z_u) q = Z_uᵀ (1 + w)` and `x = Q q`,
  where `Λ = D + λ_u I`: what all rows share is diagonal, whatever their own `λ_u`.
* *The smaller system.* A row with `d < k` items has, by the push-through identity,
  `q = Λ⁻¹ Z_uᵀ (W⁻¹ + Z_u Λ⁻¹ Z_uᵀ)⁻¹ W⁻¹ (1 + w)`: a `d x d` system instead of `k x k`.

Rows of like length are solved together, padded to the longest of them.  All sums are taken in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacit.data.interfaces import Progress, silent
from tacit.models.recommender.engines import numpy_explaining, sides
from tacit.models.recommender.engines.blas import one_blas_thread
from tacit.models.recommender.engines.checks import check_basis, check_half_step, check_sums, check_width, checked_row
from tacit.models.recommender.engines.explaining import Explainer
from tacit.models.recommender.engines.interfaces import (
    Doubles,
    FixedSide,
    Floats,
    HalfStep,
    Index,
    Positions,
    Ridge,
    Steps,
)
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.engines.numpy_index import NumpyIndex
from tacit.models.recommender.engines.numpy_neighbours import neighbours, weighted_rows

_BATCH = 1_000_000
"""How many gathered factors a batch of rows may hold: 8 MB of float64, some tenths of a second of work."""


class NumpyEngine:
    """Every kernel in NumPy and SciPy.  It starts no thread, and what BLAS shares out does not change what comes out.

    `half_step` always solves exactly, whatever `Steps` asks, and turns nothing: its basis is the identity.
    """

    @property
    def name(self) -> str:
        """`numpy`."""
        return "numpy"

    @property
    def threads(self) -> int:
        """1: its own."""
        return 1

    def transpose(self, matrix: Matrix) -> Matrix:
        """SciPy's conversion to columns, which is a counting sort: what it returns is sorted."""
        columns = matrix.scipy().tocsc()
        return Matrix.trusted(columns.indptr, columns.indices, columns.data, columns=matrix.rows)

    def half_step(
        self,
        solved: Floats,
        fixed: Floats,
        *,
        matrix: Matrix,
        ridge: Ridge,
        steps: Steps,
        progress: Progress = silent,
    ) -> HalfStep:
        """Every row's optimum by LAPACK; with a relaxation `ω`, `ω` times the way there."""
        check_half_step(solved, fixed, matrix)
        with one_blas_thread():
            before = objective(solved, fixed, matrix=matrix, ridge=ridge)
            if steps.relaxation:
                for rows, optimum in _optima(_Side.in_full(fixed, ridge), matrix, progress):
                    solved[rows] += np.float32(steps.relaxation) * (optimum - solved[rows])
        solved[matrix.counts == 0] = 0
        return HalfStep(before, np.eye(fixed.shape[1]))

    def weighted_sums(self, matrix: Matrix, factors: Floats, out: Floats, *, progress: Progress = silent) -> None:
        """SciPy's product, in float32."""
        check_sums(matrix, factors, out)
        out[:] = matrix.scipy() @ factors
        progress("adding up", 1.0)

    def rotate(self, factors: Floats, basis: Doubles) -> None:
        """Block by block, in float64."""
        check_basis(factors, basis)
        sides.rotate(factors, basis, out=factors)

    def fixed_side(self, factors: Floats, ridge: Ridge) -> FixedSide:
        """See `sides`."""
        return sides.fixed_side(factors, ridge)

    def solve(self, side: FixedSide, matrix: Matrix, *, progress: Progress = silent) -> Floats:
        """Each row in the smaller of its two systems: O(Σ_u min(d_u, k)² max(d_u, k))."""
        check_width(matrix, len(side.rotated))
        matrix.weights()
        solved = np.zeros((matrix.rows, len(side.spectrum)), np.float32)
        with one_blas_thread():
            for rows, optimum in _optima(_Side.of(side), matrix, progress):
                solved[rows] = optimum
        return solved

    def solve_row(self, side: FixedSide, items: Positions, weights: Floats) -> Floats:
        """`solve` for a matrix of one row."""
        row = checked_row(items, weights, len(side.rotated))
        if not row.nnz:
            return np.zeros(len(side.spectrum), np.float32)
        return np.asarray(_optimum(_Side.of(side), row, np.array([0]))[0], np.float32)

    def index(self, factors: Floats) -> Index:
        """Every product, every time; see `NumpyIndex`."""
        return NumpyIndex(factors)

    def neighbours(
        self,
        by_user: Matrix,
        by_item: Matrix,
        *,
        user_weights: Floats,
        source_scales: Floats,
        target_scales: Floats,
        keep: int,
        progress: Progress = silent,
    ) -> Matrix:
        """SciPy's sparse product, a block of items at a time."""
        return neighbours(
            by_user,
            by_item,
            user_weights=user_weights,
            source_scales=source_scales,
            target_scales=target_scales,
            keep=keep,
            progress=progress,
        )

    def shares(self, side: FixedSide, items: Positions, weights: Floats, *, wanted: Floats, explaining: int) -> Floats:
        """See `numpy_explaining`."""
        return numpy_explaining.shares(side, items, weights, wanted=wanted, explaining=explaining)

    def explainer(self, side: FixedSide, items: Positions, weights: Floats, *, explaining: int) -> Explainer:
        """See `numpy_explaining`; nothing is prepared."""
        return numpy_explaining.NumpyExplainer(side, items, weights, explaining)

    def strongest(self, contributions: Floats, most: int, *, least: float) -> tuple[Positions, Floats]:
        """See `numpy_explaining`."""
        return numpy_explaining.strongest(contributions, most, least=least)

    def entries(self, matrix: Matrix, rows: Positions, columns: Positions) -> Floats:
        """See `numpy_explaining`."""
        return numpy_explaining.entries(matrix, rows, columns)

    def weighted_rows(self, histories: Matrix, rows: Matrix) -> Matrix:
        """SciPy's sparse product."""
        return weighted_rows(histories, rows)


@dataclass(frozen=True)
class _Side:
    """A side to calculate with: the basis and the spectrum in float64, the rows as they are at hand."""

    rotated: NDArray[Any]
    basis: Doubles
    spectrum: Doubles
    ridge: Ridge

    @classmethod
    def of(cls, side: FixedSide) -> _Side:
        return cls(side.rotated, side.basis.astype(np.float64), side.spectrum.astype(np.float64), side.ridge)

    @classmethod
    def in_full(cls, factors: Floats, ridge: Ridge) -> _Side:
        """Without the rounding to float32 of a `FixedSide`: a half step is what others are compared with."""
        spectrum, basis = sides.eigenbasis(sides.gram(factors))
        rotated = np.empty(factors.shape, np.float64)
        sides.rotate(factors, basis, out=rotated)
        return cls(rotated, basis, spectrum, ridge)


def _optima(side: _Side, matrix: Matrix, progress: Progress) -> Iterator[tuple[NDArray[np.intp], Floats]]:
    """The rows with observations, batch by batch, each with its optimum `(rows, k)` float32."""
    done, total = 0, int(matrix.indptr[-1])
    for rows in _batches(matrix.counts, len(side.spectrum)):
        yield rows, _optimum(side, matrix, rows)
        done += int(matrix.counts[rows].sum())
        progress("solving", done / total)


def _optimum(side: _Side, matrix: Matrix, rows: NDArray[np.intp]) -> Floats:
    """The exact factors of rows of like length, each with at least one observation: `(rows, k)` float32."""
    counts = matrix.counts[rows]
    slots = np.arange(counts.max())
    real = slots < counts[:, None]  # (rows, longest): false where a row is padded
    at = np.where(real, matrix.indptr[rows][:, None] + slots, 0)
    w = np.where(real, matrix.data[at].astype(np.float64), 0)  # (rows, longest)
    z = side.rotated[matrix.indices[at]].astype(np.float64)  # (rows, longest, k)
    shared = side.spectrum + side.ridge.of(counts, len(side.rotated))[:, None]  # (rows, k): Λ
    solve = _solve_dual if len(slots) < len(side.spectrum) else _solve_primal
    return np.asarray(solve(z, w, real=real, shared=shared) @ side.basis.T, np.float32)


def _solve_primal(z: Doubles, w: Doubles, *, real: NDArray[np.bool_], shared: Doubles) -> Doubles:
    """`(Λ + Zᵀ W Z) q = Zᵀ (1 + w)`: `k x k` per row, `(rows, k)`."""
    system = (z * w[..., None]).transpose(0, 2, 1) @ z
    diagonal = np.arange(system.shape[-1])
    system[:, diagonal, diagonal] += shared
    right = np.einsum("rdk,rd->rk", z, np.where(real, 1 + w, 0))
    return np.asarray(np.linalg.solve(system, right[..., None])[..., 0])


def _solve_dual(z: Doubles, w: Doubles, *, real: NDArray[np.bool_], shared: Doubles) -> Doubles:
    """`q = Λ⁻¹ Zᵀ v`, `(W⁻¹ + Z Λ⁻¹ Zᵀ) v = W⁻¹ (1 + w)`: `d x d` per row; a padded slot gets weight 1 and `v = 0`."""
    z = z * real[..., None]
    scaled = z / shared[:, None, :]
    inverse = 1 / np.where(real, w, 1)
    system = scaled @ z.transpose(0, 2, 1)
    diagonal = np.arange(system.shape[-1])
    system[:, diagonal, diagonal] += inverse
    right = np.where(real, inverse * (1 + w), 0)
    dual = np.linalg.solve(system, right[..., None])[..., 0]
    return np.asarray(np.einsum("rdk,rd->rk", scaled, dual))


def _batches(counts: NDArray[np.int64], k: int) -> Iterator[NDArray[np.intp]]:
    """Rows with observations, those of like length together, so that padding stays small."""
    order = np.argsort(counts, kind="stable")
    lengths = counts[order]
    start = int(np.searchsorted(lengths, 1))
    while start < len(order):
        # A batch spans lengths up to a quarter more than its shortest row, and one row at least.
        stop = int(np.searchsorted(lengths, lengths[start] + lengths[start] // 4 + 1))
        most = _BATCH // (int(lengths[stop - 1]) * k)
        stop = min(stop, start + max(1, most))
        yield order[start:stop]
        start = stop


def objective(solved: Floats, fixed: Floats, *, matrix: Matrix, ridge: Ridge) -> float:
    """The objective `L` of the module's docstring, in float64: O(nnz k + (rows + columns) k²).

    `Σ_{u,i} (x_u·y_i)²` over all cells is the sum of the elementwise product of the two Gram matrices; what was met
    adds `(1 + w) (1 - s)² - s²` to its cell.
    """
    total = float(np.sum(sides.gram(solved) * sides.gram(fixed)))
    rows = np.repeat(np.arange(matrix.rows), matrix.counts)
    step = max(1, _BATCH // fixed.shape[1])
    for start in range(0, matrix.nnz, step):
        part = slice(start, start + step)
        pairs = solved[rows[part]].astype(np.float64), fixed[matrix.indices[part]].astype(np.float64)
        scores = np.einsum("nk,nk->n", *pairs)
        total += float(np.sum((1 + matrix.data[part].astype(np.float64)) * (1 - scores) ** 2 - scores**2))
    of_solved = _penalty(solved, ridge.of(matrix.counts, matrix.columns))
    return total + of_solved + _penalty(fixed, ridge.of(matrix.column_counts, matrix.rows))


def _penalty(factors: Floats, ridge: Floats) -> float:
    """`Σ λ_u |x_u|²`."""
    lengths = (np.square(factors[part], dtype=np.float64).sum(axis=1) for part in sides.blocks(len(factors)))
    return float(ridge.astype(np.float64) @ np.concatenate([np.empty(0), *lengths]))
