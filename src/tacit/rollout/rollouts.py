"""The journey of one version to users, as a state and the steps it may take (pure).

    shadow → canary 5 → 25 → 100 % → flipping → watching → done
                 ↘ aborted            ↘ failed   ↘ reverting → aborted        anything → superseded

What automation may do is here and nowhere else: abort at any time, and carry forward what a person opened with
`advance = automatic`.  A move of the champion that is not the rollout's own ends it: people decide last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol

from tacit.errors import Refused, Unavailable
from tacit.registry.versions import Promotion
from tacit.rollout.evidence import Limits
from tacit.rollout.traffic import CANARY_ARM, CHAMPION_ARM, Arm, Shadow, Split
from tacit.rollout.verdicts import Verdict

KEEPER = "rollout-keeper"
"""How ledger and audit trail name the platform where nobody told it to."""

State = Literal["shadow", "canary", "flipping", "watching", "reverting", "done", "aborted", "failed", "superseded"]
Advance = Literal["automatic", "manual"]

OVER: frozenset[State] = frozenset({"done", "aborted", "failed", "superseded"})
"""States that nothing leads out of."""

STATES: tuple[State, ...] = (
    "shadow",
    "canary",
    "flipping",
    "watching",
    "reverting",
    "done",
    "aborted",
    "failed",
    "superseded",
)


@dataclass(frozen=True)
class Course:
    """What was agreed when a rollout began; settings that change meanwhile are for the next one.

    Attributes:
        steps: Percentages of the users who meet the version, rising; none where it goes back to what was good before.
        bake_seconds: How long each stage lasts at least.
        watch_seconds: How long the new champion is watched.
        limits: What it must show.
    """

    steps: tuple[float, ...]
    bake_seconds: float
    watch_seconds: float
    limits: Limits


@dataclass(frozen=True)
class Rollout:
    """One version on its way.

    Attributes:
        rollout_id: Names it, and its split.
        name: The model.
        version: The version.
        replaces: The champion when it began.
        ledger_length: How many moves of the champion there were then.
        advance: Whether a stage that passed leads on by itself, or waits for a person.
        is_forced: Whether the gate's verdict was overridden.
        actor: Who began it.
        purpose: Why, in their words.
        opened_ms: When, in milliseconds since 1970.
        course: What was agreed.
        state: Where it is.
        step: Which step of the course users were last given; -1 for none yet.
        entered_ms: Since when it is there.
        by: Who brought it there.
        reasons: Why.
        revision: Grows with every step, so that of several who decide at once one acts.
    """

    rollout_id: int
    name: str
    version: int
    replaces: int
    ledger_length: int
    advance: Advance
    is_forced: bool
    actor: str
    purpose: str
    opened_ms: int
    course: Course
    state: State
    step: int
    entered_ms: int
    by: str
    reasons: tuple[str, ...] = ()
    revision: int = 1

    @property
    def split_id(self) -> str:
        """Names its split; also salts it, so that another rollout meets other users first."""
        return f"rollout-{self.rollout_id}"

    @property
    def is_over(self) -> bool:
        return self.state in OVER

    @property
    def share(self) -> float:
        """The share of users who were last given the version, from 0 to 1."""
        return self.course.steps[self.step] / 100 if self.step >= 0 else 0.0

    @property
    def stage(self) -> str:
        """Within what requests are counted: `shadow`, `canary-5`, `watch`."""
        return stage_of(self.state, self.course.steps[self.step] if self.step >= 0 else None)

    @property
    def mark(self) -> str:
        """How the ledger tells the rollout's own moves from those of people."""
        return f"rollout {self.rollout_id}: "


@dataclass(frozen=True)
class RolloutStep:
    """One step of a rollout, as its history keeps it for good.

    Attributes:
        rollout_id: Of which.
        revision: Its place in the history, from 1.
        state: Where it led.
        stage: Within what requests are counted from then on.
        actor: Who brought it there.
        at_ms: When.
        reasons: Why.
        findings: The verdict it rests on, every number included; empty where a person decided without.
    """

    rollout_id: int
    revision: int
    state: State
    stage: str
    actor: str
    at_ms: int
    reasons: tuple[str, ...]
    findings: dict[str, object]


