"""What an A/B test came to so far: each arm beside the control, in numbers and in words (pure).

The report decides nothing but whether the test must end; a winner is said, and never promoted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tacit.rollout.ab import AbMetric, AbTest
from tacit.rollout.ab_plans import plan_as_dict
from tacit.rollout.ab_statistics import compare, half_width, moments, share_mismatch
from tacit.rollout.outcomes import Outcomes, UserOutcomes

ALPHA = 0.05
"""The chance that some interval of one metric ever misses its truth, all arms of a test and all looks together."""

MISMATCH_ALPHA = 0.005
"""The chance of an alarm about the shares where they are as planned."""

Finding = Literal["better", "worse", "harmful", "undecided", "too_few_users"]


@dataclass(frozen=True, slots=True)
class Effect:
    """What an arm does to a metric, beside the control; NaN where there are too few users to say.

    Attributes:
        arm: The arm.
        metric: The metric.
        is_guardrail: Whether it is watched only.
        finding: What follows.
        control: The metric in the control, adjusted by users' history.
        value: The same in the arm.
        low: The lower end of the interval of `value - control`, which holds at every look.
        high: The upper end.
        relative: How much more it is, as a share of the control's.
        relative_low: The lower end of the interval of that.
        relative_high: The upper end.
        reduction: The share of the variance that users' history explained.
    """

    arm: str
    metric: AbMetric
    is_guardrail: bool
    finding: Finding
    control: float = math.nan
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    relative: float = math.nan
    relative_low: float = math.nan
    relative_high: float = math.nan
    reduction: float = math.nan


@dataclass(frozen=True, slots=True)
class AbReport:
    """What is known of a test now.

    Attributes:
        test: The test.
        outcomes: What came of each arm's lists, by its name.
        effects: Each arm but the control, by the metric that decides and by every guardrail.
        mismatch: The p-value of users having been divided as planned, valid at every look.
        stop: Why the test must end, as a word (`shares`, `harm`); `None` while it may go on.
        winner: The arm that is better with certainty, the best of them where there are several.
        verdict: All this in words.
    """

    test: AbTest
    outcomes: Mapping[str, Outcomes]
    effects: tuple[Effect, ...]
    mismatch: float
    stop: str | None
    winner: str | None
    verdict: str

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values; a number that is not known is `None`."""
        return {
            **test_as_dict(self.test),
            "outcomes": {arm: _outcome(each) for arm, each in self.outcomes.items()},
            "effects": [_plain(asdict(effect)) for effect in self.effects],
            "mismatch_p": self.mismatch,
            "stop": self.stop,
            "winner": self.winner,
            "verdict": self.verdict,
        }


def report(
    test: AbTest,
    outcomes: Mapping[str, Outcomes],
    users: Mapping[str, UserOutcomes],
    *,
    history: UserOutcomes,
) -> AbReport:
    """What is known of a test.

    Args:
        test: The test.
        outcomes: What came of each arm's lists.
        users: The same for each user.
        history: What came of the lists that users met before the test began.
    """
    known = {arm.name: outcomes.get(arm.name, Outcomes()) for arm in test.plan.arms}
    met = {arm.name: _number_of(users, arm.name) for arm in test.plan.arms}
    shares = np.array([arm.share for arm in test.plan.arms])
    mismatch = float(share_mismatch(np.array([float(number) for number in met.values()]), shares))
    watched = [(test.plan.metric, test.plan.harm_limit), *((g.metric, g.harm_limit) for g in test.plan.guardrails)]
    before = _History.of(history)
    effects = tuple(
        _effect(test, arm.name, metric, users=users, before=before, harm_limit=limit)
        for arm in test.plan.arms[1:]
        for metric, limit in watched
    )
    stop = "shares" if mismatch < MISMATCH_ALPHA else "harm" if any(e.finding == "harmful" for e in effects) else None
    winner = None if stop else _winner(effects)
    verdict = _verdict(test, effects, mismatch=mismatch, met=met)
    return AbReport(test, known, effects, mismatch, stop, winner, verdict)


def test_as_dict(test: AbTest) -> dict[str, Any]:
    """A test as plain values."""
    return {
        "number": test.number,
        "state": test.state,
        "reason": test.reason,
        "split_id": test.split_id,
        "created_at_ms": test.created_at_ms,
        "started_at_ms": test.started_at_ms,
        "ended_at_ms": test.ended_at_ms,
        "plan": plan_as_dict(test.plan),
    }


@dataclass(frozen=True)
class _History:
    """What is known of users from before, found by their id."""

    places: Mapping[str, int]
    outcomes: UserOutcomes

    @classmethod
    def of(cls, outcomes: UserOutcomes) -> _History:
        return cls({user_id: place for place, user_id in enumerate(outcomes.user_ids)}, outcomes)

    def columns(self, user_ids: tuple[str, ...], metric: AbMetric) -> NDArray[np.float64]:
        """`(users, 2)`: each user's metric before, and whether it is known."""
        places = np.array([self.places.get(user_id, -1) for user_id in user_ids], np.int64)
        values = _value(self.outcomes, metric)
        if not len(values):
            return np.zeros((len(user_ids), 2))
        is_known = places >= 0
        return np.stack([np.where(is_known, values[places], 0.0), is_known.astype(float)], axis=-1)


