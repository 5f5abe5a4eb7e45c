"""What every engine promises about folding in: exact rows, whatever the weights, one at a time or many."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from tacit.errors import Refused
from tacit.models.recommender.engines.interfaces import Engine, FixedSide, Ridge
from tests.engines import ENGINES, RIDGE, exact_rows, from_dense, random_factors, random_matrix, relative_error, running


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with threadpool_limits(1, user_api="blas"), running(request.param) as engine:
        yield engine


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    columns=st.integers(1, 120),
    k=st.sampled_from([1, 3, 16, 24, 64, 65]),
    density=st.sampled_from([0.02, 0.2, 0.9]),
    largest=st.sampled_from([1.0, 100.0, 1e4]),
    regularization=st.sampled_from([1e-4, 0.02, 1.0]),
    exponent=st.sampled_from([0.0, 0.75, 1.0]),
)
def test_folding_in_solves_every_row_exactly(
    engine: Engine,
    seed: int,
    columns: int,
    k: int,
    density: float,
    largest: float,
    regularization: float,
    exponent: float,
) -> None:
    matrix = random_matrix(seed, (12, columns), density=density, largest=largest)
    fixed, ridge = random_factors(seed, (columns, k)), Ridge(regularization, exponent, 2.0)

    solved = engine.solve(engine.fixed_side(fixed, ridge), matrix)

    assert solved.shape == (12, k)
    assert solved.dtype == np.float32
    assert relative_error(solved, exact_rows(matrix, fixed, ridge)) < 1e-4
    assert not solved[matrix.counts == 0].any()


@pytest.mark.parametrize(("k", "d"), [(64, 20), (64, 64), (64, 300), (128, 50), (128, 1), (20, 500), (256, 300)])
def test_longer_and_shorter_rows_than_factors_are_both_exact(engine: Engine, k: int, d: int) -> None:
    weights = np.zeros((3, 600), np.float32)
    generator = np.random.default_rng(k + d)
    for row in weights:
        row[generator.choice(600, d, replace=False)] = generator.uniform(0.5, 50, d)
    matrix, fixed = from_dense(weights), random_factors(d, (600, k))

    solved = engine.solve(engine.fixed_side(fixed, RIDGE), matrix)

    assert relative_error(solved, exact_rows(matrix, fixed, RIDGE)) < 1e-4


@settings(max_examples=20, deadline=None)
@example(seed=67, k=1, d=39, largest=1.0)  # whose items' sum all but cancels
@given(
    seed=st.integers(0, 10_000),
    k=st.sampled_from([1, 2, 8, 50, 64, 128]),
    d=st.integers(0, 200),
    largest=st.sampled_from([1.0, 1e4]),
)
def test_one_row_is_folded_in_as_many_are(engine: Engine, seed: int, k: int, d: int, largest: float) -> None:
    generator = np.random.default_rng(seed)
    items = generator.choice(250, d, replace=False).astype(np.int32)
    weights = generator.uniform(0.1, largest, d).astype(np.float32)
    dense = np.zeros((1, 250), np.float32)
    dense[0, items] = weights
    fixed = random_factors(seed, (250, k))

    found = engine.solve_row(engine.fixed_side(fixed, RIDGE), items, weights)

    assert found.shape == (k,)
    assert found.dtype == np.float32
    assert relative_error(found[None], exact_rows(from_dense(dense), fixed, RIDGE)) < 1e-4


def test_a_prepared_side_is_the_eigenbasis_of_its_gram_matrix(engine: Engine) -> None:
    fixed = random_factors(1, (200, 24))
    gram = fixed.T.astype(np.float64) @ fixed

    side = engine.fixed_side(fixed, RIDGE)

    basis = side.basis.astype(np.float64)
    assert np.abs(basis @ np.diag(side.spectrum.astype(np.float64)) @ basis.T - gram).max() < 1e-4 * np.abs(gram).max()
    assert relative_error(side.rotated, fixed.astype(np.float64) @ basis) < 1e-5
    assert (side.spectrum >= 0).all()
    assert side.ridge == RIDGE


def test_a_side_of_low_rank_is_solved_against(engine: Engine) -> None:
    fixed = random_factors(1, (300, 3)) @ random_factors(2, (3, 40), scale=1)
    matrix = random_matrix(3, (20, 300), density=0.1)

    solved = engine.solve(engine.fixed_side(np.ascontiguousarray(fixed), RIDGE), matrix)

    assert relative_error(solved, exact_rows(matrix, fixed, RIDGE)) < 1e-4


def test_a_side_of_zeros_gives_zeros(engine: Engine) -> None:
    side = engine.fixed_side(np.zeros((30, 8), np.float32), RIDGE)

    assert not engine.solve(side, random_matrix(1, (5, 30))).any()
    assert not engine.solve_row(side, np.array([1, 2], np.int32), np.ones(2, np.float32)).any()


def test_the_factors_prepared_are_left_as_they_were(engine: Engine) -> None:
    fixed = random_factors(1, (50, 8))
    fixed.flags.writeable = False
    before = fixed.tobytes()

    engine.solve(engine.fixed_side(fixed, RIDGE), random_matrix(1, (5, 50)))

    assert fixed.tobytes() == before


def test_the_regularisation_of_a_row_grows_with_what_it_holds() -> None:
    ridge = Ridge(regularization=0.1, frequency_exponent=0.5, mean_weight=2.0)

    assert ridge.of(np.array([0, 12]), 1) == pytest.approx([0.1, 0.5])
    assert ridge.of(np.array([0, 12]), 1).dtype == np.float32


@pytest.mark.parametrize("numbers", [(0, 1, 1), (-1, 1, 1), (np.nan, 1, 1), (1, np.inf, 1), (1, 1, -1), (1, 1, np.nan)])
def test_a_regularisation_without_one_optimum_is_refused(numbers: tuple[float, float, float]) -> None:
    with pytest.raises(Refused) as refused:
        Ridge(*numbers)

    assert refused.value.code == "ridge_invalid"


def a_side(engine: Engine) -> FixedSide:
    return engine.fixed_side(random_factors(1, (20, 4)), RIDGE)


@pytest.mark.parametrize("columns", [0, 19, 21])
def test_a_matrix_over_other_items_is_refused(engine: Engine, columns: int) -> None:
    with pytest.raises(Refused) as refused:
        engine.solve(a_side(engine), random_matrix(1, (5, columns)))

    assert refused.value.code == "matrix_invalid"


@pytest.mark.parametrize(
    ("items", "weights"),
    [
        (np.array([3.7]), np.ones(1, np.float32)),
        (np.array([2**32 + 3]), np.ones(1, np.float32)),
        (np.array([3, 3], np.int32), np.ones(2, np.float32)),
        (np.array([3], np.int32), np.array([1e-50])),
        (np.array([3], np.int32), np.array([1e300])),
        (np.array([3, 4], np.int32), np.ones(3, np.float32)),
    ],
    ids=["fraction", "int64", "twice", "vanishing", "overflowing", "lengths"],
)
def test_no_engine_makes_another_row_of_one_that_cannot_be(
    engine: Engine, items: np.ndarray, weights: np.ndarray
) -> None:
    with pytest.raises(Refused) as refused:
        engine.solve_row(a_side(engine), items, weights)

    assert refused.value.code == "matrix_invalid"


@pytest.mark.parametrize(
    ("items", "weights"),
    [
        ([3, 20], [1, 1]),
        ([-1, 3], [1, 1]),
        ([2_000_000_000], [1]),
        ([3, 4], [1]),
        ([3], [0]),
        ([3], [-1]),
        ([3], [np.nan]),
        ([3], [np.inf]),
    ],
)
def test_a_row_that_cannot_be_is_refused(engine: Engine, items: list[int], weights: list[float]) -> None:
    side = a_side(engine)

    with pytest.raises(Refused) as refused:
        engine.solve_row(side, np.array(items, np.int32), np.array(weights, np.float32))

    assert refused.value.code == "matrix_invalid"


@pytest.mark.parametrize(
    "factors",
    [
        np.full((4, 3), np.inf, np.float32),
        np.ones((4, 3), np.float64),
        np.ones(4, np.float32),
        np.ones((4, 0), np.float32),
    ],
)
def test_factors_that_cannot_be_prepared_are_refused(engine: Engine, factors: np.ndarray) -> None:
    with pytest.raises(Refused) as refused:
        engine.fixed_side(factors, RIDGE)

    assert refused.value.code == "factors_invalid"
