"""Rollouts as the console shows them: the one under way with every number beside its limit, and those before (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tacit.entrypoints.console.checks_view import CheckRow, stage_checks
from tacit.entrypoints.console.spelling import share as share_text
from tacit.rollout.rollout_desk import Status
from tacit.rollout.rollouts import Rollout, RolloutStep
from tacit.rollout.traffic import TrafficPlan

STATES = {
    "shadow": "Asked in secret",
    "canary": "Met by some users",
    "flipping": "Becoming the champion",
    "watching": "Champion, and watched",
    "reverting": "Going back",
    "done": "Done",
    "aborted": "Aborted",
    "failed": "Failed",
    "superseded": "Superseded",
}
"""What a state is called on a page."""
_FINAL = ("done", "aborted", "failed", "superseded")


@dataclass(frozen=True, slots=True)
class StageMark:
    """A stage on the way.

    Attributes:
        label: What it is called: `Shadow`, `5 %`, `Watch`.
        state: `past`, `now`, `ahead`, or `ended` where the journey ended before its end.
    """

    label: str
    state: str


@dataclass(frozen=True)
class LiveRollout:
    """The rollout under way.

    Attributes:
        rollout_id: Its number.
        version: Of the version that is on its way.
        replaces: Of the champion when it began.
        state: Where it is, and `state_text` the same in words.
        share: The share of users who were last given the version.
        is_automatic: Whether a stage that passes leads on by itself.
        is_forced: Whether the gate's verdict was overridden.
        actor: Who began it.
        purpose: Why.
        opened_ms: When.
        entered_ms: Since when it is in its stage.
        needed_seconds: How long the stage lasts at least.
        marks: Every stage of its course.
        outcome: What its stage comes to so far; empty where there is nothing to judge.
        needs: What there must be to judge by.
        limits: What it is judged on.
        following: Where `promote` leads next, in words; empty where it leads nowhere.
        mirrored: The share of requests that a shadow is asked, in words; empty where there is none.
    """

    rollout_id: int
    version: int
    replaces: int
    state: str
    state_text: str
    share: float
    is_automatic: bool
    is_forced: bool
    actor: str
    purpose: str
    opened_ms: int
    entered_ms: int
    needed_seconds: float
    marks: tuple[StageMark, ...]
    outcome: str
    needs: tuple[CheckRow, ...]
    limits: tuple[CheckRow, ...]
    following: str
    mirrored: str

    @property
    def can_advance(self) -> bool:
        """Whether somebody may carry it on now."""
        return self.state in ("shadow", "canary")

    @property
    def can_abort(self) -> bool:
        """Whether somebody may end it now."""
        return self.state in ("shadow", "canary", "watching")

    @property
    def verdict_text(self) -> str:
        """What its stage comes to, in words."""
        if self.outcome == "pass":
            return "Everything holds" + ("" if self.is_automatic else "; it waits for somebody to carry it on")
        missing = sum(each.outcome == "insufficient" for each in (*self.needs, *self.limits))
        return {"fail": "A limit is broken", "insufficient": f"{missing} of its checks cannot tell yet"}.get(
            self.outcome, "Nothing is judged at this moment"
        )


@dataclass(frozen=True)
class StepRow:
    """A step of a rollout's history.

    Attributes:
        state: Where it led, and `state_text` in words.
        stage: Within what requests are counted from then on.
        actor: Who brought it there.
        at_ms: When.
        reasons: Why.
        checks: What it rests on.
        seconds: How long it stayed there; `None` while it does.
    """

    state: str
    state_text: str
    stage: str
    actor: str
    at_ms: int
    reasons: tuple[str, ...]
    checks: tuple[CheckRow, ...]
    seconds: float | None


@dataclass(frozen=True)
class RolloutRow:
    """A rollout in the list of those before."""

    rollout_id: int
    version: int
    replaces: int
    state: str
    state_text: str
    actor: str
    purpose: str
    opened_ms: int
    ended_ms: int
    by: str
    reasons: tuple[str, ...]
    share: str
    is_forced: bool
    is_over: bool

    @property
    def seconds(self) -> float:
        """How long it took."""
        return max(0, self.ended_ms - self.opened_ms) / 1_000


def live_rollout(status: Status, plan: TrafficPlan) -> LiveRollout:
    """The rollout under way.

    Args:
        status: Of it.
        plan: What serving processes do with their requests.
    """
    rollout, judged = status.rollout, {} if status.verdict is None else status.verdict.record()
    checks = stage_checks(judged)
    course = rollout.course
    is_mirrored = plan.shadow is not None and plan.shadow.split_id == rollout.split_id
    return LiveRollout(
        rollout.rollout_id,
        rollout.version,
        rollout.replaces,
        rollout.state,
        STATES[rollout.state],
        rollout.share,
        rollout.advance == "automatic",
        rollout.is_forced,
        rollout.actor,
        rollout.purpose,
        rollout.opened_ms,
        rollout.entered_ms,
        course.watch_seconds if rollout.state == "watching" else course.bake_seconds,
        stage_marks(rollout),
        str(judged.get("verdict", "")),
        tuple(each for each in checks if each.is_need),
        tuple(each for each in checks if not each.is_need),
        following(rollout),
        share_text(plan.shadow.share) if plan.shadow is not None and is_mirrored else "",
    )


def stage_marks(rollout: Rollout) -> tuple[StageMark, ...]:
    """Every stage of a rollout's course, and how far it has come."""
    steps = rollout.course.steps
    labels = (*(["Shadow"] if steps else []), *(f"{each:g}\N{NARROW NO-BREAK SPACE}%" for each in steps), "Watch")
    at = _reached(rollout, len(labels))
    return tuple(StageMark(label, _mark(rollout, place, at)) for place, label in enumerate(labels))


