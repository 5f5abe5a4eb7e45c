"""What every engine promises about neighbours and sparse products: what dense arithmetic says, kept in order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from tacit.errors import Refused
from tacit.models.recommender.engines.interfaces import Engine
from tacit.models.recommender.engines.matrix import Matrix
from tests.engines import ENGINES, from_dense, random_matrix, running

SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with threadpool_limits(1, user_api="blas"), running(request.param) as engine:
        yield engine


def similarities(met: np.ndarray, weights: np.ndarray, *, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """`s_ij` for all pairs, in float64, with nothing on the diagonal."""
    dense = met.T.astype(np.float64) @ (weights[:, None].astype(np.float64) * met)
    dense *= source[:, None].astype(np.float64) * target
    np.fill_diagonal(dense, 0)
    return dense


def strongest(dense: np.ndarray, keep: int) -> np.ndarray:
    """The `keep` highest of each row and zeros elsewhere; of equals the first."""
    kept = np.zeros_like(dense)
    for row, scores in enumerate(dense):
        best = [column for column in np.argsort(-scores, kind="stable")[:keep] if scores[column] > 0]
        kept[row, best] = scores[best]
    return kept


def found_by(engine: Engine, met: np.ndarray, *, keep: int, **weights: np.ndarray) -> Matrix:
    by_user = from_dense(met)
    found = engine.neighbours(
        by_user,
        engine.transpose(by_user),
        user_weights=weights["weights"],
        source_scales=weights["source"],
        target_scales=weights["target"],
        keep=keep,
    )
    return Matrix.of(found.scipy())


@settings(max_examples=20, deadline=None)
@given(
    seed=SEEDS,
    users=st.integers(0, 40),
    items=st.integers(0, 40),
    keep=st.integers(1, 50),
    density=st.sampled_from([0.02, 0.2, 0.7]),
)
def test_the_strongest_neighbours_are_kept_equals_by_position(
    engine: Engine, seed: int, users: int, items: int, keep: int, density: float
) -> None:
    generator = np.random.default_rng(seed)
    met = generator.random((users, items)) < density
    # Small whole numbers and powers of two: sums are exact in float32, and ties are many.
    weights = generator.integers(0, 4, users).astype(np.float32)
    source, target = (2.0 ** generator.integers(-2, 3, items).astype(np.float32) for _ in range(2))

    found = found_by(engine, met, keep=keep, weights=weights, source=source, target=target)

    expected = strongest(similarities(met, weights, source=source, target=target), keep)
    assert found.scipy().toarray().tolist() == expected.tolist()
    assert found.nnz == np.count_nonzero(expected)


def test_similarities_of_any_weights_are_right_to_five_digits(engine: Engine) -> None:
    generator = np.random.default_rng(4)
    met = generator.random((300, 120)) < 0.1
    weights = generator.uniform(0.01, 2, 300).astype(np.float32)
    source, target = (generator.uniform(0.1, 3, 120).astype(np.float32) for _ in range(2))
    dense = similarities(met, weights, source=source, target=target)

    found = found_by(engine, met, keep=20, weights=weights, source=source, target=target)

    rows = np.repeat(np.arange(120), found.counts)
    assert found.data == pytest.approx(dense[rows, found.indices], rel=1e-5)
    weakest = np.sort(dense, axis=1)[:, -20]
    assert (found.data >= weakest[rows] * (1 - 1e-5)).all()
    assert (found.counts == np.minimum(20, (dense > 0).sum(axis=1))).all()


def test_progress_of_neighbours_rises_to_one(engine: Engine) -> None:
    told: list[float] = []
    by_user = random_matrix(1, (60, 50))
    ones = np.ones(50, np.float32)

    engine.neighbours(
        by_user,
        engine.transpose(by_user),
        user_weights=np.ones(60, np.float32),
        source_scales=ones,
        target_scales=ones,
        keep=5,
        progress=lambda _, share: told.append(share),
    )

    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)


@settings(max_examples=20, deadline=None)
@given(
    seed=SEEDS,
    histories=st.integers(0, 30),
    items=st.integers(0, 30),
    columns=st.integers(0, 40),
    density=st.sampled_from([0.02, 0.3, 1.0]),
)
def test_weighted_rows_are_the_dense_product(
    engine: Engine, seed: int, histories: int, items: int, columns: int, density: float
) -> None:
    generator = np.random.default_rng(seed)
    left, right = (
        generator.integers(-4, 5, shape) * (generator.random(shape) < density)
        for shape in ((histories, items), (items, columns))
    )

    product = engine.weighted_rows(from_dense(left), from_dense(right))

    assert Matrix.of(product.scipy()).shape == (histories, columns)
    assert product.scipy().toarray().tolist() == (left @ right).tolist()


def test_weighted_rows_of_any_numbers_are_right_to_five_digits(engine: Engine) -> None:
    histories, rows = random_matrix(1, (80, 200), density=0.1), random_matrix(2, (200, 500), density=0.2)
    expected = histories.scipy().toarray().astype(np.float64) @ rows.scipy().toarray()

    product = engine.weighted_rows(histories, rows).scipy().toarray()

    assert product == pytest.approx(expected, rel=1e-5)


def test_histories_over_other_items_are_refused(engine: Engine) -> None:
    with pytest.raises(Refused) as refused:
        engine.weighted_rows(random_matrix(1, (5, 21)), random_matrix(2, (20, 20)))

    assert refused.value.code == "matrix_invalid"


@pytest.mark.parametrize("shape", [(30, 20), (21, 30), (20, 31)])
def test_two_matrices_that_are_no_transposes_are_refused(engine: Engine, shape: tuple[int, int]) -> None:
    ones = np.ones(20, np.float32)

    with pytest.raises(Refused) as refused:
        engine.neighbours(
            random_matrix(1, (30, 20)),
            random_matrix(2, shape),
            user_weights=np.ones(30, np.float32),
            source_scales=ones,
            target_scales=ones,
            keep=5,
        )

    assert refused.value.code == "matrix_invalid"


ONES = {"weights": np.ones(6, np.float32), "source": np.ones(9, np.float32), "target": np.ones(9, np.float32)}


@pytest.mark.parametrize(
    "wrong",
    [
        {"weights": np.ones(5, np.float32)},
        {"weights": np.array([1, 1, 1, 1, 1, -1], np.float32)},
        {"weights": np.array([1, 1, 1, 1, 1, np.nan], np.float32)},
        {"source": np.ones(8, np.float32)},
        {"source": np.zeros(9, np.float32)},
        {"target": np.full(9, np.inf, np.float32)},
        {"weights": np.full(6, 1e30, np.float32), "source": np.full(9, 1e30, np.float32)},
        {"keep": 0},
    ],
)
def test_weights_and_scales_out_of_range_are_refused(engine: Engine, wrong: dict[str, object]) -> None:
    with pytest.raises(Refused) as refused:
        found_by(engine, np.ones((6, 9)), **({"keep": 3} | ONES | wrong))  # type: ignore[arg-type]

    assert refused.value.code == "weights_invalid"
