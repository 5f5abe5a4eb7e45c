"""The training loop above the engines: what it promises whichever of them does the half steps."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from tacit.data.datasets import SnapshotRules, freeze
from tacit.errors import Refused
from tacit.models.recommender.als import AlsSettings, Confidence, Factors, density_rule, loss, train
from tacit.models.recommender.defaults import factors_rule
from tacit.models.recommender.engines.interfaces import HalfStep, Steps
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.engines.numpy_engine import NumpyEngine
from tests.communities import checkerboard, two_tastes

RULES = SnapshotRules(min_user_interactions=1, min_item_interactions=1, holdout_share=0.0)
CHOSEN = AlsSettings(factors=8, iterations=6, alpha=4.0, regularization=0.01)
ENGINE = NumpyEngine()


def tastes() -> Matrix:
    """Weights of two tastes, items in order of popularity."""
    weights = freeze(two_tastes(), (), RULES).training
    return Matrix.of(weights).with_data(np.full(weights.nnz, 4, np.float32))


def without_order(weights: Matrix, seed: int = 3) -> tuple[Matrix, np.ndarray]:
    """The same with the least popular items first, and which item stands where."""
    order = np.argsort(weights.column_counts + np.random.default_rng(seed).random(weights.columns))
    return ENGINE.transpose(ENGINE.transpose(weights).select(order)), order


class Recording(NumpyEngine):
    """Remembers how far rows were asked to move, and tells other losses than there were, if told so."""

    def __init__(self, losses: dict[int, float] | None = None) -> None:
        self.asked: list[Steps] = []
        self.seen: list[Matrix] = []
        self._losses = losses or {}

    def half_step(self, solved: Any, fixed: Any, *, matrix: Matrix, steps: Steps, **others: Any) -> HalfStep:
        done = super().half_step(solved, fixed, matrix=matrix, steps=steps, **others)
        self.asked.append(steps)
        self.seen.append(matrix)
        return replace(done, loss=self._losses.get(len(self.asked), done.loss))


class Turning(NumpyEngine):
    """Turns both sides in every half step, as an engine may that works in an eigenbasis."""

    def half_step(self, solved: Any, fixed: Any, **others: Any) -> HalfStep:
        done = super().half_step(solved, fixed, **others)
        turn, _ = np.linalg.qr(np.random.default_rng(solved.size).normal(size=(fixed.shape[1],) * 2))
        self.rotate(solved, turn)
        self.rotate(fixed, turn)
        return replace(done, basis=turn)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), relaxation=st.floats(0.1, 1.95), k=st.integers(1, 12))
def test_the_objective_never_rises_however_far_rows_move(seed: int, relaxation: float, k: int) -> None:
    generator = np.random.default_rng(seed)
    weights = sparse.random_array((25, 18), density=0.3, rng=generator, dtype=np.float32).tocsr()
    weights.sort_indices()
    weights.data = weights.data * 20 + np.float32(0.1)
    chosen = AlsSettings(factors=k, iterations=6, alpha=10.0, regularization=0.05, relaxation=relaxation)

    losses = train(Matrix.of(weights), chosen, ENGINE).losses

    assert all(later <= earlier * (1 + 1e-6) for earlier, later in pairwise(losses))


def test_the_losses_told_are_those_of_each_iterations_factors() -> None:
    weights = tastes()

    told = train(weights, CHOSEN, ENGINE).losses

    for iteration in (1, 2, 6):
        learnt = train(weights, replace(CHOSEN, iterations=iteration), ENGINE)
        expected = loss(weights, learnt.user_factors, learnt.item_factors, settings=CHOSEN)
        assert learnt.losses[-1] == pytest.approx(expected, rel=1e-6)
        assert told[iteration - 1] == pytest.approx(expected, rel=1e-6)


def test_moving_further_reaches_a_lower_objective_in_as_many_iterations() -> None:
    plain = train(tastes(), replace(CHOSEN, iterations=8, relaxation=1.0), ENGINE).losses
    further = train(tastes(), replace(CHOSEN, iterations=8, relaxation=1.5), ENGINE).losses

    assert further[-1] < plain[-1] < 0.9 * plain[0]


def test_rows_move_further_from_the_second_iteration_on_and_not_at_all_for_the_last_loss() -> None:
    engine = Recording()

    train(tastes(), replace(CHOSEN, iterations=3, cg_steps=5), engine)

    assert [steps.relaxation for steps in engine.asked] == [1.0, 1.0, 1.5, 1.5, 1.5, 1.5, 0.0]
    assert [steps.count for steps in engine.asked] == [5, 5, 5, 5, 5, 5, 0]


@pytest.mark.parametrize("risen", [4, 5])
def test_once_the_objective_rises_no_row_moves_further_any_more(risen: int) -> None:
    engine = Recording({risen: 1e9})

    train(tastes(), replace(CHOSEN, iterations=5), engine)

    moves = [steps.relaxation for steps in engine.asked[:-1]]
    assert moves[2:risen] == [1.5] * (risen - 2)
    assert set(moves[risen:]) == {1.0}


def test_an_objective_that_is_no_number_stops_the_training_by_name() -> None:
    with pytest.raises(Refused, match="no longer finite in iteration 2") as refusal:
        train(tastes(), CHOSEN, Recording({3: np.nan}))

    assert refusal.value.code == "training_diverged"


def test_whatever_basis_an_engine_works_in_the_factors_stand_in_the_first_one() -> None:
    straight, turned = train(tastes(), CHOSEN, ENGINE), train(tastes(), CHOSEN, Turning())

    assert np.abs(straight.item_factors - turned.item_factors).max() < 1e-4
    assert np.abs(straight.user_factors - turned.user_factors).max() < 1e-4


def test_the_best_factors_stand_in_the_first_basis_too() -> None:
    scores = iter([1.0, 3.0, 2.0])
    best = train(tastes(), CHOSEN, Turning(), judge=lambda _: next(scores))

    expected = train(tastes(), replace(CHOSEN, iterations=4), ENGINE)
    assert best.iteration == 4
    assert np.abs(best.item_factors - expected.item_factors).max() < 1e-4


def test_items_without_order_are_put_in_order_while_training_which_changes_only_the_rounding() -> None:
    weights = tastes()
    shuffled, order = without_order(weights)
    engine = Recording()
    start = train(weights, replace(CHOSEN, iterations=1), ENGINE)
    moved = replace(start, item_factors=start.item_factors[order])

    learnt, expected = train(shuffled, CHOSEN, engine, start=moved), train(weights, CHOSEN, ENGINE, start=start)

    by_item, by_user = engine.seen[-2:]
    assert not (np.diff(engine.seen[1].counts) <= 0).all()  # so few iterations would not repay it
    assert (np.diff(by_item.counts) <= 0).all()
    assert np.array_equal(by_user.column_counts, by_item.counts)
    assert np.abs(learnt.item_factors - expected.item_factors[order]).max() < 1e-4
    assert learnt.losses == pytest.approx(expected.losses, rel=1e-6)


def test_a_judge_sees_items_where_the_caller_put_them() -> None:
    shuffled, _ = without_order(tastes())
    losses: list[float] = []

    def judge(factors: Factors) -> float:
        losses.append(loss(shuffled, factors.user_factors, factors.item_factors, settings=CHOSEN))
        return 0.0

    learnt = train(shuffled, replace(CHOSEN, judge_every=1, patience=99), Turning(), judge=judge)

    assert losses == pytest.approx(learnt.losses, rel=1e-5)


def test_items_that_stand_in_order_are_left_where_they_are() -> None:
    weights, engine = tastes(), Recording()

    train(weights, replace(CHOSEN, iterations=1), engine)

    assert engine.seen[0] is weights


def test_the_best_iteration_is_kept_and_training_ends_when_patience_does() -> None:
    scores = iter([0.1, 0.5, 0.4, 0.45, 0.9])

    learnt = train(
        tastes(), replace(CHOSEN, iterations=20, judge_every=2, patience=2), ENGINE, judge=lambda _: next(scores)
    )

    expected = train(tastes(), replace(CHOSEN, iterations=4), ENGINE)
    assert learnt.judged == ((2, 0.1), (4, 0.5), (6, 0.4), (8, 0.45))
    assert (learnt.iteration, len(learnt.losses)) == (4, 8)
    assert learnt.item_factors.tobytes() == expected.item_factors.tobytes()
    assert learnt.user_factors.tobytes() == expected.user_factors.tobytes()


def test_the_last_iteration_is_judged_whether_it_is_its_turn_or_not() -> None:
    learnt = train(tastes(), replace(CHOSEN, iterations=5, judge_every=2), ENGINE, judge=lambda each: each.iteration)

    assert [iteration for iteration, _ in learnt.judged] == [2, 4, 5]
    assert learnt.iteration == 5


def test_a_judge_that_sees_no_number_changes_nothing() -> None:
    learnt = train(tastes(), replace(CHOSEN, patience=99), ENGINE, judge=lambda _: float("nan"))

    assert learnt.iteration == CHOSEN.iterations


def test_a_warm_start_goes_on_where_training_stopped() -> None:
    first = train(tastes(), CHOSEN, ENGINE)
    kept = first.item_factors.copy()

    more = train(tastes(), replace(CHOSEN, iterations=2), ENGINE, start=first)

    assert max(more.losses) <= first.losses[-1] * (1 + 1e-6)
    assert np.array_equal(first.item_factors, kept)


@pytest.mark.parametrize("factors", [5, 12])
def test_a_warm_start_with_another_number_of_factors_is_better_than_none(factors: int) -> None:
    first = train(tastes(), CHOSEN, ENGINE)
    chosen = replace(CHOSEN, factors=factors, iterations=1)

    warm, cold = train(tastes(), chosen, ENGINE, start=first), train(tastes(), chosen, ENGINE)

    assert warm.item_factors.shape[1] == factors
    assert warm.losses[0] < cold.losses[0]


@pytest.mark.requirement("TRAIN-013")
def test_users_and_items_that_came_later_are_learnt_from_a_warm_start() -> None:
    weights = tastes()
    first = train(weights, CHOSEN, ENGINE)
    fewer = replace(first, user_factors=first.user_factors[:100], item_factors=first.item_factors[:50])

    learnt = train(weights, replace(CHOSEN, iterations=8), ENGINE, start=fewer)

    assert np.linalg.norm(learnt.user_factors, axis=1).min() > 0
    assert np.linalg.norm(learnt.item_factors, axis=1).min() > 0
    assert learnt.losses[-1] == pytest.approx(first.losses[-1], rel=0.05)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda each: replace(each, item_factors=np.vstack([each.item_factors] * 2)), "have shape"),
        (lambda each: replace(each, user_factors=each.user_factors[:, :3]), "have shape"),
        (lambda each: replace(each, user_factors=each.user_factors * np.nan), "not finite"),
        (lambda each: replace(each, item_factors=np.zeros_like(each.item_factors)), "zero everywhere"),
    ],
    ids=["too many items", "sides that differ", "nan", "zero"],
)
def test_factors_that_nothing_can_start_from_are_refused_by_name(change: Any, said: str) -> None:
    first = train(tastes(), replace(CHOSEN, iterations=1), ENGINE)

    with pytest.raises(Refused, match=said) as refusal:
        train(tastes(), CHOSEN, ENGINE, start=change(first))

    assert refusal.value.code == "factors_invalid"


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

    found = loss(
        Matrix.of(weights.sorted_indices()), users.astype(np.float32), items.astype(np.float32), settings=chosen
    )
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_checkerboard_is_completed() -> None:
    snapshot = freeze(checkerboard(), (), RULES)
    weights = Matrix.of(snapshot.training)
    weights = weights.with_data(weights.data * np.float32(10))

    factors = train(weights, AlsSettings(factors=4, iterations=10, alpha=10.0, regularization=0.01), ENGINE)

    found = ENGINE.index(factors.item_factors).search_many(factors.user_factors, 1, excluded=weights)
    best = [snapshot.items[item].item_id[1:] for item in found.items[:, 0]]
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
    first, second = train(tastes(), CHOSEN, ENGINE), train(tastes(), CHOSEN, ENGINE)

    assert first.item_factors.tobytes() == second.item_factors.tobytes()
    assert first.user_factors.tobytes() == second.user_factors.tobytes()


def test_unresolved_settings_take_the_rules_for_density_and_size() -> None:
    weights = freeze(two_tastes(), (), RULES).training
    chosen = AlsSettings().resolved(weights)

    cells = weights.shape[0] * weights.shape[1]
    density, observations = weights.nnz / cells, weights.nnz / cells**0.5
    assert chosen.k == factors_rule(*weights.shape)
    assert (chosen.alpha, chosen.regularization) == density_rule(density, observations)
    assert AlsSettings(alpha=3.0).resolved(weights).alpha == 3.0


def test_settings_without_a_regularization_are_not_trained_with() -> None:
    with pytest.raises(ValueError, match="resolved"):
        train(tastes(), AlsSettings(), ENGINE)


def test_progress_is_told_from_nothing_to_all() -> None:
    told: list[float] = []

    train(tastes(), replace(CHOSEN, iterations=3), ENGINE, progress=lambda _, share: told.append(share))

    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)


def test_what_progress_raises_stops_the_training() -> None:
    def stop(step: str, share: float) -> None:
        if share > 0.4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tastes(), CHOSEN, ENGINE, progress=stop)
