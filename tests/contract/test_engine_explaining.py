"""What every engine promises about taking scores apart: the parts are those of the formula, and add up."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from tacit.models.recommender.engines.interfaces import Engine, Ridge
from tests.engines import ENGINES, random_factors, random_matrix, running


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with threadpool_limits(1, user_api="blas"), running(request.param) as engine:
        yield engine


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    k=st.sampled_from([1, 3, 16, 65]),
    explaining=st.integers(0, 40),
    opposed=st.integers(0, 40),
    targets=st.integers(0, 12),
    largest=st.sampled_from([0.5, 10.0, 1e3]),
)
def test_shares_are_those_of_the_formula_and_add_up_to_the_score(
    engine: Engine, seed: int, k: int, explaining: int, opposed: int, targets: int, largest: float
) -> None:
    generator = np.random.default_rng(seed)
    factors, ridge = random_factors(seed, (120, k)), Ridge(0.02, 1.0, 2.0)
    side = engine.fixed_side(factors, ridge)
    items = generator.choice(120, explaining + opposed, replace=False).astype(np.int32)
    weights = generator.uniform(0.1, largest, len(items)).astype(np.float32)
    wanted = side.rotated[generator.integers(0, 120, targets)]

    shares = engine.shares(side, items, weights, wanted=wanted, explaining=explaining)

    wide, w = factors.astype(np.float64), weights.astype(np.float64)
    system = wide.T @ wide + np.eye(k) * float(ridge.of(np.array([len(items)]), 120)[0])
    system += (wide[items] * w[:, None]).T @ wide[items]
    back = wanted.astype(np.float64) @ side.basis.astype(np.float64).T
    expected = (back @ np.linalg.solve(system, wide[items[:explaining]].T)) * (1 + w[:explaining])
    scale = np.abs(expected).max(initial=1e-3)
    assert shares.shape == (targets, explaining)
    assert np.abs(shares - expected).max(initial=0) < 2e-4 * scale


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    k=st.sampled_from([1, 16, 65]),
    explaining=st.integers(1, 40),
    opposed=st.integers(0, 40),
    targets=st.integers(0, 20),
    most=st.integers(1, 4),
    least=st.sampled_from([0.0, 1e-4, 0.3]),
)
def test_a_history_prepared_once_explains_as_one_that_is_worked_out_each_time(
    engine: Engine, seed: int, k: int, explaining: int, opposed: int, targets: int, most: int, least: float
) -> None:
    generator = np.random.default_rng(seed)
    side = engine.fixed_side(random_factors(seed, (120, k)), Ridge(0.02, 1.0, 2.0))
    items = generator.choice(120, explaining + opposed, replace=False).astype(np.int32)
    weights = generator.uniform(0.1, 10.0, len(items)).astype(np.float32)
    wanted = generator.integers(0, 120, targets)
    prepared = engine.explainer(side, items, weights, explaining=explaining)

    shares = engine.shares(side, items, weights, wanted=side.rotated[wanted], explaining=explaining)
    columns, parts = engine.strongest(shares, most, least=least)

    for _ in range(2):
        told = prepared.strongest(wanted, most, least=least)
        assert told is not None
        np.testing.assert_array_equal(told[0], np.where(columns >= 0, items[columns], -1))
        np.testing.assert_array_equal(told[1], parts)
    assert prepared.strongest(np.array([3, 120]), most, least=least) is None
    assert prepared.memory_bytes >= items.nbytes


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(0, 4), columns=st.integers(1, 12), most=st.integers(1, 4))
def test_the_strongest_of_a_row_are_its_largest_positive_parts_of_equals_the_first(
    engine: Engine, seed: int, rows: int, columns: int, most: int
) -> None:
    given_ = np.random.default_rng(seed).integers(-2, 4, (rows, columns)).astype(np.float32)

    places, parts = engine.strongest(given_, most, least=0.1)

    for row, found, told in zip(given_.tolist(), places.tolist(), parts.tolist(), strict=True):
        whole = sum(value for value in row if value > 0)
        able = [at for at, value in enumerate(row) if value > 0 and np.float32(value / whole) >= np.float32(0.1)]
        best = sorted(able, key=lambda at: (-row[at], at))[:most]
        assert found == best + [-1] * (most - len(best))
        assert told == [np.float32(row[at] / whole) for at in best] + [0.0] * (most - len(best))


@pytest.mark.parametrize(("rows", "columns"), [(0, 3), (4, 0), (7, 9), (30, 50)])
def test_entries_are_those_of_the_matrix_repeated_ones_included(engine: Engine, rows: int, columns: int) -> None:
    matrix = random_matrix(3, (40, 60), density=0.2)
    generator = np.random.default_rng(rows)
    some = generator.integers(0, 40, rows).astype(np.int32)
    others = generator.integers(0, 60, columns).astype(np.int32)

    found = engine.entries(matrix, some, others)

    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, matrix.scipy().toarray()[some][:, others].T)


def test_a_position_or_weight_that_cannot_be_is_refused_and_read_nowhere(engine: Engine) -> None:
    if engine.name == "numpy":
        pytest.skip("NumPy checks by itself")
    side = engine.fixed_side(random_factors(1, (20, 4)), Ridge(0.02, 1.0, 2.0))
    one = np.ones(1, np.float32)

    for items, weights in (([20], one), ([-1], one), ([3], -one), ([3], one * np.inf)):
        with pytest.raises(ValueError, match=r"out of range|positive"):
            engine.shares(side, np.array(items, np.int32), weights, wanted=side.rotated[:1], explaining=1)
    with pytest.raises(ValueError, match="out of range"):
        engine.entries(random_matrix(1, (4, 4)), np.array([4], np.int32), np.array([0], np.int32))