class RolloutStore(Protocol):
    """Keeps rollouts and their history; of several who write at once one succeeds."""

    def open(self, rollout: Rollout) -> Rollout:
        """Keep a new one, and its first step; returns it with its number.

        Raises:
            Refused: `traffic_taken` if another of the same model is not over.
        """
        ...

    def move(self, rollout: Rollout, step: RolloutStep) -> None:
        """Keep a rollout's next revision and the step that led to it, both or neither.

        Raises:
            Refused: `rollout_moved` if it is not the one after the revision kept.
        """
        ...

    def rollout(self, rollout_id: int) -> Rollout | None: ...

    def open_of(self, name: str) -> Rollout | None:
        """The one of a model that is not over."""
        ...

    def rollouts(self, name: str, *, limit: int = 100) -> Sequence[Rollout]:
        """The latest of a model, newest first."""
        ...

    def history(self, rollout_id: int) -> Sequence[RolloutStep]:
        """Every step of one, oldest first."""
        ...


def stage_of(state: State, percent: float | None) -> str:
    """What a stage is called in counts."""
    if state in ("watching", "reverting", "done"):
        return "watch"
    return "shadow" if percent is None else f"canary-{percent:g}"


def step_of(rollout: Rollout, verdict: Verdict | None = None) -> RolloutStep:
    """What the history keeps of how a rollout came to where it is."""
    return RolloutStep(
        rollout_id=rollout.rollout_id,
        revision=rollout.revision,
        state=rollout.state,
        stage=rollout.stage,
        actor=rollout.by,
        at_ms=rollout.entered_ms,
        reasons=rollout.reasons,
        findings={} if verdict is None else verdict.record(),
    )


def traffic_of(rollout: Rollout) -> tuple[Split | None, Shadow | None]:
    """How users are divided in a state, and what is asked in secret; nothing of either once it is over.

    Where nobody is to meet the version the champion has all of them by name: that keeps the traffic from being taken,
    and its requests counted.
    """
    if rollout.is_over:
        return None, None
    shadow = Shadow(rollout.split_id, rollout.version) if rollout.state == "shadow" else None
    if rollout.stage in ("shadow", "watch"):
        return Split(rollout.split_id, rollout.stage, (Arm(CHAMPION_ARM, 1.0),)), shadow
    # The canary comes first, so that all who met it still do when it grows.
    arms = (Arm(CANARY_ARM, rollout.share, rollout.version), Arm(CHAMPION_ARM, 1 - rollout.share))
    return Split(rollout.split_id, rollout.stage, arms), shadow


def judged(rollout: Rollout, verdict: Verdict, *, at_ms: int) -> Rollout | None:
    """Where a verdict leads without anybody's word; `None` for nowhere."""
    if rollout.state not in ("shadow", "canary", "watching") or verdict.outcome == "insufficient":
        return None
    if verdict.outcome == "fail":
        reasons = tuple(f.reason for f in verdict.findings if f.outcome == "fail")
        return aborted(rollout, by=KEEPER, reasons=reasons, at_ms=at_ms)
    if rollout.state == "watching":
        return _moved(rollout, "done", by=KEEPER, reasons=("Nothing was amiss while it was watched.",), at_ms=at_ms)
    if rollout.advance == "manual":
        return None
    return advanced(rollout, by=KEEPER, reasons=(f"{rollout.stage} passed.",), at_ms=at_ms)


