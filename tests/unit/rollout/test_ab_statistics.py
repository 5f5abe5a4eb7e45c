"""The numbers an A/B test rests on: intervals that hold at every look, CUPED, and the test of shares."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from tacit.rollout.ab_statistics import Moments, compare, half_width, moments, share_mismatch
from tests.ab_simulations import Trials, looked_at

HALVES = np.array([0.5, 0.5])


def users(number: int, *, seed: int, effect: float = 0.0, history: float = 0.0) -> np.ndarray:
    """Clicked, lists, a number that goes with them, and one that says nothing: a row each."""
    generator = np.random.default_rng(seed)
    lists = 1 + generator.poisson(2.0, number)
    taste = generator.beta(2, 6, number)
    clicked = generator.binomial(lists, np.minimum(taste * (1 + effect), 1))
    before = history * taste + (1 - history) * generator.random(number)
    return np.column_stack([clicked, lists, before, np.ones(number)]).astype(float)


def test_the_metric_is_the_quotient_of_the_sums_and_its_spread_that_of_users_not_of_lists() -> None:
    control, arm = users(4_000, seed=1), users(3_000, seed=2, effect=0.2)
    found = compare(moments(control[:, :2]), moments(arm[:, :2]))
    generator = np.random.default_rng(3)
    draws = []
    for _ in range(400):
        one, other = (each[generator.integers(0, len(each), len(each))].sum(0) for each in (control, arm))
        draws.append((other[0] / other[1]) / (one[0] / one[1]) - 1)

    assert float(found.control) == pytest.approx(control[:, 0].sum() / control[:, 1].sum())
    assert float(found.arm) == pytest.approx(arm[:, 0].sum() / arm[:, 1].sum())
    assert float(found.relative_spread) == pytest.approx(np.std(draws), rel=0.12)
    # A binomial of the lists would claim to know more than it does.
    naive = math.sqrt(float(found.control) * (1 - float(found.control)) / control[:, 1].sum())
    assert naive < 0.97 * math.sqrt(float(found.spread) ** 2 / 2)


def test_history_that_goes_with_the_metric_sharpens_the_difference_and_moves_no_truth() -> None:
    knowing = looked_at(Trials(effect=0.1, runs=100, users=4_000, every=4_000, history=20.0))
    blind = looked_at(Trials(effect=0.1, runs=100, users=4_000, every=4_000))

    assert 0.2 < knowing.reduction.mean() < 0.6
    assert knowing.estimate.mean() == pytest.approx(0.1, abs=4 * knowing.spread.mean() / 10)
    assert knowing.estimate.std() < 0.95 * blind.estimate.std()


def test_history_that_says_nothing_changes_nothing() -> None:
    control, arm = users(500, seed=1), users(500, seed=2)
    plain = compare(moments(control[:, :2]), moments(arm[:, :2]))
    constant = compare(*(moments(np.column_stack([each[:, :2], np.full((500, 2), 7.0)])) for each in (control, arm)))

    assert float(constant.difference) == pytest.approx(float(plain.difference))
    assert float(constant.spread) == pytest.approx(float(plain.spread))
    assert float(constant.reduction) == pytest.approx(0.0, abs=1e-12)


def test_the_scale_of_what_is_known_before_makes_no_difference() -> None:
    control, arm = users(500, seed=1, history=0.9), users(500, seed=2, history=0.9)
    tiny = np.array([1, 1, 1e-7, 1])
    found = [compare(moments(control * scale), moments(arm * scale)) for scale in (np.ones(4), tiny)]

    assert float(found[0].spread) == pytest.approx(float(found[1].spread), rel=1e-6)
    assert float(found[0].reduction) > 0.1


def test_a_control_without_a_click_allows_no_share_and_no_warning() -> None:
    nothing = moments(np.column_stack([np.zeros(10), np.ones(10)]))
    something = moments(np.column_stack([np.arange(10) % 2, np.ones(10)]).astype(float))
    found = compare(nothing, something)

    assert math.isnan(float(found.relative))
    assert not math.isfinite(float(half_width(found.relative_spread, expected=0.1, alpha=0.05)))


def test_the_interval_is_where_the_mixture_of_likelihoods_reaches_one_in_alpha() -> None:
    spread, expected, alpha = 0.03, 0.1, 0.05
    width = float(half_width(np.asarray(spread), expected=expected, alpha=alpha))

    def likelihood(effect: float) -> float:
        ratio = stats.norm.pdf(width, effect, spread) / stats.norm.pdf(width, 0, spread)
        return float(ratio * stats.norm.pdf(effect, 0, expected))

    mixture, _ = integrate.quad(likelihood, -2, 2, points=[0, width])
    assert mixture == pytest.approx(1 / alpha, rel=1e-6)


@given(st.floats(1e-6, 10), st.floats(0.001, 1))
def test_an_interval_that_holds_at_every_look_is_wider_than_one_for_a_single_look(
    spread: float, expected: float
) -> None:
    assert float(half_width(np.asarray(spread), expected=expected, alpha=0.05)) > 1.96 * spread


@given(st.lists(st.integers(0, 100_000), min_size=2, max_size=4))
@settings(max_examples=50, deadline=None)
def test_the_p_value_of_shares_is_a_probability_and_users_as_planned_raise_no_alarm(counts: list[int]) -> None:
    shares = np.full(len(counts), 1 / len(counts))

    assert 0 <= float(share_mismatch(np.array(counts, float), shares)) <= 1
    assert float(share_mismatch(sum(counts) * shares, shares)) == 1.0


def test_an_unequal_plan_kept_to_raises_no_alarm_and_one_not_kept_to_does() -> None:
    plan = np.array([0.9, 0.1])

    assert float(share_mismatch(np.array([9_000.0, 1_000.0]), plan)) == 1.0
    assert float(share_mismatch(np.array([8_700.0, 1_300.0]), plan)) < 1e-6


def test_moments_of_stacked_experiments_are_compared_each_by_itself() -> None:
    first, second = users(300, seed=1), users(300, seed=2, effect=0.3)
    one, other = moments(first), moments(second)
    stacked = [Moments(*(np.stack([a, b]) for a, b in zip(*pair, strict=True))) for pair in (
        ((one.users, one.mean, one.covariance), (other.users, other.mean, other.covariance)),
        ((other.users, other.mean, other.covariance), (one.users, one.mean, one.covariance)),
    )]  # fmt: skip
    both = compare(*stacked)

    assert both.relative[0] == pytest.approx(float(compare(one, other).relative))
    assert both.relative[1] == pytest.approx(float(compare(other, one).relative))


def test_few_simulated_comparisons_keep_their_promise_under_peeking() -> None:
    still, better = Trials(runs=100, users=4_000), Trials(runs=100, users=4_000, effect=0.15, history=10.0)
    alike, known = looked_at(still), looked_at(better, seed=2)

    assert alike.covers(0.0).mean() >= 0.9
    assert known.covers(0.15).mean() >= 0.9
    assert alike.stopped(0.05).mean() <= 0.05
    assert alike.mismatch(0.005).mean() <= 0.02
    assert looked_at(Trials(runs=50, users=20_000, every=1_000, share=0.48)).mismatch(0.005).mean() >= 0.8
