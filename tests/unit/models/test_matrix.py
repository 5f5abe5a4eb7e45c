"""A matrix is whole, or it is refused with the row, what is wrong with it, and what to do."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from tacit.errors import Refused
from tacit.models.recommender.engines import matrix as matrices
from tacit.models.recommender.engines.matrix import Matrix
from tests.engines import from_dense, random_matrix


def raw(indptr: Any, indices: Any, data: Any, shape: tuple[int, ...]) -> SimpleNamespace:
    """What looks like a CSR array and was never checked."""
    arrays = {"indptr": indptr, "indices": indices, "data": data}
    return SimpleNamespace(shape=shape, **{name: np.asarray(array) for name, array in arrays.items()})


def refusal(csr: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        Matrix.of(csr)
    assert refused.value.code == "matrix_invalid"
    assert refused.value.fix
    return refused.value


def test_a_sound_array_becomes_a_matrix_of_the_right_types() -> None:
    csr = sparse.csr_array(np.array([[0, 2, 0], [0, 0, 0], [1, 0, 3]], np.float64))

    matrix = Matrix.of(csr)

    assert (matrix.indptr.dtype, matrix.indices.dtype, matrix.data.dtype) == (np.int64, np.int32, np.float32)
    assert (matrix.shape, matrix.nnz, matrix.counts.tolist()) == ((3, 3), 3, [1, 0, 2])
    assert matrix.column_counts.tolist() == [1, 1, 1]
    assert matrix.scipy().toarray().tolist() == csr.toarray().tolist()


@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (4, 0), (3, 3)])
def test_a_matrix_without_entries_is_sound(shape: tuple[int, int]) -> None:
    matrix = Matrix.of(sparse.csr_array(shape, dtype=np.float32))

    assert matrix.shape == shape
    assert matrix.counts.tolist() == [0] * shape[0]
    assert matrix.weights().tolist() == []


ROWS = [0, 2, 2, 4]
NONE = np.empty(0, np.int64)


@pytest.mark.parametrize(
    ("csr", "row", "words"),
    [
        (raw(ROWS, [0, 1, 3, 2], [1, 1, 1, 1], (3, 4)), 2, "column 2, after 3"),
        (raw(ROWS, [1, 1, 2, 3], [1, 1, 1, 1], (3, 4)), 0, "repeats column 1"),
        (raw(ROWS, [0, 1, 2, 4], [1, 1, 1, 1], (3, 4)), 2, "column 4"),
        (raw(ROWS, [-1, 1, 2, 3], [1, 1, 1, 1], (3, 4)), 0, "column -1"),
        (raw(ROWS, np.array([0, 1, 2, 2**32]), [1, 1, 1, 1], (3, 4)), 2, "column 4294967296"),
        (raw(ROWS, [0, 1, 2, 3], [1, np.nan, 1, 1], (3, 4)), 0, "nan"),
        (raw(ROWS, [0, 1, 2, 3], [1, 1, 1, -np.inf], (3, 4)), 2, "-inf"),
        (raw(ROWS, [0, 1, 2, 3], [1, 1, 1e39, 1], (3, 4)), 2, "inf as float32"),
        (raw([1, 2, 2, 4], [0, 1, 2, 3], [1, 1, 1, 1], (3, 4)), 0, "begins at entry 1"),
        (raw([0, 3, 2, 4], [0, 1, 2, 3], [1, 1, 1, 1], (3, 4)), 1, "begins at entry 3 and ends at 2"),
        (raw([0, 2, 2, 3], [0, 1, 2, 3], [1, 1, 1, 1], (3, 4)), None, "ends at entry 3"),
        (raw([0, 2, 2, 5], [0, 1, 2, 3], [1, 1, 1, 1], (3, 4)), None, "ends at entry 5"),
        (raw(ROWS, [0, 1, 2, 3], [1, 1, 1], (3, 4)), None, "3 values stand beside 4 columns"),
        (raw(ROWS, [0, 1, 2, 3], [1, 1, 1, 1], (4, 4)), None, "4 rows but 4 row pointers"),
        (raw(NONE, NONE, NONE, (0, 4)), None, "0 row pointers"),
        (raw([0, 0], [], [], (1, 2**31)), None, "numbered in int32"),
        (raw([0, 0], [], [], (2**31, 1)), None, "numbered in int32"),
        (raw([0, 1], [0], [1], (1,)), None, "1 dimensions"),
        (raw(ROWS, [0.0, 1.0, 2.0, 3.0], [1, 1, 1, 1], (3, 4)), None, "float64"),
        (raw(ROWS, [0, 1, 2, 3], [1j, 1, 1, 1], (3, 4)), None, "complex128"),
        (raw(ROWS, [0, 1, 2, 3], ["a", "b", "c", "d"], (3, 4)), None, "<U1"),
        (raw(ROWS, [[0, 1], [2, 3]], [1, 1, 1, 1], (3, 4)), None, "2-dimensional"),
        (np.eye(3), None, "ndarray is not compressed"),
        (sparse.coo_array(np.eye(3)), None, "coo_array is not compressed"),
        (sparse.csc_array(np.eye(3)), None, "csc_array is not compressed"),
        (None, None, "NoneType is not compressed"),
    ],
)
def test_what_is_malformed_is_refused_with_its_row_and_a_fix(csr: Any, row: int | None, words: str) -> None:
    error = refusal(csr)

    assert words in error.detail
    assert error.context.get("row") == row
    assert row is None or f"row {row}" in error.detail or (row == 0 and "first row" in error.detail)


def test_row_pointers_that_overflowed_int32_are_refused_with_the_row() -> None:
    lengths = np.array([0, 2_000_000_000, 1_000_000_000, 5], np.int64)
    wrapped = np.cumsum(lengths).astype(np.int32)

    error = refusal(raw(wrapped, np.zeros(5, np.int32), np.ones(5, np.float32), (3, 4)))

    assert error.context["row"] == 1
    assert "int64" in (error.fix or "")


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), chunk=st.integers(1, 9), entry=st.integers(0, 10_000), twice=st.booleans())
def test_a_fault_is_found_wherever_it_stands_between_two_chunks(seed: int, chunk: int, entry: int, twice: bool) -> None:
    sound = random_matrix(seed, (12, 15), density=0.4)
    rows = np.repeat(np.arange(12), sound.counts)
    inner = np.flatnonzero(rows[1:] == rows[:-1]) + 1  # entries with one before them in their row
    at = int(inner[entry % len(inner)])
    indices = sound.indices.copy()
    indices[at] = indices[at - 1] - (0 if twice or indices[at - 1] == 0 else 1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matrices, "_CHUNK", chunk)
        assert Matrix.of(sound.scipy()).nnz == sound.nnz
        error = refusal(raw(sound.indptr, indices, sound.data, (12, 15)))

    assert error.context["row"] == rows[at]
    assert ("repeats" in error.detail) == bool(indices[at] == indices[at - 1])


def test_arrays_of_the_right_types_are_shared_even_from_a_file(tmp_path: Path) -> None:
    sound = random_matrix(1, (30, 40))
    for name in ("indptr", "indices", "data"):
        np.save(tmp_path / f"{name}.npy", getattr(sound, name))
    indptr, indices, data = (np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("indptr", "indices", "data"))

    matrix = Matrix.of(raw(indptr, indices, data, (30, 40)))

    assert np.shares_memory(matrix.indptr, indptr)
    assert np.shares_memory(matrix.indices, indices)
    assert np.shares_memory(matrix.data, data)


def test_an_unsorted_array_is_refused_and_left_as_it_was() -> None:
    csr = sparse.csr_array((np.array([1.0, 2.0]), np.array([2, 0]), np.array([0, 2])), shape=(1, 3))

    refusal(csr)

    assert csr.indices.tolist() == [2, 0]
    assert csr.data.tolist() == [1.0, 2.0]


@pytest.mark.requirement("TRAIN-012")
def test_checking_takes_little_memory_however_many_entries() -> None:
    rows, each = 40_000, 200
    columns = np.tile(np.arange(each, dtype=np.int32), rows)
    csr = raw(np.arange(rows + 1) * each, columns, np.ones(rows * each, np.float32), (rows, each))

    tracemalloc.start()
    matrix = Matrix.of(csr)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert matrix.nnz == 8_000_000
    assert peak < 8e6


@pytest.mark.parametrize("weight", [0.0, -0.0, -3.0])
def test_weights_are_above_zero_or_refused_with_their_row(weight: float) -> None:
    matrix = from_dense([[0, 2], [1, 0]]).with_data(np.array([1, weight]))

    with pytest.raises(Refused, match="entry 0 of row 1 weighs") as refused:
        matrix.weights()

    assert refused.value.code == "matrix_invalid"
    assert refused.value.context["row"] == 1


def test_other_values_take_the_place_of_the_old_or_are_refused() -> None:
    matrix = from_dense([[0, 2], [1, 0]])

    assert matrix.with_data(np.array([5.0, 7.0])).scipy().toarray().tolist() == [[0, 5], [7, 0]]
    for data in ([1.0], [1.0, np.nan], [1.0, 1e39]):
        with pytest.raises(Refused):
            matrix.with_data(np.array(data))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), start=st.integers(0, 20), stop=st.integers(0, 20))
def test_a_part_is_the_rows_sliced_and_shares_their_entries(seed: int, start: int, stop: int) -> None:
    matrix = random_matrix(seed, (15, 8))

    part = matrix.part(slice(start, stop))

    assert Matrix.of(part.scipy()).nnz == part.nnz
    assert part.scipy().toarray().tolist() == matrix.scipy().toarray()[start:stop].tolist()
    assert part.nnz == 0 or np.shares_memory(part.data, matrix.data)


def test_a_part_of_all_rows_is_the_whole() -> None:
    matrix = random_matrix(3, (15, 8))

    assert matrix.part(slice(None)).scipy().toarray().tolist() == matrix.scipy().toarray().tolist()
    assert matrix.part(slice(-3, None)).rows == 3


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.lists(st.integers(0, 14), max_size=20))
def test_selected_rows_come_in_the_order_asked_for(seed: int, rows: list[int]) -> None:
    matrix = random_matrix(seed, (15, 8))

    selected = Matrix.of(matrix.select(np.array(rows, np.intp)).scipy())

    assert selected.scipy().toarray().tolist() == matrix.scipy().toarray()[np.array(rows, int)].tolist()


@pytest.mark.parametrize("rows", [[15], [-1], [0, 99]])
def test_rows_that_are_not_there_cannot_be_selected(rows: list[int]) -> None:
    with pytest.raises(Refused, match="15 rows"):
        random_matrix(1, (15, 8)).select(np.array(rows))


def test_columns_are_counted_in_chunks_as_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = random_matrix(5, (40, 30))
    monkeypatch.setattr(matrices, "_CHUNK", 7)

    assert matrix.column_counts.tolist() == (matrix.scipy().toarray() != 0).sum(axis=0).tolist()
