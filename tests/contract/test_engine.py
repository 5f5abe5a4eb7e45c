"""What every engine promises about training: transposition, half steps, rotation, and their loss."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from tacit.errors import Refused
from tacit.models.recommender.engines.interfaces import Engine, Method, Ridge, Steps
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.engines.numpy_engine import objective
from tests.engines import (
    ENGINES,
    RIDGE,
    exact_rows,
    explicit_objective,
    from_dense,
    random_factors,
    random_matrix,
    relative_error,
    running,
)

EXACT = Steps("cholesky")


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with threadpool_limits(1, user_api="blas"), running(request.param) as engine:
        yield engine


class StoppedError(Exception):
    """What a listener raises to stop."""


def test_an_engine_says_what_runs(engine: Engine) -> None:
    assert engine.name in ENGINES
    assert engine.threads >= 1


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(0, 40), columns=st.integers(0, 40))
def test_a_transposition_swaps_rows_and_columns(engine: Engine, seed: int, rows: int, columns: int) -> None:
    matrix = random_matrix(seed, (rows, columns), density=0.2)

    turned = engine.transpose(matrix)

    assert Matrix.of(turned.scipy()).shape == (columns, rows)
    assert turned.scipy().toarray().tobytes() == matrix.scipy().toarray().T.tobytes()


def test_a_transposition_of_many_rows_is_the_same_turned_back(engine: Engine) -> None:
    matrix = random_matrix(1, (3_000, 700), density=0.02)

    again = engine.transpose(engine.transpose(matrix))

    assert again.indptr.tolist() == matrix.indptr.tolist()
    assert again.indices.tobytes() == matrix.indices.tobytes()
    assert again.data.tobytes() == matrix.data.tobytes()


@pytest.mark.parametrize("k", [1, 7, 16, 64, 100, 128])
def test_an_exact_half_step_is_the_papers_formula_in_float64(engine: Engine, k: int) -> None:
    matrix = random_matrix(k, (60, 90))
    solved, fixed = random_factors(1, (60, k)), random_factors(2, (90, k))
    expected = exact_rows(matrix, fixed, RIDGE)

    done = engine.half_step(solved, fixed, matrix=matrix, ridge=RIDGE, steps=EXACT)

    assert relative_error(solved @ done.basis.T, expected) < 1e-4


@pytest.mark.parametrize("method", ["cg", "cholesky"])
def test_half_a_step_turns_both_sides_by_the_basis_it_names(engine: Engine, method: Method) -> None:
    matrix = random_matrix(3, (50, 80))
    solved, fixed = random_factors(1, (50, 24)), random_factors(2, (80, 24))
    before = fixed.copy()

    basis = engine.half_step(solved, fixed, matrix=matrix, ridge=RIDGE, steps=Steps(method)).basis

    assert np.abs(basis @ basis.T - np.eye(24)).max() < 1e-10
    assert relative_error(fixed, before.astype(np.float64) @ basis) < 1e-5


@pytest.mark.parametrize("method", ["cg", "cholesky"])
@pytest.mark.parametrize("scale", [0.01, 0.1, 0.3, 1.0])
def test_the_loss_before_half_a_step_is_the_sum_over_every_cell(engine: Engine, method: Method, scale: float) -> None:
    matrix = random_matrix(4, (70, 50))
    solved, fixed = random_factors(5, (70, 20), scale=scale), random_factors(6, (50, 20), scale=scale)
    solved[matrix.counts == 0] = 0
    expected = explicit_objective(solved, fixed, matrix=matrix, ridge=RIDGE)

    loss = engine.half_step(solved, fixed, matrix=matrix, ridge=RIDGE, steps=Steps(method)).loss

    assert loss == pytest.approx(expected, rel=1e-5)


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(1, 40),
    columns=st.integers(1, 40),
    k=st.integers(1, 40),
    exponent=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_a_few_gradient_steps_never_raise_the_loss(
    engine: Engine, seed: int, rows: int, columns: int, k: int, exponent: float
) -> None:
    matrix, ridge = random_matrix(seed, (rows, columns)), Ridge(0.05, exponent, 2.0)
    solved, fixed = random_factors(seed, (rows, k)), random_factors(seed + 1, (columns, k))
    solved[matrix.counts == 0] = 0
    before = objective(solved, fixed, matrix=matrix, ridge=ridge)

    engine.half_step(solved, fixed, matrix=matrix, ridge=ridge, steps=Steps("cg", 2))

    assert objective(solved, fixed, matrix=matrix, ridge=ridge) <= before * (1 + 1e-5)


@pytest.mark.parametrize(
    ("k", "scale"),
    [(8, 0.3), (64, 0.3), (96, 0.3), pytest.param(200, 0.3, marks=pytest.mark.slow), (16, 1e-6), (16, 1e3)],
)
def test_gradient_steps_repeated_reach_the_optimum(engine: Engine, k: int, scale: float) -> None:
    matrix, ridge = random_matrix(7, (80, 60)), Ridge(0.2 * scale**2, 1.0, 3.0)
    solved, fixed = np.zeros((80, k), np.float32), random_factors(2, (60, k), scale=scale)
    best = exact_rows(matrix, fixed, ridge)
    lowest = explicit_objective(best, fixed, matrix=matrix, ridge=ridge)

    for _ in range(25):
        engine.half_step(solved, fixed, matrix=matrix, ridge=ridge, steps=Steps("cg", 3))

    assert explicit_objective(solved, fixed, matrix=matrix, ridge=ridge) == pytest.approx(lowest, rel=1e-4)


@cache
def planted() -> Matrix:
    """Six groups of users with six groups of items."""
    met = random_matrix(8, (72, 54), density=0.7).scipy().toarray()
    return from_dense(np.kron(np.eye(6), np.ones((12, 9))) * met)


@cache
def lowest_of_planted() -> float:
    with running("numpy") as oracle:
        return alternated(oracle, planted(), EXACT)


def alternated(engine: Engine, matrix: Matrix, steps: Steps) -> float:
    """The loss after many whole iterations from a given start."""
    users, items = random_factors(1, (matrix.rows, 6)), random_factors(2, (matrix.columns, 6))
    turned = engine.transpose(matrix)
    for _ in range(60):
        engine.half_step(users, items, matrix=matrix, ridge=RIDGE, steps=steps)
        engine.half_step(items, users, matrix=turned, ridge=RIDGE, steps=steps)
    return objective(users, items, matrix=matrix, ridge=RIDGE)


@pytest.mark.parametrize("steps", [Steps("cg", 2), Steps("cg", 3), EXACT])
def test_training_ends_at_the_oracles_optimum(engine: Engine, steps: Steps) -> None:
    assert alternated(engine, planted(), steps) == pytest.approx(lowest_of_planted(), rel=1e-4)


def test_over_relaxation_goes_further_the_same_way(engine: Engine) -> None:
    matrix = random_matrix(9, (40, 60), density=0.5)
    start, fixed = random_factors(1, (40, 12)), random_factors(2, (60, 12))
    optimum, solved = exact_rows(matrix, fixed, RIDGE), start.copy()

    basis = engine.half_step(solved, fixed, matrix=matrix, ridge=RIDGE, steps=Steps("cholesky", relaxation=1.5)).basis

    assert relative_error(solved @ basis.T, start + 1.5 * (optimum - start)) < 1e-4


@pytest.mark.parametrize("method", ["cg", "cholesky"])
def test_rows_without_observations_become_zero(engine: Engine, method: Method) -> None:
    weights = random_matrix(10, (30, 40)).scipy().toarray()
    weights[[0, 7, 29]] = 0
    weights[:, [0, 39]] = 0
    matrix = from_dense(weights)
    solved, fixed = random_factors(1, (30, 10)), random_factors(2, (40, 10))

    engine.half_step(solved, fixed, matrix=matrix, ridge=RIDGE, steps=Steps(method, relaxation=1.5))

    assert not solved[[0, 7, 29]].any()
    assert np.abs(solved[1:7]).max() > 0


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0), (4, 3)])
def test_a_matrix_without_entries_makes_all_rows_zero(engine: Engine, shape: tuple[int, int]) -> None:
    matrix = from_dense(np.zeros(shape))
    solved, fixed = random_factors(1, (shape[0], 6)), random_factors(2, (shape[1], 6))

    done = engine.half_step(solved, fixed, matrix=matrix, ridge=RIDGE, steps=EXACT)

    assert not solved.any()
    assert np.isfinite(done.loss)


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3])
def test_factors_of_any_size_are_solved_against(engine: Engine, scale: float) -> None:
    matrix, ridge = random_matrix(11, (40, 50)), Ridge(0.02 * scale**2, 1.0, 3.0)
    solved, fixed = np.zeros((40, 16), np.float32), random_factors(2, (50, 16), scale=scale)
    expected = exact_rows(matrix, fixed, ridge)

    basis = engine.half_step(solved, fixed, matrix=matrix, ridge=ridge, steps=EXACT).basis

    assert relative_error(solved @ basis.T, expected) < 1e-4


def test_one_row_far_longer_than_the_rest_is_solved_as_they_are(engine: Engine) -> None:
    weights = random_matrix(12, (50, 3_000), density=0.005).scipy().toarray()
    weights[17] = np.random.default_rng(1).uniform(0.1, 5, 3_000)
    matrix = from_dense(weights)
    solved, fixed = random_factors(1, (50, 32)), random_factors(2, (3_000, 32))
    expected = exact_rows(matrix, fixed, RIDGE)

    basis = engine.half_step(solved, fixed, matrix=matrix, ridge=RIDGE, steps=EXACT).basis

    assert relative_error(solved @ basis.T, expected) < 1e-4


@pytest.mark.parametrize("shape", [(1, 1), (5, 17), (1_000, 64), (333, 130)])
def test_factors_are_turned_in_place(engine: Engine, shape: tuple[int, int]) -> None:
    factors = random_factors(1, shape)
    basis = np.linalg.qr(np.random.default_rng(2).normal(size=(shape[1], shape[1])))[0]
    expected = factors.astype(np.float64) @ basis

    engine.rotate(factors, basis)

    assert relative_error(factors, expected) < 1e-5


def test_a_basis_of_another_shape_is_refused(engine: Engine) -> None:
    with pytest.raises(Refused) as refused:
        engine.rotate(random_factors(1, (10, 4)), np.eye(5))

    assert refused.value.code == "factors_invalid"


def test_progress_is_told_in_rising_shares(engine: Engine) -> None:
    told: list[float] = []
    matrix = random_matrix(13, (400, 300))
    solved, fixed = random_factors(1, (400, 64)), random_factors(2, (300, 64))

    engine.half_step(
        solved, fixed, matrix=matrix, ridge=RIDGE, steps=EXACT, progress=lambda _, share: told.append(share)
    )

    assert told
    assert told == sorted(told)
    assert min(told) >= 0
    assert max(told) == pytest.approx(1)


@pytest.mark.parametrize("work", ["half_step", "solve", "neighbours"])
def test_a_listener_that_raises_stops_the_work(engine: Engine, work: str) -> None:
    matrix = random_matrix(14, (200, 150))
    solved, fixed = random_factors(1, (200, 16)), random_factors(2, (150, 16))
    ones = np.ones(150, np.float32)

    def stop(step: str, share: float) -> None:
        raise StoppedError(f"{step} {share}")

    jobs = {
        "half_step": lambda: engine.half_step(solved, fixed, matrix=matrix, ridge=RIDGE, steps=Steps(), progress=stop),
        "solve": lambda: engine.solve(engine.fixed_side(fixed, RIDGE), matrix, progress=stop),
        "neighbours": lambda: engine.neighbours(
            matrix,
            engine.transpose(matrix),
            user_weights=np.ones(200, np.float32),
            source_scales=ones,
            target_scales=ones,
            keep=3,
            progress=stop,
        ),
    }

    with pytest.raises(StoppedError):
        jobs[work]()


def test_half_a_step_refuses_factors_it_cannot_use(engine: Engine) -> None:
    matrix = random_matrix(15, (10, 20))
    solved, fixed = random_factors(1, (10, 4)), random_factors(2, (20, 4))
    unfinite, locked = fixed.copy(), solved.copy()
    unfinite[3, 1] = np.nan
    locked.flags.writeable = False
    pairs = [
        (solved[:9].copy(), fixed),
        (solved, fixed[:19].copy()),
        (solved, random_factors(3, (20, 5))),
        (solved.astype(np.float64), fixed),
        (solved, np.asfortranarray(fixed)),
        (solved, unfinite),
        (locked, fixed),
        (np.empty((10, 0), np.float32), np.empty((20, 0), np.float32)),
    ]

    for left, right in pairs:
        with pytest.raises(Refused) as refused:
            engine.half_step(left, right, matrix=matrix, ridge=RIDGE, steps=Steps())
        assert refused.value.code == "factors_invalid"


@pytest.mark.parametrize("weight", [0.0, -1.0])
def test_weights_must_be_above_zero(engine: Engine, weight: float) -> None:
    matrix = random_matrix(16, (10, 20))
    matrix = matrix.with_data(np.where(np.arange(matrix.nnz) == 30, weight, matrix.data))
    solved, fixed = random_factors(1, (10, 4)), random_factors(2, (20, 4))

    for job in (
        lambda: engine.half_step(solved, fixed, matrix=matrix, ridge=RIDGE, steps=Steps()),
        lambda: engine.solve(engine.fixed_side(fixed, RIDGE), matrix),
    ):
        with pytest.raises(Refused, match="row") as refused:
            job()
        assert refused.value.code == "matrix_invalid"
