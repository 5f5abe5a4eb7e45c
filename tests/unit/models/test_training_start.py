"""Where a training starts when nothing was learnt before: near what the data itself leads to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from tacit.models.recommender.als import AlsSettings, train
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.engines.numpy_engine import NumpyEngine
from tacit.models.recommender.training_start import spectral_factors

ENGINE = NumpyEngine()
CHOSEN = AlsSettings(factors=16, iterations=1, alpha=8.0, regularization=0.01)


def circles(seed: int = 1) -> Matrix:
    """200 users of four circles of taste, each with 15 items of its own; the first item of each is met by most."""
    random = np.random.default_rng(seed)
    shares = np.linspace(0.9, 0.1, 15)
    met = np.zeros((200, 60), np.float32)
    for user in range(200):
        circle = 15 * (user % 4)
        met[user, circle : circle + 15] = random.random(15) < shares
        met[user, random.integers(60)] = 1
    return Matrix.of(sparse.csr_array(met)).with_data(np.full(int(met.sum()), 8.0))


def started(weights: Matrix, k: int = 16, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    users, items = np.full((weights.rows, k), 7, np.float32), np.full((weights.columns, k), 7, np.float32)
    spectral_factors((weights, ENGINE.transpose(weights)), users, items, seed=seed, engine=ENGINE)
    return users, items


def own_circle_share(user_factors: np.ndarray, item_factors: np.ndarray) -> float:
    """How many of each user's five best items are of the user's circle."""
    best = np.argsort(-(user_factors @ item_factors.T), axis=1)[:, :5]
    return float(np.mean(best // 15 == (np.arange(len(best)) % 4)[:, None]))


def test_items_of_one_circle_start_closer_together_than_items_of_two() -> None:
    _, items = started(circles())
    # Popularity is one direction that all share: what is left tells the circles apart.
    centred = items / np.linalg.norm(items, axis=1, keepdims=True)
    alike = centred @ centred.T
    same = np.equal.outer(np.arange(60) // 15, np.arange(60) // 15)

    assert alike[same].mean() > alike[~same].mean() + 0.3


def test_one_iteration_from_the_data_knows_what_one_from_random_factors_does_not() -> None:
    scores = {}
    for start in ("spectral", "random"):
        learnt = [train(circles(), replace(CHOSEN, start=start, seed=seed), ENGINE) for seed in range(5)]  # type: ignore[arg-type]
        scores[start] = np.mean([own_circle_share(each.user_factors, each.item_factors) for each in learnt])

    assert scores["spectral"] > 0.95
    assert scores["spectral"] > scores["random"]


def test_both_starts_end_at_the_same_objective() -> None:
    ends = [
        train(circles(), replace(CHOSEN, factors=4, iterations=60, start=start), ENGINE).losses[-1]  # type: ignore[arg-type]
        for start in ("spectral", "random")
    ]

    assert ends[0] == pytest.approx(ends[1], rel=1e-4)


def test_users_start_at_zero_and_items_at_the_usual_spread() -> None:
    users, items = started(circles())

    assert (users == 0).all()
    assert np.sqrt(np.mean(items**2)) == pytest.approx(0.1, rel=1e-5)


def test_an_item_that_nobody_met_starts_at_zero() -> None:
    weights = circles()
    wider = Matrix.trusted(weights.indptr, weights.indices, weights.data, columns=61)

    _, items = started(wider)

    assert (items[60] == 0).all()
    assert np.isfinite(items).all()


def test_more_factors_than_the_data_has_directions_are_finite_all_the_same() -> None:
    few = Matrix.of(sparse.csr_array(np.eye(3, dtype=np.float32)))

    _, items = started(few, k=40)

    assert np.isfinite(items).all()
    assert (np.abs(items).max(axis=1) > 0).all()


def test_without_a_single_observation_items_start_at_random() -> None:
    nothing = Matrix.trusted(np.zeros(5, np.int64), np.empty(0, np.int32), np.empty(0, np.float32), columns=6)

    _, items = started(nothing)

    assert np.sqrt(np.mean(items**2)) == pytest.approx(0.1, rel=1e-5)


def test_the_same_seed_starts_at_the_same_bytes_and_another_elsewhere() -> None:
    assert started(circles())[1].tobytes() == started(circles())[1].tobytes()
    assert started(circles(), seed=4)[1].tobytes() != started(circles())[1].tobytes()


def test_the_last_loss_is_told_unless_it_is_not_asked_for() -> None:
    told = train(circles(), replace(CHOSEN, iterations=3), ENGINE)
    untold = train(circles(), replace(CHOSEN, iterations=3, tells_last_loss=False), ENGINE)

    assert len(told.losses) == 3
    assert untold.losses == told.losses[:2]
    assert untold.item_factors.tobytes() == told.item_factors.tobytes()