def advanced(rollout: Rollout, *, by: str, reasons: tuple[str, ...], at_ms: int) -> Rollout:
    """On to the next step, or behind the last to the flip.

    Raises:
        Refused: `rollout_over`, `rollout_watched`.
        Unavailable: `rollout_moving`.
    """
    _check_under_way(rollout)
    following = rollout.step + 1
    if following == len(rollout.course.steps):
        return _moved(rollout, "flipping", by=by, reasons=reasons, at_ms=at_ms)
    return replace(_moved(rollout, "canary", by=by, reasons=reasons, at_ms=at_ms), step=following)


def promoted(rollout: Rollout, *, by: str, reasons: tuple[str, ...], at_ms: int) -> Rollout:
    """To everybody, whatever steps are left; raises what `advanced` raises."""
    _check_under_way(rollout)
    return _moved(rollout, "flipping", by=by, reasons=reasons, at_ms=at_ms)


def aborted(rollout: Rollout, *, by: str, reasons: tuple[str, ...], at_ms: int) -> Rollout:
    """Back to the champion of before: at once where it still is, by a rollback where the version already is.

    Raises:
        Refused: `rollout_over`.
        Unavailable: `rollout_moving` while the champion is being moved.
    """
    _check_still(rollout)
    state: State = "reverting" if rollout.state == "watching" else "aborted"
    return _moved(rollout, state, by=by, reasons=reasons, at_ms=at_ms)


def flipped(rollout: Rollout, *, at_ms: int) -> Rollout:
    """The version is champion."""
    return _moved(rollout, "watching", by=rollout.by, reasons=rollout.reasons, at_ms=at_ms)


def reverted(rollout: Rollout, *, at_ms: int) -> Rollout:
    """The champion of before is champion again."""
    return _moved(rollout, "aborted", by=rollout.by, reasons=rollout.reasons, at_ms=at_ms)


def failed(rollout: Rollout, *, detail: str, at_ms: int) -> Rollout:
    """The champion could not be moved."""
    return _moved(rollout, "failed", by=KEEPER, reasons=(detail, *rollout.reasons), at_ms=at_ms)


def superseded(rollout: Rollout, move: Promotion, *, at_ms: int) -> Rollout:
    """Somebody moved the champion meanwhile; whatever was under way is theirs to decide now."""
    reason = f"{move.actor} made {move.name}/{move.to_number} the champion meanwhile."
    return _moved(rollout, "superseded", by=KEEPER, reasons=(reason,), at_ms=at_ms)


def foreign_move(rollout: Rollout, moves: Sequence[Promotion]) -> Promotion | None:
    """The latest move of the champion since a rollout began that is not its own."""
    since = moves[rollout.ledger_length :]
    return next((move for move in reversed(since) if not move.reason.startswith(rollout.mark)), None)


def was_recently_good(number: int, moves: Sequence[Promotion], *, since: datetime) -> bool:
    """Whether a version was champion within a time, and left because another was promoted: it need not bake again."""
    left = [move for move in moves if move.from_number == number]
    if not left or left[-1].kind == "rolled_back":
        return False
    return datetime.fromisoformat(left[-1].at) >= since


def _moved(rollout: Rollout, state: State, *, by: str, reasons: tuple[str, ...], at_ms: int) -> Rollout:
    revision = rollout.revision + 1
    return replace(rollout, state=state, by=by, reasons=reasons, entered_ms=at_ms, revision=revision)


def _check_under_way(rollout: Rollout) -> None:
    _check_still(rollout)
    if rollout.state == "watching":
        detail = f"{rollout.name}/{rollout.version} is the champion already, and watched."
        raise Refused("rollout_watched", detail, fix="Wait for the end, or abort to go back.")


def _check_still(rollout: Rollout) -> None:
    if rollout.is_over:
        detail = f"Rollout {rollout.rollout_id} is over: {rollout.state}."
        raise Refused("rollout_over", detail, field="rollout_id", fix="Start another one.")
    if rollout.state in ("flipping", "reverting"):
        detail = f"Rollout {rollout.rollout_id} is moving the champion at this moment."
        raise Unavailable("rollout_moving", detail, fix="Ask again in a few seconds.")
