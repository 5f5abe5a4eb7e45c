"""A thousand simulated A/B comparisons, looked at every 200 users: what the intervals promise is what they keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tacit.rollout.ab_statistics import half_width, share_mismatch
from tests.ab_simulations import Looks, Trials, looked_at

SRM_ALPHA = 0.005
PLAIN = Trials()
EFFECTS = {
    "no effect": PLAIN,
    "+10 %": replace(PLAIN, effect=0.1),
    "-10 %": replace(PLAIN, effect=-0.1),
    "-30 %": replace(PLAIN, effect=-0.3),
    "+10 %, history": replace(PLAIN, effect=0.1, history=10.0),
    "no effect, rare clicks": replace(PLAIN, ctr=0.03, unlike=20.0),
    "no effect, users return": replace(PLAIN, users=2_000, every=40, returning=True, runs=500),
}


def is_told_off(trials: Trials, share: float) -> NDArray[np.bool_]:
    """Whether some look said that users are not halved, by run; of the users nothing but their number is simulated."""
    looks = (trials.runs, trials.users // trials.every)
    in_arm = np.random.default_rng(1).binomial(trials.every, share, looks).cumsum(axis=1)
    counts = np.stack([in_arm, trials.every * np.arange(1, looks[1] + 1) - in_arm], axis=-1).astype(float)
    return np.asarray((share_mismatch(counts, np.array([0.5, 0.5])) < SRM_ALPHA).any(axis=1))


def naive(looks: Looks) -> float:
    """How often somebody who trusts each look's own 95 % sees an effect at some look."""
    return float((np.abs(looks.estimate) > 1.96 * looks.spread).any(axis=1).mean())


@pytest.mark.slow
@pytest.mark.requirement("EVAL-019")
def test_intervals_cover_the_truth_at_every_look_and_false_stops_are_rare(
    record_property: Callable[[str, object], None],
) -> None:
    found = {name: looked_at(trials, seed=place) for place, (name, trials) in enumerate(EFFECTS.items())}
    covered = {name: float(looks.covers(EFFECTS[name].effect).mean()) for name, looks in found.items()}
    stops = {name: float(looks.stopped(0.05).mean()) for name, looks in found.items()}

    print(
        f"\n{'truth':<26}{'runs':>6}{'looks':>7}{'covered at all':>16}{'stopped: harm > 5 %':>21}{'standard error':>16}"
    )
    for name, looks in found.items():
        runs, number = looks.estimate.shape
        width = float(np.mean(looks.spread[:, -1]))
        print(f"{name:<26}{runs:>6}{number:>7}{covered[name]:>15.1%}{stops[name]:>20.1%}{width:>16.4f}")
        record_property(name, covered[name])
    print(f"without this, looking as often: {naive(found['no effect']):.0%} of comparisons of equals show an effect")

    assert min(covered.values()) >= 0.93
    assert all(stops[name] <= 0.05 for name in found if EFFECTS[name].effect >= 0)
    assert stops["-30 %"] >= 0.95
    assert naive(found["no effect"]) > 0.15


@pytest.mark.slow
def test_shares_that_are_off_are_told_and_shares_as_planned_are_not() -> None:
    many = replace(PLAIN, users=20_000, runs=10_000)
    power, alarms = (float(is_told_off(many, share).mean()) for share in (0.48, 0.5))

    print(f"\n48 % for 50 % of 20,000 users, 100 looks: told in {power:.1%}; as planned: alarm in {alarms:.2%}")
    assert power >= 0.9
    assert alarms <= 0.01


@pytest.mark.slow
def test_known_history_ends_a_comparison_with_fewer_users() -> None:
    knowing, blind = (looked_at(replace(PLAIN, effect=0.15, history=history), seed=3) for history in (10.0, 0.0))
    needed = [_users_until_told(looks, every=PLAIN.every) for looks in (knowing, blind)]
    ratio = float((knowing.spread[:, -1] / blind.spread[:, -1]).mean())

    explained = knowing.reduction[:, -1].mean()
    print(f"\nwidth with history: {ratio:.2f} of the width without; it explains {explained:.0%} of the variance")
    print(f"users until +15 % is told, median: {needed[0]:,.0f} with history, {needed[1]:,.0f} without")
    assert ratio < 0.92
    assert needed[0] < 0.9 * needed[1]


def _users_until_told(looks: Looks, *, every: int) -> float:
    """The median of the users who had to come until the interval left 0; all of them, where it never did."""
    told = looks.estimate - half_width(looks.spread, expected=0.1, alpha=0.05) > 0
    first = np.where(told.any(axis=1), told.argmax(axis=1) + 1, told.shape[1] + 1)
    return float(np.median(first)) * every
