"""Native training against float64 LAPACK: shapes, magnitudes, instruction sets and threads that might go wrong."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.errors import Refused
from tacit.models.recommender.engines.interfaces import Engine, Ridge, Steps
from tacit.models.recommender.engines.matrix import Matrix
from tests.engines import (
    RIDGE,
    exact_rows,
    explicit_objective,
    from_dense,
    random_factors,
    random_matrix,
    relative_error,
    running,
)

LENGTHS = (1, 7, 16, 64, 100, 128, 200, 256)
SETS = ("native avx512", "native avx2", "native baseline")


@pytest.fixture(params=SETS)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with running(request.param) as chosen:
        yield chosen


@pytest.fixture
def native() -> Engine:
    with running("native baseline"):
        pass  # skips where nothing was built
    from tacit.models.recommender.engines.native_engine import NativeEngine

    return NativeEngine(2)


def stepped(
    engine: Engine, matrix: Matrix, sides: tuple[np.ndarray, np.ndarray], *, steps: Steps, ridge: Ridge = RIDGE
) -> tuple[np.ndarray, float]:
    """What half a step makes of copies of both sides, turned back, and the loss it reports."""
    solved, fixed = sides[0].copy(), sides[1].copy()
    half = engine.half_step(solved, fixed, matrix=matrix, ridge=ridge, steps=steps)
    return solved @ half.basis.T, half.loss


def some_sides(matrix: Matrix, k: int, *, scale: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    return random_factors(1, (matrix.rows, k), scale=scale), random_factors(2, (matrix.columns, k), scale=scale)


def matrix_with_long_rows() -> Matrix:
    """Rows that are kept, rows that are gathered anew, and rows that meet every part of a sweep."""
    generator = np.random.default_rng(5)
    lengths = [4_000, 0, 3, 2_900, 1_700, 40, 1_537, 3_999, 1] + [9] * 40
    met = np.zeros((len(lengths), 4_000), np.float32)
    for row, length in enumerate(lengths):
        met[row, generator.permutation(4_000)[:length]] = generator.uniform(0.1, 6, length)
    return from_dense(met)


@pytest.mark.parametrize("k", LENGTHS)
def test_cholesky_agrees_with_lapack_in_float64(engine: Engine, k: int) -> None:
    matrix = random_matrix(k, (45, 70))
    sides = some_sides(matrix, k)
    solved, _ = stepped(engine, matrix, sides, steps=Steps("cholesky"))
    assert relative_error(solved, exact_rows(matrix, sides[1], RIDGE)) < 2e-5


@pytest.mark.parametrize("k", LENGTHS)
def test_many_steps_arrive_at_the_exact_solution_but_for_half_precision(engine: Engine, k: int) -> None:
    matrix = random_matrix(k, (45, 70))
    sides = some_sides(matrix, k)
    solved, _ = stepped(engine, matrix, sides, steps=Steps(count=60))
    expected = exact_rows(matrix, sides[1], RIDGE)
    assert np.linalg.norm(solved - expected) < 1e-3 * np.linalg.norm(expected)


@pytest.mark.parametrize("k", LENGTHS)
def test_the_loss_that_comes_for_free_is_the_objective(engine: Engine, k: int) -> None:
    matrix = random_matrix(k, (120, 150))
    sides = some_sides(matrix, k, scale=0.3 / np.sqrt(k))
    _, loss = stepped(engine, matrix, sides, steps=Steps())
    assert loss == pytest.approx(explicit_objective(*sides, matrix=matrix, ridge=RIDGE), rel=1e-5)


@pytest.mark.parametrize("k", [64, 100, 128])
def test_long_rows_are_solved_like_short_ones(engine: Engine, k: int) -> None:
    matrix = matrix_with_long_rows()
    sides = some_sides(matrix, k)
    solved, loss = stepped(engine, matrix, sides, steps=Steps(count=60))
    assert relative_error(solved, exact_rows(matrix, sides[1], RIDGE)) < 3e-3
    assert loss == pytest.approx(explicit_objective(*sides, matrix=matrix, ridge=RIDGE), rel=1e-5)


@pytest.mark.parametrize("steps", [Steps(), Steps(count=1), Steps(count=3, relaxation=1.5), Steps("cholesky")])
def test_the_number_of_threads_changes_no_bit(native: Engine, steps: Steps) -> None:
    from tacit.models.recommender.engines.native_engine import NativeEngine

    matrix = matrix_with_long_rows()
    sides = some_sides(matrix, 100)
    alone, loss = stepped(NativeEngine(1), matrix, sides, steps=steps)
    for threads in (2, 3, 7):
        together, same_loss = stepped(NativeEngine(threads), matrix, sides, steps=steps)
        np.testing.assert_array_equal(together, alone)
        assert same_loss == loss


def test_avx2_and_avx512_agree_to_the_bit() -> None:
    matrix = matrix_with_long_rows()
    sides = some_sides(matrix, 128)
    with running("native avx512") as wide:
        expected, loss = stepped(wide, matrix, sides, steps=Steps())
    with running("native avx2") as narrow:
        found, same_loss = stepped(narrow, matrix, sides, steps=Steps())
    np.testing.assert_array_equal(found, expected)
    assert same_loss == loss


def test_baseline_differs_by_rounding_alone() -> None:
    matrix = matrix_with_long_rows()
    sides = some_sides(matrix, 128)
    with running("native avx2") as narrow:
        expected, _ = stepped(narrow, matrix, sides, steps=Steps())
    with running("native baseline") as plain:
        found, _ = stepped(plain, matrix, sides, steps=Steps())
    assert relative_error(found, expected.astype(np.float64)) < 1e-4


@pytest.mark.parametrize("size", [1e-18, 1e-12, 1e-6, 1e3, 1e6, 1e12])
def test_huge_and_tiny_factors_are_solved_as_exactly_as_others(engine: Engine, size: float) -> None:
    matrix = random_matrix(3, (40, 60))
    ridge = Ridge(0.01 * size**2, 1.0, 3.0)  # the same system in other units: its solution is as much smaller
    fixed = random_factors(2, (60, 24), scale=size)
    solved, _ = stepped(engine, matrix, (np.zeros((40, 24), np.float32), fixed), steps=Steps(count=60), ridge=ridge)
    assert relative_error(solved, exact_rows(matrix, fixed, ridge)) < 3e-3


def test_rows_of_very_different_size_are_gathered_in_float32(engine: Engine) -> None:
    """A row 2^-30 of the largest would vanish in half precision, and with it whoever met that row alone."""
    fixed = random_factors(2, (40, 24))
    fixed[7] *= 2.0**-30
    met = random_matrix(3, (30, 40)).scipy().toarray()
    met[4] = 0
    met[4, 7] = 2
    matrix = from_dense(met)
    sides = (np.zeros((30, 24), np.float32), fixed)
    solved, _ = stepped(engine, matrix, sides, steps=Steps(count=60))
    assert relative_error(solved, exact_rows(matrix, fixed, RIDGE)) < 1e-4


def test_rows_without_observations_become_zero(engine: Engine) -> None:
    matrix = from_dense(np.diag([1, 0, 2, 0]))
    for steps in (Steps(), Steps("cholesky", relaxation=1.5)):
        solved, _ = stepped(engine, matrix, some_sides(matrix, 5), steps=steps)
        assert solved.any(axis=1).tolist() == [True, False, True, False]


def test_relaxation_moves_a_row_so_many_times_as_far(engine: Engine) -> None:
    matrix = random_matrix(1, (40, 50))
    sides = some_sides(matrix, 32)
    plain, _ = stepped(engine, matrix, sides, steps=Steps())
    further, _ = stepped(engine, matrix, sides, steps=Steps(relaxation=1.5))
    np.testing.assert_allclose(further - sides[0], 1.5 * (plain - sides[0]), rtol=1e-3, atol=1e-5)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 60)),
    k=st.integers(1, 70),
    heaviest=st.sampled_from([1.0, 100.0, 1e4]),
    regularization=st.sampled_from([1e-7, 1e-3, 1.0]),
    falling=st.sampled_from([0.0, 2.0, 4.0]),
)
def test_folding_in_is_exact_however_ill_conditioned(
    seed: int, shape: tuple[int, int], k: int, heaviest: float, regularization: float, falling: float
) -> None:
    """Weights up to 10⁴, hardly any regularisation, a spectrum that falls by eight decades: 1e-4 of the row's norm."""
    with running("native baseline"):
        pass
    from tacit.models.recommender.engines.native_engine import NativeEngine

    engine, matrix = NativeEngine(2), random_matrix(seed, shape, largest=heaviest)
    factors = random_factors(seed, (shape[1], k)) * np.logspace(0, -falling, k, dtype=np.float32)
    side = engine.fixed_side(factors, Ridge(regularization, 1.0, heaviest / 2))
    expected = exact_in(side.rotated, side.spectrum, matrix=matrix, ridge=side.ridge) @ side.basis.T.astype(np.float64)
    assert relative_error(engine.solve(side, matrix), expected) < 1e-4
    row = slice(*matrix.indptr[:2])
    alone = engine.solve_row(side, matrix.indices[row], matrix.data[row])
    assert relative_error(alone[None], expected[:1]) < 1e-4