def following(rollout: Rollout) -> str:
    """Where carrying a rollout on leads, in words."""
    if rollout.state not in ("shadow", "canary"):
        return ""
    ahead = rollout.course.steps[rollout.step + 1 :]
    return f"to {ahead[0]:g} % of the users" if ahead else "to the flip: it becomes the champion"


def step_rows(history: Sequence[RolloutStep]) -> tuple[StepRow, ...]:
    """How a rollout came to where it is, the latest first."""
    ends: list[int | None] = [*(step.at_ms for step in history[1:]), None]
    rows = (_step(step, until) for step, until in zip(history, ends, strict=False))
    return tuple(reversed(list(rows)))


def rollout_row(rollout: Rollout) -> RolloutRow:
    """A rollout in the list."""
    return RolloutRow(
        rollout.rollout_id,
        rollout.version,
        rollout.replaces,
        rollout.state,
        STATES[rollout.state],
        rollout.actor,
        rollout.purpose,
        rollout.opened_ms,
        rollout.entered_ms,
        rollout.by,
        rollout.reasons,
        share_text(rollout.share),
        rollout.is_forced,
        rollout.is_over,
    )


def _reached(rollout: Rollout, marks: int) -> int:
    """The place of the stage it is in, or was in when it ended."""
    if rollout.state in ("watching", "reverting", "done") or not rollout.course.steps:
        return marks - 1
    # What is about to flip has all of its steps behind it, and is at the last of them.
    return max(0, rollout.step + 1)


def _mark(rollout: Rollout, place: int, at: int) -> str:
    if place < at or rollout.state == "done":
        return "past"
    if place > at:
        return "ahead"
    return "ended" if rollout.state in (*_FINAL, "reverting") else "now"


def _step(step: RolloutStep, until_ms: int | None) -> StepRow:
    seconds = None if until_ms is None else max(0, until_ms - step.at_ms) / 1_000
    return StepRow(
        step.state, STATES[step.state], step.stage, step.actor, step.at_ms, step.reasons,
        stage_checks(step.findings), seconds,
    )  # fmt: skip
