"""A/B tests as the console shows them: the plan, each arm, and what it does beside the control (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tacit.entrypoints.console.forms import Form
from tacit.entrypoints.console.spelling import Spell, interval, number, share, signed_share, spelled
from tacit.entrypoints.console.wording import whole
from tacit.errors import BadInput
from tacit.rollout.ab import DAY_MS, AbMetric, AbPlan, AbTest
from tacit.rollout.ab_report import MISMATCH_ALPHA, AbReport, Effect
from tacit.rollout.outcomes import Outcomes

METRICS: Mapping[AbMetric, str] = {
    "ctr": "Lists clicked, of those shown",
    "clicked_lists": "Lists clicked per user",
    "watch_seconds": "Seconds watched per user",
}
"""What a metric is called on a page."""
FINDINGS = {
    "better": ("Better", "good"),
    "worse": ("Worse", "bad"),
    "harmful": ("Harmful", "bad"),
    "undecided": ("Undecided", "quiet"),
    "too_few_users": ("Too few users", "warn"),
}
"""What a finding is called, and how it is coloured."""
MOST_ARMS = 4
"""Arms that the form has places for; the interface takes more."""


@dataclass(frozen=True)
class AbRow:
    """A test in the list."""

    number: int
    title: str
    state: str
    metric: str
    arms: str
    created_ms: int
    started_ms: int | None
    ended_ms: int | None
    reason: str


@dataclass(frozen=True)
class ArmRow:
    """An arm, and what came of its lists.

    Attributes:
        name: Its name.
        answers: What answers its users, in words.
        planned: The share of users it is to have.
        found: The share it has, of all who met the test.
        users: Users who were shown a list.
        lists: Lists shown.
        ctr: Share of them that was clicked.
        is_control: Whether the others are compared with it.
    """

    name: str
    answers: str
    planned: str
    found: str
    users: str
    lists: str
    ctr: str
    is_control: bool


@dataclass(frozen=True, slots=True)
class Whisker:
    """An interval on a scale that all effects of a test share, in places from 0 to 100."""

    low: float
    high: float
    value: float


@dataclass(frozen=True)
class EffectRow:
    """What an arm does to a metric.

    Attributes:
        arm: The arm.
        metric: The metric, in words.
        is_guardrail: Whether it is watched only.
        finding: What follows, in words.
        tone: How that is coloured.
        control: The metric in the control.
        value: The same in the arm.
        relative: The difference as a share of the control's.
        interval: The interval of that, which holds at every look.
        whisker: The same on the shared scale; `None` where nothing is known.
        harm: Where on that scale harm begins.
        reduction: The share of the variance that users' history explained.
    """

    arm: str
    metric: str
    is_guardrail: bool
    finding: str
    tone: str
    control: str
    value: str
    relative: str
    interval: str
    whisker: Whisker | None
    harm: float | None
    reduction: str


@dataclass(frozen=True)
class AbSheet:
    """A test and what is known of it.

    Attributes:
        row: As in the list.
        plan: What it was planned to be.
        arms: Each.
        effects: Each arm but the control, by every metric.
        zero: Where on the shared scale there is no difference.
        verdict: All in words.
        winner: The arm that is better with certainty.
        stop: Why it must end.
        mismatch: The p-value of users being divided as planned.
        is_mismatched: Whether that is an alarm.
        fraction: How much of its days is over, from 0 to 1.
        due_ms: When they are over.
    """

    row: AbRow
    plan: AbPlan
    arms: tuple[ArmRow, ...]
    effects: tuple[EffectRow, ...]
    zero: float
    verdict: str
    winner: str | None
    stop: str | None
    mismatch: str
    is_mismatched: bool
    fraction: float | None
    due_ms: int | None


def ab_row(test: AbTest) -> AbRow:
    """A test in the list."""
    arms = ", ".join(f"{arm.name} {share(arm.share)}" for arm in test.plan.arms)
    return AbRow(
        test.number, test.plan.title, test.state, METRICS[test.plan.metric], arms,
        test.created_at_ms, test.started_at_ms, test.ended_at_ms, test.reason,
    )  # fmt: skip


def ab_sheet(report: AbReport, *, now_ms: int) -> AbSheet:
    """A test and what is known of it now."""
    test, scale = report.test, _Scale.over(report.effects, report.test.plan)
    met = sum(each.users for each in report.outcomes.values())
    return AbSheet(
        ab_row(test),
        test.plan,
        tuple(_arm(test, place, report.outcomes, met=met) for place in range(len(test.plan.arms))),
        tuple(_effect(each, test.plan, scale) for each in report.effects),
        scale.place(0.0),
        report.verdict,
        report.winner,
        report.stop,
        f"{report.mismatch:.3g}",
        report.mismatch < MISMATCH_ALPHA,
        _fraction(test, now_ms),
        test.due_at_ms,
    )


def plan_said(form: Form) -> dict[str, object]:
    """The plan that a form says, as the desk reads it; shares and effects are percentages there.

    Raises:
        BadInput: `number_invalid`.
    """
    said: dict[str, object] = {
        "title": form.text("title"),
        "metric": form.text("metric") or "ctr",
        "arms": [_arm_said(form, place) for place in range(1, MOST_ARMS + 1) if form.text(f"arm_{place}")],
    }
    for name in ("harm_limit", "expected_effect"):
        if form.text(name):
            said[name] = _decimal(form, name) / 100
    for name in ("min_users", "max_days", "history_days"):
        if form.text(name):
            said[name] = _decimal(form, name)
    guardrails = [name for name in METRICS if name in form.all("guardrail") and name != said["metric"]]
    said["guardrails"] = [{"metric": name, "harm_limit": said.get("harm_limit", 0.05)} for name in guardrails]
    return said


def _arm_said(form: Form, place: int) -> dict[str, object]:
    arm: dict[str, object] = {"name": form.text(f"arm_{place}"), "share": _decimal(form, f"share_{place}") / 100}
    if form.text(f"version_{place}"):
        arm["version"] = form.number(f"version_{place}", "The version of an arm")
    return arm


def _decimal(form: Form, name: str) -> float:
    text = form.text(name)
    try:
        found = number(float(text))
    except ValueError:
        found = None
    if found is None:
        raise BadInput("number_invalid", f"{name.replace('_', ' ')} is no number.", field=name, fix="Write a number.")
    return found


def _arm(test: AbTest, place: int, outcomes: Mapping[str, Outcomes], *, met: int) -> ArmRow:
    arm = test.plan.arms[place]
    found = outcomes.get(arm.name, Outcomes())
    answers = "the champion" if arm.version is None else f"version {arm.version}"
    if arm.settings:
        answers += " with " + ", ".join(f"{name} {value:g}" for name, value in arm.settings.items())
    return ArmRow(
        arm.name,
        answers,
        share(arm.share),
        share(found.users / met) if met else "",
        whole(found.users),
        whole(found.lists),
        spelled(found.ctr, share),
        place == 0,
    )


def _effect(effect: Effect, plan: AbPlan, scale: _Scale) -> EffectRow:
    finding, tone = FINDINGS[effect.finding]
    low, high, value = (number(each) for each in (effect.relative_low, effect.relative_high, effect.relative))
    whisker = None
    if low is not None and high is not None and value is not None:
        whisker = Whisker(scale.place(low), scale.place(high), scale.place(value))
    spell: Spell = share if effect.metric == "ctr" else (lambda each: f"{each:,.3g}")
    return EffectRow(
        effect.arm,
        METRICS[effect.metric],
        effect.is_guardrail,
        finding,
        tone,
        spelled(effect.control, spell),
        spelled(effect.value, spell),
        spelled(effect.relative, signed_share),
        interval(low, high, signed_share),
        whisker,
        scale.place(-_harm(effect, plan)) if whisker is not None else None,
        spelled(effect.reduction, share),
    )


def _harm(effect: Effect, plan: AbPlan) -> float:
    watched = {each.metric: each.harm_limit for each in plan.guardrails}
    return watched.get(effect.metric, plan.harm_limit)


def _fraction(test: AbTest, now_ms: int) -> float | None:
    if test.started_at_ms is None:
        return None
    until = now_ms if test.ended_at_ms is None else test.ended_at_ms
    return min(1.0, max(0.0, (until - test.started_at_ms) / (test.plan.max_days * DAY_MS)))


@dataclass(frozen=True, slots=True)
class _Scale:
    """Relative differences from the least to the most that any effect of a test may be, on one bar."""

    begin: float
    end: float

    @classmethod
    def over(cls, effects: Sequence[Effect], plan: AbPlan) -> _Scale:
        ends = [number(each) for effect in effects for each in (effect.relative_low, effect.relative_high)]
        known = [each for each in ends if each is not None]
        # Beyond twice its size nobody reads an effect off; an interval that goes further is cut at the edge.
        lowest = max(-1.0, min([-plan.harm_limit, *known]))
        highest = min(2.0, max([plan.expected_effect, *known]))
        room = 0.08 * (highest - lowest)
        return cls(lowest - room, highest + room)

    def place(self, value: float) -> float:
        return round(100 * min(1.0, max(0.0, (value - self.begin) / (self.end - self.begin))), 2)