def exact_in(rotated: np.ndarray, spectrum: np.ndarray, *, matrix: Matrix, ridge: Ridge) -> np.ndarray:
    """The rows of a prepared side's own systems, by LAPACK in float64."""
    weights, strengths = matrix.scipy().toarray().astype(np.float64), ridge.of(matrix.counts, len(rotated))
    z, diagonal = rotated.astype(np.float64), spectrum.astype(np.float64)
    solved = np.zeros((matrix.rows, rotated.shape[1]))
    for row in np.flatnonzero(matrix.counts):
        met = weights[row] > 0
        system = np.diag(diagonal + np.float64(strengths[row])) + z[met].T @ (weights[row, met, None] * z[met])
        solved[row] = np.linalg.solve(system, z[met].T @ (1 + weights[row, met]))
    return solved


def test_one_row_is_solved_as_in_a_matrix(engine: Engine) -> None:
    matrix = random_matrix(4, (30, 300), density=0.2)
    side = engine.fixed_side(random_factors(1, (300, 128)), RIDGE)
    together = engine.solve(side, matrix)
    for row in range(matrix.rows):
        entries = slice(*matrix.indptr[row : row + 2])
        alone = engine.solve_row(side, matrix.indices[entries], matrix.data[entries])
        assert relative_error(alone[None], together[row : row + 1].astype(np.float64)) < 1e-5


