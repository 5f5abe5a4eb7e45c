"""Sparse times dense on every engine: `weighted_sums`, what the spectral start of a training is made of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.errors import Refused
from tacit.models.recommender.engines.matrix import Matrix
from tests.engines import ENGINES, random_matrix, running

NATIVE = ENGINES[1:]


def drawn(rows: int, k: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, k)).astype(np.float32)


def summed(name: str, matrix: Matrix, factors: np.ndarray, threads: int = 1) -> np.ndarray:
    out = np.full((matrix.rows, factors.shape[1]), np.nan, np.float32)
    with running(name, threads) as engine:
        engine.weighted_sums(matrix, factors, out)
    return out


def allowance(matrix: Matrix, factors: np.ndarray) -> np.ndarray:
    """How far a sum may be off: a thousandth of its terms, and the last bit of half precision at the largest factor."""
    weights = abs(matrix.scipy().astype(np.float64))
    least = 2.0**-24 * np.abs(factors).max(initial=0.0) * np.asarray(weights.sum(axis=1)).reshape(-1, 1)
    return np.asarray(1e-3 * (weights @ np.abs(factors.astype(np.float64))) + least)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 9_999), k=st.integers(1, 150), size=st.sampled_from([1e-20, 1.0, 1e20]))
@pytest.mark.parametrize("name", ENGINES)
def test_sums_are_right_to_a_thousandth_for_factors_of_any_length_and_size(
    name: str, seed: int, k: int, size: float
) -> None:
    matrix = random_matrix(seed, (37, 23), density=0.2)
    factors = drawn(23, k, seed) * np.float32(size)

    found = summed(name, matrix, factors)

    expected = matrix.scipy().astype(np.float64) @ factors.astype(np.float64)
    assert (np.abs(found - expected) <= allowance(matrix, factors)).all()


@pytest.mark.parametrize("name", ENGINES)
def test_a_row_without_entries_sums_to_zero(name: str) -> None:
    nothing = Matrix.trusted(np.zeros(4, np.int64), np.empty(0, np.int32), np.empty(0, np.float32), columns=5)

    assert (summed(name, nothing, drawn(5, 20)) == 0).all()


@pytest.mark.parametrize("name", NATIVE)
def test_sums_are_the_same_bytes_on_one_thread_and_on_three(name: str) -> None:
    matrix, factors = random_matrix(5, (400, 90), density=0.3), drawn(90, 33)

    assert summed(name, matrix, factors).tobytes() == summed(name, matrix, factors, threads=3).tobytes()


@pytest.mark.parametrize("name", ENGINES)
def test_sums_tell_their_progress_and_can_be_stopped(name: str) -> None:
    class Stopped(Exception): ...

    def stop(step: str, share: float) -> None:
        raise Stopped

    with running(name) as engine, pytest.raises(Stopped):
        engine.weighted_sums(random_matrix(5, (40, 9), density=0.3), drawn(9, 8), drawn(40, 8), progress=stop)


def not_finite() -> np.ndarray:
    factors = drawn(9, 8)
    factors[3, 2] = np.nan
    return factors


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize(
    ("factors", "out", "code"),
    [
        (drawn(8, 8), drawn(40, 8), "matrix_invalid"),
        (drawn(9, 8), drawn(39, 8), "factors_invalid"),
        (drawn(9, 8), drawn(40, 7), "factors_invalid"),
        (drawn(9, 8).astype(np.float64), drawn(40, 8), "factors_invalid"),
        (not_finite(), drawn(40, 8), "factors_invalid"),
    ],
    ids=["columns", "rows", "width", "type", "nan"],
)
def test_sums_of_what_does_not_fit_are_refused_by_name(
    name: str, factors: np.ndarray, out: np.ndarray, code: str
) -> None:
    with running(name) as engine, pytest.raises(Refused) as refusal:
        engine.weighted_sums(random_matrix(5, (40, 9), density=0.3), factors, out)

    assert refusal.value.code == code


@pytest.mark.parametrize("name", ENGINES)
def test_sums_are_not_written_over_what_they_are_made_of(name: str) -> None:
    square = random_matrix(5, (9, 9), density=0.3)
    factors = drawn(9, 8)

    with running(name) as engine, pytest.raises(Refused, match="share memory"):
        engine.weighted_sums(square, factors, factors)