def _value(outcomes: UserOutcomes, metric: AbMetric) -> NDArray[np.float64]:
    if metric == "watch_seconds":
        return outcomes.watch_seconds
    clicked = outcomes.clicked.astype(float)
    return clicked if metric == "clicked_lists" else clicked / np.maximum(outcomes.lists, 1)


def _columns(users: UserOutcomes, metric: AbMetric, before: _History) -> NDArray[np.float64]:
    numerator = users.watch_seconds if metric == "watch_seconds" else users.clicked.astype(float)
    denominator = users.lists.astype(float) if metric == "ctr" else np.ones(len(users.user_ids))
    return np.column_stack([numerator, denominator, before.columns(users.user_ids, metric)])


def _number_of(users: Mapping[str, UserOutcomes], arm: str) -> int:
    return len(users[arm].user_ids) if arm in users else 0


def _effect(
    test: AbTest,
    arm: str,
    metric: AbMetric,
    *,
    users: Mapping[str, UserOutcomes],
    before: _History,
    harm_limit: float,
) -> Effect:
    plan, control = test.plan, test.plan.arms[0].name
    is_guardrail = metric != plan.metric
    if min(_number_of(users, control), _number_of(users, arm)) < plan.min_users:
        return Effect(arm, metric, is_guardrail, "too_few_users")
    found = compare(*(moments(_columns(users[name], metric, before)) for name in (control, arm)))
    alpha = ALPHA / (len(plan.arms) - 1)
    hoped = plan.expected_effect
    wide = float(half_width(found.spread, expected=hoped * np.abs(found.control), alpha=alpha))
    wide_relative = float(half_width(found.relative_spread, expected=hoped, alpha=alpha))
    difference, relative = float(found.difference), float(found.relative)
    low, high = relative - wide_relative, relative + wide_relative
    return Effect(
        arm,
        metric,
        is_guardrail,
        _finding(low, high, harm_limit),
        control=float(found.control),
        value=float(found.arm),
        low=difference - wide,
        high=difference + wide,
        relative=relative,
        relative_low=low,
        relative_high=high,
        reduction=float(found.reduction),
    )


def _finding(low: float, high: float, harm_limit: float) -> Finding:
    # NaN, where the control's metric is 0 so that no share of it can be said, is none of these.
    if high < -harm_limit:
        return "harmful"
    if high < 0:
        return "worse"
    return "better" if low > 0 else "undecided"


def _winner(effects: tuple[Effect, ...]) -> str | None:
    better = [effect for effect in effects if effect.finding == "better" and not effect.is_guardrail]
    # An arm that is worse by a guardrail, though not harmful yet, is no winner.
    spoilt = {effect.arm for effect in effects if effect.is_guardrail and effect.finding in ("worse", "harmful")}
    clean = [effect for effect in better if effect.arm not in spoilt]
    return max(clean, key=lambda effect: effect.relative).arm if clean else None


def _verdict(test: AbTest, effects: tuple[Effect, ...], *, mismatch: float, met: Mapping[str, int]) -> str:
    if mismatch < MISMATCH_ALPHA:
        return (
            f"Users are not divided as planned (p = {mismatch:.2g}): something loses users of one arm, "
            "so that nothing here can be trusted. Find out what before anything else."
        )
    sentences = (_sentence(test, effect, met) for effect in effects)
    return " ".join(sentence for sentence in sentences if sentence)


def _sentence(test: AbTest, effect: Effect, met: Mapping[str, int]) -> str:
    control = test.plan.arms[0].name
    if effect.finding == "too_few_users":
        if effect.is_guardrail:
            return ""
        fewest = min(met[control], met[effect.arm])
        return f"Too few users to say anything of {effect.arm}: {fewest:,} of {test.plan.min_users:,}."
    if math.isnan(effect.relative_low):
        return f"Nothing can be said of {effect.arm}: {effect.metric} is 0 in {control}, or does not vary."
    words = {
        "better": "is better than",
        "worse": "is worse than",
        "harmful": "does more harm than is allowed, beside",
        "undecided": "may be as good as, or better or worse than,",
    }
    return (
        f"{effect.arm} {words[effect.finding]} {control}: {effect.metric} {effect.relative:+.1%}, "
        f"between {effect.relative_low:+.1%} and {effect.relative_high:+.1%}."
    )


def _outcome(outcomes: Outcomes) -> dict[str, Any]:
    return _plain({**asdict(outcomes), "ctr": outcomes.ctr})


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(each, float) and not math.isfinite(each) else each for name, each in values.items()
    }