def test_an_empty_history_folds_in_to_zero(engine: Engine) -> None:
    side = engine.fixed_side(random_factors(1, (9, 5)), RIDGE)
    nothing = engine.solve_row(side, np.empty(0, np.int32), np.empty(0, np.float32))
    assert nothing.tolist() == [0.0] * 5


@pytest.mark.parametrize(("item", "weight"), [(9, 1.0), (-1, 1.0), (3, 0.0), (3, np.nan), (3, np.inf), (3, -1.0)])
def test_a_row_that_cannot_be_is_refused(engine: Engine, item: int, weight: float) -> None:
    side = engine.fixed_side(random_factors(1, (9, 5)), RIDGE)
    with pytest.raises(Refused, match="row"):
        engine.solve_row(side, np.array([item], np.int32), np.array([weight], np.float32))


@pytest.mark.parametrize("name", ["solved", "fixed"])
def test_factors_that_are_not_finite_are_refused_by_name(engine: Engine, name: str) -> None:
    matrix = random_matrix(1, (20, 30))
    sides = dict(zip(("solved", "fixed"), some_sides(matrix, 16), strict=True))
    sides[name][5, 3] = np.nan
    with pytest.raises(Refused) as refused:
        engine.half_step(**sides, matrix=matrix, ridge=RIDGE, steps=Steps())
    assert (refused.value.code, refused.value.field) == ("factors_invalid", name)


@pytest.mark.parametrize("k", LENGTHS)
def test_a_rotation_is_the_matrix_product(engine: Engine, k: int) -> None:
    factors = random_factors(1, (77, k))
    basis = np.linalg.qr(np.random.default_rng(2).normal(size=(k, k)))[0]
    turned = factors.copy()
    engine.rotate(turned, basis)
    np.testing.assert_allclose(turned, factors.astype(np.float64) @ basis, atol=2e-6)


@pytest.mark.parametrize("rows", [0, 1, 1_023, 1_025, 20_000])
def test_the_spectrum_is_that_of_the_gram_matrix(engine: Engine, rows: int) -> None:
    factors = random_factors(1, (rows, 20)) + np.float32(0.2)
    side = engine.fixed_side(factors, RIDGE)
    expected = np.linalg.svd(factors.astype(np.float64), compute_uv=False)[::-1] ** 2 if rows else []
    np.testing.assert_allclose(side.spectrum[20 - len(expected) :], expected, rtol=1e-5)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_transposition_lists_rows_ascending_whatever_the_threads(native: Engine, threads: int) -> None:
    from tacit.models.recommender.engines.native_engine import NativeEngine

    matrix = random_matrix(9, (60, 45), density=0.2)
    turned = NativeEngine(threads).transpose(matrix)
    np.testing.assert_array_equal(turned.scipy().toarray(), matrix.scipy().toarray().T)
    Matrix.of(turned.scipy())  # sorted, without duplicates, in range
    assert turned.column_counts.tolist() == matrix.counts.tolist()


def test_an_empty_matrix_can_be_transposed_and_stepped(engine: Engine) -> None:
    matrix = from_dense(np.zeros((3, 4)))
    assert engine.transpose(matrix).shape == (4, 3)
    solved, loss = stepped(engine, matrix, some_sides(matrix, 6), steps=Steps())
    assert not solved.any()
    assert loss == pytest.approx(explicit_objective(*some_sides(matrix, 6), matrix=matrix, ridge=RIDGE), rel=1e-5)
