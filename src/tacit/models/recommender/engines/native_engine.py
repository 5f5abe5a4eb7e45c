"""The native engine: what `NumpyEngine` does, in C++, many times faster.

Training is worked out in `src/native/training_*`: the turn into the eigenbasis of the fixed side, a half precision copy
of it to gather from, and a few preconditioned steps per row from where the row stands.  Here are the small dense
decompositions, the scaling, and the portions that let progress be told and Ctrl-C be heard.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from tacit import _native
from tacit.data.interfaces import Progress, silent
from tacit.errors import Refused
from tacit.models.recommender.engines import native_neighbours, sides
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
from tacit.models.recommender.engines.numpy_explaining import diagonal_of

_PORTION = 3e9
"""Multiply-adds that each thread makes between two words to `progress`: about a tenth of a second."""

_HALF_CEILING = 2.0**14
"""Where the largest number of a half precision copy is put at most: four times below the format's end."""

_HALF_FLOOR = 2.0**-14
"""The least number that half precision holds with all its digits."""


class NativeEngine:
    """The kernels of `tacit._native`, on so many threads; no result depends on how many."""

    def __init__(self, threads: int = 1) -> None:
        self._threads = max(1, threads)

    @property
    def name(self) -> str:
        """`native` and the instruction set that runs."""
        return f"native {_native.isa()}"

    @property
    def threads(self) -> int:
        """How many threads it uses."""
        return self._threads

    def transpose(self, matrix: Matrix) -> Matrix:
        """A counting sort, in parallel: O(nnz + rows + columns · threads)."""
        indptr = np.empty(matrix.columns + 1, np.int64)
        indices, data = np.empty(matrix.nnz, np.int32), np.empty(matrix.nnz, np.float32)
        _native.transpose(matrix.indptr, matrix.indices, matrix.data, indptr, indices, data, self._threads)
        turned = Matrix.trusted(indptr, indices, data, columns=matrix.rows)
        # Either's columns are the other's rows: what is known now need not be counted entry by entry later.
        vars(matrix)["column_counts"], vars(turned)["column_counts"] = turned.counts, matrix.counts
        return turned

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
        """O(nnz k (steps + 1) + (rows + columns) k²); beside the factors, a half precision copy of the fixed side.

        Factors of any magnitude are solved alike: the fixed side is scaled by a power of two `s` so that it fits half
        precision, and the other by `1 / s`, which leaves products as they are and turns `λ` into `s² λ`, `D` into
        `s² D`.  A side whose rows differ by more than half precision spans is gathered in float32.

        The loss comes from the residuals that the steps start with, and costs nothing more.
        """
        # Without a pass over both sides: the kernels find what is not finite as they go.
        check_half_step(solved, fixed, matrix, scan=False)
        scale, spectrum, basis = self._eigenbasis(fixed, progress)
        square = scale * scale
        turned = np.ascontiguousarray(basis, np.float32)
        with np.errstate(over="ignore"):  # the loss tells: it is no number then
            scaled = np.asarray(spectrum * square, np.float32)
            ridges = ridge.of(matrix.counts, matrix.columns) * np.float32(square)
        side = _native.FixedRows(fixed, turned, scaled, scale, halved=steps.method != "cholesky")
        penalty = self._turn(side, ridge.of(matrix.column_counts, matrix.rows), shape=fixed.shape, progress=progress)
        loss = penalty / square
        for first, last in _portions(matrix, fixed.shape[1], steps, threads=self._threads):
            loss = self._step(side, solved, loss, rows=(first, last), matrix=matrix, ridges=ridges, steps=steps)
            if not math.isfinite(loss):
                raise _not_finite("solved")
            progress("solving", last / matrix.rows)
        return HalfStep(loss, basis)

    def _step(
        self,
        side: _native.FixedRows,
        solved: Floats,
        loss: float,
        *,
        rows: tuple[int, int],
        matrix: Matrix,
        ridges: Floats,
        steps: Steps,
    ) -> float:
        """Move a range of rows; `loss` and their share of the objective before."""
        return side.step(
            loss,
            solved,
            matrix.indptr,
            matrix.indices,
            matrix.data,
            ridges,
            *rows,
            steps=steps.count,
            relaxation=steps.relaxation,
            exact=steps.method == "cholesky",
            threads=self._threads,
        )

    def _turn(self, side: _native.FixedRows, ridges: Floats, *, shape: tuple[int, int], progress: Progress) -> float:
        """Turn the fixed side; its penalty `Σ λ_i |y_i|²`, of the scaled rows."""
        penalty, smallest = 0.0, math.inf
        for first, last in _ranges(*shape, threads=self._threads):
            penalty, least = side.turn(penalty, first, last, ridges, self._threads)
            smallest = min(smallest, least)
            progress("solving", 0.0)
        if smallest < _HALF_FLOOR:
            side.drop_half()
        return penalty

    def _eigenbasis(self, factors: Floats, progress: Progress = silent) -> tuple[float, Doubles, Doubles]:
        """A power of two to scale factors with; the spectrum of their Gram matrix, not scaled; its eigenvectors."""
        gram, largest = self._gram(factors, 1.0, progress)
        if not math.isfinite(largest) or math.isnan(float(np.trace(gram))):
            raise _not_finite("fixed")
        scale = _scale(largest, factors.shape[1])
        if not 2.0**-40 < largest < 2.0**40:  # float32 sums of squares may have left the range
            gram, _ = self._gram(factors, scale, progress)
            gram /= scale * scale
        return scale, *sides.eigenbasis(gram)

    def _gram(self, factors: Floats, scale: float, progress: Progress) -> tuple[Doubles, float]:
        total, largest = np.zeros((factors.shape[1],) * 2), 0.0
        for first, last in _ranges(*factors.shape, threads=1):
            gram, most = _native.gram(factors[first:last], scale, self._threads)
            total += gram
            largest = max(largest, most)
            progress("solving", 0.0)
        return total, largest

    def weighted_sums(self, matrix: Matrix, factors: Floats, out: Floats, *, progress: Progress = silent) -> None:
        """One pass over the entries, from a half precision copy of the factors."""
        check_sums(matrix, factors, out, scan=False)
        k = factors.shape[1]
        largest = max(float(np.max(factors, initial=0.0)), -float(np.min(factors, initial=0.0)))
        if not math.isfinite(largest):  # NaN is the largest and the smallest of all
            raise _not_finite("factors")
        rows = _native.HalfRows(factors, _largest_scale(largest), self._threads)
        for first, last in _portions(matrix, k, Steps(count=0), threads=self._threads):
            rows.sums(matrix.indptr, matrix.indices, matrix.data, out[first:last], first, self._threads)
            progress("adding up", last / matrix.rows)

    def rotate(self, factors: Floats, basis: Doubles) -> None:
        """Block by block, in float32, in place."""
        check_basis(factors, basis)
        self._rotate(factors, basis)

    def _rotate(self, factors: Floats, basis: Doubles) -> None:
        turned = np.ascontiguousarray(basis, np.float32)
        for first, last in _ranges(*factors.shape, threads=self._threads):
            _native.rotate(factors[first:last], turned, self._threads)

    def fixed_side(self, factors: Floats, ridge: Ridge) -> FixedSide:
        """See `sides`; in float64, unlike a half step."""
        return sides.fixed_side(factors, ridge)

    def solve(self, side: FixedSide, matrix: Matrix, *, progress: Progress = silent) -> Floats:
        """By conjugate gradients until a bound on the error holds, by Cholesky in float64 where float32 cannot."""
        check_width(matrix, len(side.rotated))
        matrix.weights()
        k = len(side.spectrum)
        scale = _side_scale(side)
        spectrum = side.spectrum * np.float32(scale * scale)
        ridges = side.ridge.of(matrix.counts, matrix.columns) * np.float32(scale * scale)
        back = np.ascontiguousarray(side.basis.T)
        solved = np.empty((matrix.rows, k), np.float32)
        for first, last in _portions(matrix, k, Steps(count=16), threads=self._threads):
            out = solved[first:last]
            _native.solve_rows(
                side.rotated,
                spectrum,
                scale,
                matrix.indptr,
                matrix.indices,
                matrix.data,
                ridges,
                out=out,
                first=first,
                threads=self._threads,
            )
            _native.rotate(out, back, self._threads)
            progress("solving", last / matrix.rows)
        return solved

    def solve_row(self, side: FixedSide, items: Positions, weights: Floats) -> Floats:
        """As `solve`, in one call: some microseconds."""
        ridge = side.ridge
        strength = (
            ridge.regularization * (ridge.mean_weight * len(items) + len(side.rotated)) ** ridge.frequency_exponent
        )
        scale = _side_scale(side)
        spectrum = side.spectrum if scale == 1.0 else side.spectrum * np.float32(scale * scale)
        try:
            return _native.solve_row(
                side.rotated, side.basis, spectrum, scale, items, weights, strength * scale * scale
            )
        except (IndexError, TypeError, ValueError):
            row = checked_row(items, weights, len(side.rotated))  # says what is wrong, or puts the types right
            return _native.solve_row(
                side.rotated, side.basis, spectrum, scale, row.indices, row.data, strength * scale * scale
            )

    def index(self, factors: Floats) -> Index:
        """See `NativeIndex`."""
        from tacit.models.recommender.engines.native_index import NativeIndex

        index: Index = NativeIndex(factors, threads=self._threads)
        return index

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
        """See `native_neighbours`."""
        return native_neighbours.neighbours(
            by_user,
            by_item,
            user_weights=user_weights,
            source_scales=source_scales,
            target_scales=target_scales,
            keep=keep,
            threads=self._threads,
            progress=progress,
        )

    def shares(self, side: FixedSide, items: Positions, weights: Floats, *, wanted: Floats, explaining: int) -> Floats:
        """In float64, by Cholesky: some tens of microseconds for fifty items."""
        wide = np.ascontiguousarray(wanted, np.float32)
        return _native.shares(side.rotated, diagonal_of(side, len(items)), items, weights, wide, explaining)

    def explainer(self, side: FixedSide, items: Positions, weights: Floats, *, explaining: int) -> Explainer:
        """The factor of the smaller system, and the rows: sixty kilobytes for sixty items and 128 factors."""
        return _native.Explainer(side.rotated, diagonal_of(side, len(items)), items, weights, explaining)

    def strongest(self, contributions: Floats, most: int, *, least: float) -> tuple[Positions, Floats]:
        """In one pass over each row."""
        return _native.strongest(np.ascontiguousarray(contributions, np.float32), most, least)

    def entries(self, matrix: Matrix, rows: Positions, columns: Positions) -> Floats:
        """A search in each row for each column."""
        return _native.entries(matrix.indptr, matrix.indices, matrix.data, rows, columns)

    def weighted_rows(self, histories: Matrix, rows: Matrix) -> Matrix:
        """See `native_neighbours`."""
        return native_neighbours.weighted_rows(histories, rows, threads=self._threads)


