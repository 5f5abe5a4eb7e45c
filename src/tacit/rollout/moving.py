"""Carry out what was decided of a rollout: state, traffic, champion and audit together, each once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

from tacit.errors import Refused, TacitError, Unavailable
from tacit.monitoring import metrics as catalogue
from tacit.monitoring.interfaces import MetricSink
from tacit.registry.interfaces import Clock, Transaction, VersionStore, pruned_refusal
from tacit.rollout.release import Release
from tacit.rollout.rollouts import (
    Rollout,
    RolloutStore,
    State,
    failed,
    flipped,
    foreign_move,
    reverted,
    step_of,
    superseded,
    traffic_of,
)
from tacit.rollout.traffic import Shadow, Split, TrafficPlan, TrafficStore
from tacit.rollout.verdicts import Verdict
from tacit.security.audit import AuditRecorder

ClockMs = Callable[[], int]
"""Tells the time in milliseconds since 1970."""

ACTIONS: dict[State, str] = {
    "shadow": "rollout_started",
    "canary": "rollout_advanced",
    "flipping": "rollout_concluded",
    "watching": "rollout_flipped",
    "reverting": "rollout_reverting",
    "done": "rollout_completed",
    "aborted": "rollout_aborted",
    "failed": "rollout_failed",
    "superseded": "rollout_superseded",
}
"""What the audit trail says of a step, by where it led."""


@dataclass(frozen=True)
class Standing:
    """What a rollout stands on.

    Attributes:
        store: Keeps it.
        traffic: Keeps how users are divided.
        versions: Keeps the ledger.
        release: Moves the champion.
        audit: Told of every step.
        clock: Tells the time as the audit trail writes it.
        clock_ms: The same in milliseconds.
        transaction: Makes what several of them keep appear together.
    """

    store: RolloutStore
    traffic: TrafficStore
    versions: VersionStore
    release: Release
    audit: AuditRecorder
    clock: Clock
    clock_ms: ClockMs
    transaction: Transaction = nullcontext


class Mover:
    """Makes the steps of rollouts.

    Args:
        standing: What they stand on.
        metrics: Told of aborts; `None` for nobody.
    """

    def __init__(self, standing: Standing, metrics: MetricSink | None = None) -> None:
        self._on = standing
        self._metrics = metrics

    def open(self, rollout: Rollout) -> Rollout:
        """Begin a rollout.

        Raises:
            Refused: `traffic_taken` if users are divided already, or another rollout is not over; `version_pruned` if
                only the version's metadata are left meanwhile.
        """
        with self._on.transaction():
            _check_free(self._on.traffic.plan(rollout.name))
            self._check_deployable(rollout)
            opened = self._on.store.open(rollout)
            self._divide(opened)
            self._record(opened, "rollout_started")
        return opened

    def make(self, rollout: Rollout, verdict: Verdict | None = None) -> Rollout:
        """Make a step that was decided.

        Raises:
            Refused: `rollout_moved` if somebody made another meanwhile; then nothing is changed.
        """
        with self._on.transaction():
            self._keep(rollout, verdict)
        if rollout.state in ("aborted", "reverting", "failed"):
            self._count(rollout, verdict)
        return rollout

    def settle(self, rollout: Rollout) -> Rollout:
        """Move the champion where that is what a rollout waits for; where it is now.

        The move, what is kept of it and how users are divided afterwards appear together, so that whatever is
        interrupted has either happened or not begun.

        Raises:
            Unavailable: Not now; it still waits for it.
        """
        if rollout.state not in ("flipping", "reverting"):
            return rollout
        try:
            return self._flip(rollout) if rollout.state == "flipping" else self._revert(rollout)
        except Unavailable:
            raise
        except TacitError as error:
            kept = self._on.store.rollout(rollout.rollout_id)
            if kept is not None and kept.revision != rollout.revision:
                # Somebody else did it, or ended it, before us or while we looked at the version.
                return kept
            ended = self.end_if_disturbed(rollout)
            return ended or self.make(failed(rollout, detail=error.detail, at_ms=self._on.clock_ms()))

    def end_if_disturbed(self, rollout: Rollout) -> Rollout | None:
        """End a rollout beside which somebody moved the champion, and leave the champion as they want it."""
        move = foreign_move(rollout, self._on.versions.promotions(rollout.name))
        if move is None:
            return None
        return self.make(superseded(rollout, move, at_ms=self._on.clock_ms()))

    def align(self, rollout: Rollout) -> None:
        """See that users are divided as a rollout has it, whatever was interrupted before."""
        if self._is_aligned(rollout):
            return
        with self._on.transaction():
            # Another process may have moved it on since it was read: what was in force until then must not come back.
            kept = self._on.store.rollout(rollout.rollout_id) or rollout
            if not self._is_aligned(kept):
                self._divide(kept)

    def _is_aligned(self, rollout: Rollout) -> bool:
        """Whether users are divided as a rollout has it; one that is over has no say in what is another's."""
        plan = self._on.traffic.plan(rollout.name)
        is_ours = _is_of(plan.split, rollout) or _is_of(plan.shadow, rollout)
        return (plan.split, plan.shadow) == traffic_of(rollout) or (rollout.is_over and not is_ours)

    def _check_deployable(self, rollout: Rollout) -> None:
        """Asked in the unit of work that gives the version its role, as whoever prunes asks for roles in theirs."""
        version = self._on.versions.version(rollout.name, rollout.version)
        if version is not None and version.pruned_at is not None:
            raise pruned_refusal(rollout.name, rollout.version)

    def _flip(self, rollout: Rollout) -> Rollout:
        after = flipped(rollout, at_ms=self._on.clock_ms())
        self._on.release.promote(
            rollout.name,
            rollout.version,
            actor=rollout.by,
            force=rollout.is_forced,
            reason=rollout.mark + (rollout.purpose or "all users"),
            within=lambda: self._keep_undisturbed(after),
        )
        return after

    def _revert(self, rollout: Rollout) -> Rollout:
        after = reverted(rollout, at_ms=self._on.clock_ms())
        self._on.release.rollback(
            rollout.name,
            actor=rollout.by,
            reason=rollout.mark + " ".join(rollout.reasons),
            within=lambda: self._keep_undisturbed(after),
        )
        return after

    def _keep_undisturbed(self, rollout: Rollout) -> None:
        """Keep a step that the champion's move is a part of, unless somebody else has moved it since."""
        if foreign_move(rollout, self._on.versions.promotions(rollout.name)) is not None:
            raise Refused("rollout_superseded", "Somebody moved the champion meanwhile.")
        self._keep(rollout, None)

    def _keep(self, rollout: Rollout, verdict: Verdict | None) -> None:
        self._on.store.move(rollout, step_of(rollout, verdict))
        self._divide(rollout)
        self._record(rollout, ACTIONS[rollout.state])

    def _divide(self, rollout: Rollout) -> None:
        split, shadow = traffic_of(rollout)
        plan = self._on.traffic.plan(rollout.name)
        # What is not ours is not ours to end, least of all where that would keep a rollout from ending.
        if split is not None or _is_of(plan.split, rollout):
            self._on.traffic.set_split(rollout.name, split, split_id=rollout.split_id)
        if shadow is not None or _is_of(plan.shadow, rollout):
            self._on.traffic.set_shadow(rollout.name, shadow, split_id=rollout.split_id)

    def _record(self, rollout: Rollout, action: str) -> None:
        facts = {"version": rollout.version, "stage": rollout.stage, "reasons": list(rollout.reasons)}
        subject = f"{rollout.name}/{rollout.split_id}"
        self._on.audit.record(action, actor=rollout.by, subject=subject, at=self._on.clock(), facts=facts)

    def _count(self, rollout: Rollout, verdict: Verdict | None) -> None:
        if self._metrics is None:
            return
        failing = [] if verdict is None else [f.gate for f in verdict.findings if f.outcome == "fail"]
        for gate in failing or ["failure" if rollout.state == "failed" else "person"]:
            self._metrics.increment(catalogue.ROLLOUT_ABORTS, reason=gate)


def _is_of(planned: Split | Shadow | None, rollout: Rollout) -> bool:
    return planned is not None and planned.split_id == rollout.split_id


def _check_free(plan: TrafficPlan) -> None:
    taken = plan.split or plan.shadow
    if taken is not None:
        raise Refused(
            "traffic_taken",
            f"Users are divided already, by {taken.split_id}; two at once could not be told apart.",
            field="version",
            fix="Wait until that is over, or end it.",
            context={"split_id": taken.split_id},
        )
