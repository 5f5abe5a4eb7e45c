"""Alternating least squares against the paper's own formula in float64."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from tacit.data.datasets import SnapshotRules, freeze
from tacit.models.recommender.als import AlsSettings, Confidence, Solver, density_rule, loss, train
from tacit.models.recommender.topk import top_k
from tests.communities import checkerboard, two_tastes

RULES = SnapshotRules(min_user_interactions=1, min_item_interactions=1, holdout_share=0.0)


def by_the_book(weights: sparse.csr_array, fixed: np.ndarray, ridge: np.ndarray) -> np.ndarray:
    """Hu et al. 2008, eq. 4, row by row with LAPACK in float64."""
    fixed = fixed.astype(np.float64)
    solved = np.zeros((weights.shape[0], fixed.shape[1]))
    for row in range(weights.shape[0]):
        confidence = np.ones(len(fixed))
        preference = np.zeros(len(fixed))
        part = slice(weights.indptr[row], weights.indptr[row + 1])
        confidence[weights.indices[part]] += weights.data[part]
        preference[weights.indices[part]] = 1
        system = fixed.T @ (confidence[:, None] * fixed) + ridge[row] * np.eye(fixed.shape[1])
        if part.start < part.stop:
            solved[row] = np.linalg.solve(system, fixed.T @ (confidence * preference))
    return solved


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    k=st.integers(1, 24),
    density=st.floats(0.01, 0.9),
    exponent=st.sampled_from([0.0, 0.75, 1.0]),
)
def test_a_solved_row_is_the_papers_whatever_the_shape(seed: int, k: int, density: float, exponent: float) -> None:
    generator = np.random.default_rng(seed)
    weights = sparse.random_array((30, 40), density=density, rng=generator, dtype=np.float32).tocsr()
    weights.data = (weights.data * 20 + 0.1).astype(np.float32)
    fixed = generator.normal(size=(40, k)).astype(np.float32)
    solver = Solver.over(fixed, mean_weight=3.0, regularization=0.05, frequency_exponent=exponent)

    solved = solver.solve(weights)

    expected = by_the_book(weights, fixed, solver.ridge(np.diff(weights.indptr)).astype(np.float64))
    assert np.abs(solved - expected).max() <= 1e-4 * max(1.0, np.abs(expected).max())


def test_the_objective_falls_with_every_iteration() -> None:
    weights = freeze(two_tastes(), (), RULES).training * np.float32(4)
    chosen = AlsSettings(factors=8, iterations=12, alpha=4.0, regularization=0.01)

    losses = train(weights.tocsr(), chosen).losses

    assert all(later <= earlier * (1 + 1e-6) for earlier, later in pairwise(losses))
    assert losses[-1] < 0.9 * losses[0]


def test_the_objective_is_the_sum_over_every_cell() -> None:
    generator = np.random.default_rng(3)
    weights = sparse.random_array((7, 9), density=0.4, rng=generator, dtype=np.float32).tocsr()
    users, items = generator.normal(size=(7, 3)), generator.normal(size=(9, 3))
    chosen = AlsSettings(factors=3, alpha=2.0, regularization=0.3, frequency_exponent=0.5)
    met = weights.toarray() > 0
    scores = users @ items.T
    mean = weights.data.mean()
    ridge_users = 0.3 * (mean * met.sum(axis=1) + 9) ** 0.5
    ridge_items = 0.3 * (mean * met.sum(axis=0) + 7) ** 0.5

    expected = np.sum((1 + weights.toarray()) * (met - scores) ** 2)
    expected += ridge_users @ (users**2).sum(axis=1) + ridge_items @ (items**2).sum(axis=1)

    found = loss(weights, users.astype(np.float32), items.astype(np.float32), settings=chosen)
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_checkerboard_is_completed() -> None:
    snapshot = freeze(checkerboard(), (), RULES)
    weights = snapshot.training * np.float32(10)

    factors = train(weights.tocsr(), AlsSettings(factors=4, iterations=10, alpha=10.0, regularization=0.01))

    scores = factors.user_factors @ factors.item_factors.T
    rows = np.repeat(np.arange(20), np.diff(weights.indptr))
    scores[rows, weights.indices] = -np.inf
    best = [snapshot.items[item].item_id[1:] for item in top_k(scores, 1)[:, 0]]
    assert best == [user[1:] for user in snapshot.user_ids]


@pytest.mark.requirement("DATA-010")
def test_confidence_is_one_plus_alpha_times_the_play_count_on_the_plain_curve() -> None:
    plays = np.array([1, 2, 10], np.float32)

    confidence = Confidence.fitted("plain", 40.0, plays)

    assert (1 + confidence.weights(plays)).tolist() == [41.0, 81.0, 401.0]


def test_alpha_is_the_mean_weight_whichever_curve_is_taken() -> None:
    values = np.array([1, 1, 2, 3, 500, 90_000], np.float32)

    means = [
        float(Confidence.fitted(curve, 7.0, values).weights(values).mean()) for curve in ("linear", "log", "capped")
    ]

    assert means == pytest.approx([7.0, 7.0, 7.0], rel=1e-5)


def test_the_log_curve_keeps_one_obsession_from_drowning_the_rest() -> None:
    values = np.array([1, 2, 3, 90_000], np.float32)

    shares = {
        curve: Confidence.fitted(curve, 1.0, values).weights(values)[-1] / 4 for curve in ("linear", "log", "capped")
    }

    assert shares["linear"] > 0.99
    assert shares["log"] < 0.8


def test_training_twice_with_one_seed_gives_the_same_bytes() -> None:
    weights = (freeze(two_tastes(), (), RULES).training * np.float32(4)).tocsr()
    chosen = AlsSettings(factors=8, iterations=3, alpha=4.0, regularization=0.01)

    first, second = train(weights, chosen), train(weights, chosen)

    assert first.item_factors.tobytes() == second.item_factors.tobytes()
    assert first.user_factors.tobytes() == second.user_factors.tobytes()


def test_unresolved_settings_take_the_density_rule() -> None:
    weights = freeze(two_tastes(), (), RULES).training
    chosen = AlsSettings().resolved(weights)

    assert (chosen.alpha, chosen.regularization) == density_rule(weights.nnz / (weights.shape[0] * weights.shape[1]))
    assert AlsSettings(alpha=3.0).resolved(weights).alpha == 3.0


def test_progress_is_told_from_nothing_to_all() -> None:
    told: list[float] = []
    weights = (freeze(two_tastes(), (), RULES).training * np.float32(4)).tocsr()

    train(
        weights,
        AlsSettings(factors=4, iterations=3, alpha=4.0, regularization=0.01),
        lambda _, share: told.append(share),
    )

    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)
