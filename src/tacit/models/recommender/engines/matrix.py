"""A sparse matrix that was checked: what every kernel takes, so that none can be crashed by what it is given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tacit.errors import Refused

_LARGEST = np.iinfo(np.int32).max
"""Rows and columns are numbered in int32, both, for a transposition swaps them."""

_CHUNK = 1 << 20
"""Entries looked at together: what a check allocates stays within a few megabytes, whatever the matrix."""


@dataclass(frozen=True, eq=False)
class Matrix:
    """Compressed sparse rows: sorted, without duplicates, in range, finite.

    Build one with `Matrix.of`, which checks; `Matrix.trusted` is for results of our own kernels.  Rows and columns
    without entries are legal, and so is a matrix without any.  The arrays may be memory-mapped; none is written to.

    Attributes:
        indptr: `(rows + 1,)` int64, rising from 0 to the number of entries.
        indices: `(nnz,)` int32, ascending within a row.
        data: `(nnz,)` float32, finite.
        columns: Number of columns.
    """

    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    data: NDArray[np.float32]
    columns: int

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.indptr) - 1

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, self.columns

    @property
    def nnz(self) -> int:
        """Number of entries."""
        return len(self.indices)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """`(rows,)` entries of each row."""
        return np.diff(self.indptr)

    @cached_property
    def column_counts(self) -> NDArray[np.int64]:
        """`(columns,)` entries of each column."""
        counts = np.zeros(self.columns, np.int64)
        for part in _chunks(self.nnz):
            # A chunk at a time: bincount widens what it counts to int64.
            counts += np.bincount(self.indices[part], minlength=self.columns)
        return counts

    @classmethod
    def of(cls, csr: Any) -> Matrix:
        """A checked matrix from a SciPy CSR array, in O(nnz + rows) and a few megabytes beside the result.

        Arrays that already have the right types are shared, not copied.  Nothing is sorted or merged in place: what
        was given may belong to somebody else, or to a file.

        Raises:
            Refused: `matrix_invalid`, naming the row and what is wrong: unsorted or repeated columns, a column or a
                row pointer out of range (as when the number of entries overflowed int32), a value that is not finite,
                arrays whose lengths disagree, or something other than compressed sparse rows in two dimensions.
        """
        rows, columns = _shape(csr)
        indptr = np.ascontiguousarray(_whole(csr, "indptr"), np.int64)
        indices, values = _whole(csr, "indices"), _real(csr)
        _check_pointers(indptr, rows=rows, nnz=len(indices))
        if len(values) != len(indices):
            _refuse(f"{len(values)} values stand beside {len(indices)} columns", "Give each entry one value.")
        _check_columns(indices, indptr, columns=columns)
        with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite, and is refused as such
            data = np.ascontiguousarray(values, np.float32)
        _check_finite(data, indptr)
        return cls(indptr, np.ascontiguousarray(indices, np.int32), data, columns)

    @classmethod
    def trusted(
        cls, indptr: NDArray[np.int64], indices: NDArray[np.int32], data: NDArray[np.float32], *, columns: int
    ) -> Matrix:
        """A matrix from arrays that keep the promises by construction; types are put right, nothing is checked."""
        return cls(
            np.ascontiguousarray(indptr, np.int64),
            np.ascontiguousarray(indices, np.int32),
            np.ascontiguousarray(data, np.float32),
            int(columns),
        )

    def with_data(self, data: NDArray[np.floating]) -> Matrix:
        """The same entries with other values: `(nnz,)`, finite as float32, or refused as `matrix_invalid`."""
        if np.shape(data) != (self.nnz,):
            _refuse(f"{np.shape(data)} values are given for {self.nnz} entries", "Give each entry one value.")
        with np.errstate(over="ignore"):
            values = np.ascontiguousarray(data, np.float32)
        _check_finite(values, self.indptr)
        return Matrix(self.indptr, self.indices, values, self.columns)

    def weights(self) -> NDArray[np.float32]:
        """The values, if they can be weights: all above 0.

        Raises:
            Refused: `matrix_invalid`, naming the row of the first that is not.
        """
        if self._not_positive is not None:
            at = self._not_positive
            problem = f"weighs {self.data[at]!s}; a weight is above 0"
            _refuse_entry(self.indptr, at, problem=problem, fix="Leave such entries out.")
        return self.data

    @cached_property
    def _not_positive(self) -> int | None:
        for part in _chunks(self.nnz):
            bad = self.data[part] <= 0
            if bad.any():
                return int(part.start + bad.argmax())
        return None

    def part(self, rows: slice) -> Matrix:
        """Consecutive rows, their entries shared: O(rows of the part)."""
        start, stop, _ = slice(rows.start, rows.stop).indices(self.rows)
        indptr = self.indptr[start : max(start, stop) + 1]
        entries = slice(int(indptr[0]), int(indptr[-1]))
        return Matrix(indptr - indptr[0], self.indices[entries], self.data[entries], self.columns)

    def select(self, rows: NDArray[np.integer]) -> Matrix:
        """The rows asked for, in that order, repeats allowed: O(entries selected).

        Raises:
            Refused: `matrix_invalid` for a row that is not there.
        """
        chosen = np.asarray(rows)
        if len(chosen) and (chosen.min() < 0 or chosen.max() >= self.rows):
            _refuse(f"has {self.rows} rows; {chosen.min()} to {chosen.max()} were asked for", "Ask for rows it has.")
        chosen = chosen.astype(np.int64)
        counts = self.counts[chosen]
        indptr = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
        # Entry e of the result comes from e - (where its row begins here) + (where its row begins there).
        entries = np.arange(indptr[-1]) + np.repeat(self.indptr[:-1][chosen] - indptr[:-1], counts)
        return Matrix(indptr, self.indices[entries], self.data[entries], self.columns)

    def scipy(self) -> Any:
        """The same as a SciPy CSR array, sharing memory where SciPy does: do not change it."""
        return sparse.csr_array((self.data, self.indices, self.indptr), shape=self.shape)


def _refuse(problem: str, fix: str, row: int | None = None) -> NoReturn:
    context = {} if row is None else {"row": row}
    raise Refused("matrix_invalid", f"The matrix: {problem}.", field="matrix", fix=fix, context=context)


def _refuse_entry(indptr: NDArray[np.int64], entry: int, *, problem: str, fix: str) -> NoReturn:
    row = int(np.searchsorted(indptr, entry, side="right")) - 1
    _refuse(f"entry {entry - int(indptr[row])} of row {row} {problem}", fix, row)


def _chunks(length: int) -> Iterator[slice]:
    for start in range(0, length, _CHUNK):
        yield slice(start, min(start + _CHUNK, length))


def _shape(csr: Any) -> tuple[int, int]:
    if not all(hasattr(csr, name) for name in ("shape", "indptr", "indices", "data")) or (
        getattr(csr, "format", "csr") != "csr"
    ):
        _refuse(f"a {type(csr).__name__} is not compressed sparse rows", "Convert it with scipy.sparse.csr_array.")
    if len(csr.shape) != 2:
        _refuse(f"has {len(csr.shape)} dimensions, not 2", "Reshape it to rows and columns.")
    rows, columns = int(csr.shape[0]), int(csr.shape[1])
    if not (0 <= rows <= _LARGEST and 0 <= columns <= _LARGEST):
        _refuse(f"is {rows} x {columns}; rows and columns are numbered in int32", "Split it.")
    return rows, columns


def _whole(csr: Any, name: str) -> NDArray[np.integer]:
    numbers = np.asarray(getattr(csr, name))
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        _refuse(f"{name} is {numbers.ndim}-dimensional {numbers.dtype}", "Make it one row of whole numbers.")
    return numbers


def _real(csr: Any) -> NDArray[Any]:
    values = np.asarray(csr.data)
    if values.ndim != 1 or values.dtype.kind not in "fiub":
        _refuse(f"data is {values.ndim}-dimensional {values.dtype}", "Make it one row of real numbers.")
    return values


def _check_pointers(indptr: NDArray[np.int64], *, rows: int, nnz: int) -> None:
    if len(indptr) != rows + 1:
        _refuse(f"has {rows} rows but {len(indptr)} row pointers", "Give one pointer more than there are rows.")
    if indptr[0] != 0:
        _refuse(f"the first row begins at entry {indptr[0]}, not 0", "Rebuild it with scipy.sparse.csr_array.", 0)
    for part in _chunks(rows):
        falls = indptr[part.start + 1 : part.stop + 1] < indptr[part]
        if falls.any():
            row = part.start + int(falls.argmax())
            _refuse(
                f"row {row} begins at entry {indptr[row]} and ends at {indptr[row + 1]}",
                "Row pointers never fall; where entries are beyond 2**31 they must be int64.",
                row,
            )
    if indptr[-1] != nnz:
        _refuse(f"the last row ends at entry {indptr[-1]}, but there are {nnz}", "Rebuild it, or call prune().")


def _check_columns(indices: NDArray[np.integer], indptr: NDArray[np.int64], *, columns: int) -> None:
    for part in _chunks(len(indices)):
        piece = indices[part]
        if piece.min() < 0 or piece.max() >= columns:
            at = part.start + int(((piece < 0) | (piece >= columns)).argmax())
            fix = f"Columns run from 0 to {columns - 1}." if columns else "It has no columns."
            _refuse_entry(indptr, at, problem=f"is in column {indices[at]}", fix=fix)
        _check_order(indices, indptr, part)


def _check_order(indices: NDArray[np.integer], indptr: NDArray[np.int64], part: slice) -> None:
    """That every entry of the part stands right of the one before it, unless it begins a row."""
    start = max(part.start - 1, 0)
    window = indices[start : part.stop]
    wrong = window[1:] <= window[:-1]
    begin, end = np.searchsorted(indptr, start, side="right"), np.searchsorted(indptr, part.stop, side="left")
    wrong[indptr[begin:end] - start - 1] = False
    if wrong.any():
        at = start + 1 + int(wrong.argmax())
        here, before = indices[at], indices[at - 1]
        if here == before:
            fix = "Call sum_duplicates() on a copy of it."
            _refuse_entry(indptr, at, problem=f"repeats column {here}", fix=fix)
        fix = "Call sort_indices() on a copy of it."
        _refuse_entry(indptr, at, problem=f"is in column {here}, after {before}", fix=fix)


def _check_finite(data: NDArray[np.float32], indptr: NDArray[np.int64]) -> None:
    for part in _chunks(len(data)):
        wrong = ~np.isfinite(data[part])
        if wrong.any():
            at = part.start + int(wrong.argmax())
            fix = "Leave out or repair what is not a finite number."
            _refuse_entry(indptr, at, problem=f"is {data[at]!s} as float32", fix=fix)