def _scale(largest: float, k: int) -> float:
    """The power of two that brings rows of `k` numbers up to `largest` below the ceiling, turned however they may be.

    It stays within 2^±40 … 2^±90, so that its square times a ridge is a float32.
    """
    if largest == 0.0:
        return 1.0
    exponent = math.floor(math.log2(_HALF_CEILING) - math.log2(largest) - math.log2(k) / 2)
    return 2.0 ** max(-90, min(40, exponent))


def _largest_scale(largest: float) -> float:
    """The power of two that brings numbers up to `largest` below the ceiling; as `1 / s`, it is a float32 too."""
    return 1.0 if largest == 0.0 else 2.0 ** max(-120, min(120, math.floor(math.log2(_HALF_CEILING / largest))))


def _side_scale(side: FixedSide) -> float:
    """1, unless the largest eigenvalue (they ascend) says that float32 products would leave the range."""
    top = float(side.spectrum[-1])
    if top == 0.0 or 2.0**-60 < top < 2.0**60:
        return 1.0
    return 2.0 ** max(-90, min(40, -round(math.log2(top) / 2)))


def _portions(matrix: Matrix, k: int, steps: Steps, *, threads: int) -> Iterator[tuple[int, int]]:
    """Ranges of rows of about the same work, each a multiple of the kernel's block of rows."""
    per_entry = k * (2 * steps.count + 1) if steps.method == "cg" else 16 * k * k
    per_row = k * k if steps.method == "cg" else k * k * k
    unit = _native.BLOCK_ROWS
    ends = np.append(np.arange(unit, matrix.rows, unit), matrix.rows)
    work = matrix.indptr[ends] * float(per_entry) + ends * float(per_row)
    first = 0
    while first < matrix.rows:
        block = first // unit
        before = work[block - 1] if block else 0.0
        stop = int(np.searchsorted(work, before + _PORTION * threads, side="right"))
        last = int(ends[min(max(stop, block + 1), len(ends)) - 1])
        yield first, last
        first = last


def _ranges(rows: int, k: int, *, threads: int) -> Iterator[tuple[int, int]]:
    """Ranges of dense rows of about the same work."""
    step = max(1024, int(_PORTION * threads) // (k * k) // 1024 * 1024)
    for first in range(0, rows, step):
        yield first, min(rows, first + step)


def _not_finite(name: str) -> Refused:
    return Refused(
        "factors_invalid",
        f"The factors `{name}` hold numbers that are not finite.",
        field=name,
        fix="Give finite float32 rows.",
    )
