"""What people do with rollouts: begin one, see where it is, carry it on, end it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

from tacit.errors import BadInput, NotFound, Refused
from tacit.registry.registry import Registry
from tacit.registry.versions import Promotion
from tacit.rollout.moving import Mover, Standing
from tacit.rollout.observing import Observer
from tacit.rollout.rollouts import (
    Advance,
    Course,
    Rollout,
    RolloutStep,
    aborted,
    advanced,
    promoted,
    was_recently_good,
)
from tacit.rollout.verdicts import Verdict

MAX_REASON = 1_000
"""Most characters of a reason."""

Decide = Callable[[Rollout], Rollout]


@dataclass(frozen=True)
class Opening:
    """What somebody asks for who begins a rollout.

    Attributes:
        number: The version.
        actor: Who asks.
        reason: Why, in their words.
        advance: Whether stages that pass lead on by themselves; `None` for what the settings say.
        steps: Percentages of the users; `None` for those of the settings.
        force: Whether the gate's verdict is overridden.
    """

    number: int
    actor: str
    reason: str
    advance: Advance | None = None
    steps: tuple[float, ...] | None = None
    force: bool = False


@dataclass(frozen=True)
class Status:
    """A rollout as it is now.

    Attributes:
        rollout: Where it is.
        verdict: What its stage comes to so far; `None` where there is nothing to judge.
        history: How it came there.
    """

    rollout: Rollout
    verdict: Verdict | None
    history: Sequence[RolloutStep]

    def as_dict(self) -> dict[str, object]:
        """The status as plain values."""
        verdict = {} if self.verdict is None else self.verdict.record()
        history = [{**asdict(step), "at": moment(step.at_ms)} for step in self.history]
        return {**described(self.rollout), "judged": verdict, "history": history}


class RolloutDesk:
    """Rollouts of one model, for people.

    Args:
        standing: What rollouts stand on.
        mover: Makes their steps.
        observer: Judges their stages.
        registry: Hands out versions that verify.
        name: The model.
        course: What is agreed unless somebody asks for something else.
        advance: The same.
        return_days: For how long a version that was champion goes back without baking.
    """

    def __init__(
        self,
        standing: Standing,
        mover: Mover,
        observer: Observer,
        *,
        registry: Registry,
        name: str,
        course: Course,
        advance: Advance,
        return_days: float,
    ) -> None:
        self._on = standing
        self._mover = mover
        self._observer = observer
        self._registry = registry
        self._name = name
        self._course = course
        self._advance = advance
        self._return_days = return_days

    def start(self, asked: Opening) -> Rollout:
        """Begin to bring a version to users: in secret first, or at once where it was champion until lately.

        Raises:
            BadInput: `reason_missing`, `reason_invalid`, `steps_invalid`.
            NotFound: `version_unknown`.
            Refused: `champion_missing`, `already_champion`, `gate_not_passed`, `judged_elsewhere`, `traffic_taken`,
                `check_failed`, or what verifying the version refuses.
        """
        check_given(asked.reason)
        steps = check_steps(self._course.steps if asked.steps is None else asked.steps)
        moves = self._on.versions.promotions(self._name)
        self._check_version(asked, _champion(self._name, moves))
        return self._mover.settle(self._mover.open(self._begun(asked, moves, steps=steps)))

    def _begun(self, asked: Opening, moves: Sequence[Promotion], *, steps: tuple[float, ...]) -> Rollout:
        at_ms = self._on.clock_ms()
        since = datetime.fromtimestamp(at_ms / 1_000, UTC) - timedelta(days=self._return_days)
        is_return = was_recently_good(asked.number, moves, since=since)
        return Rollout(
            rollout_id=0,
            name=self._name,
            version=asked.number,
            replaces=moves[-1].to_number,
            ledger_length=len(moves),
            advance=asked.advance or self._advance,
            is_forced=asked.force,
            actor=asked.actor,
            purpose=asked.reason,
            opened_ms=at_ms,
            course=replace(self._course, steps=() if is_return else steps),
            state="flipping" if is_return else "shadow",
            step=-1,
            entered_ms=at_ms,
            by=asked.actor,
            reasons=(asked.reason,),
        )

    def advance(self, rollout_id: int, *, actor: str, reason: str) -> Rollout:
        """On to the next step now, whatever its stage lacks.

        Raises:
            BadInput: `reason_invalid`.
            NotFound: `rollout_unknown`.
            Refused: `rollout_over`, `rollout_watched`, `rollout_moved`.
            Unavailable: `rollout_moving`.
        """
        reasons = (check_reason(reason),) if reason else ()
        return self._decided(
            rollout_id, lambda found: advanced(found, by=actor, reasons=reasons, at_ms=self._on.clock_ms())
        )

    def promote(self, rollout_id: int, *, actor: str, reason: str) -> Rollout:
        """To all users now, whatever is left; raises what `advance` raises."""
        reasons = (check_reason(reason),) if reason else ()
        return self._decided(
            rollout_id, lambda found: promoted(found, by=actor, reasons=reasons, at_ms=self._on.clock_ms())
        )

    def abort(self, rollout_id: int, *, actor: str, reason: str) -> Rollout:
        """Back to the champion of before; raises what `advance` raises."""
        reasons = (check_reason(reason) or "Somebody ended it.",)
        return self._decided(
            rollout_id, lambda found: aborted(found, by=actor, reasons=reasons, at_ms=self._on.clock_ms())
        )

    def status(self, rollout_id: int) -> Status:
        """Where a rollout is, what its stage comes to so far, and how it came there.

        Raises:
            NotFound: `rollout_unknown`.
        """
        rollout = self._found(rollout_id)
        verdict = self._observer.verdict(rollout, at_ms=self._on.clock_ms())
        return Status(rollout, verdict, self._on.store.history(rollout_id))

    def rollouts(self, *, limit: int = 100) -> Sequence[Rollout]:
        """The latest, newest first."""
        return self._on.store.rollouts(self._name, limit=limit)

    def under_way(self) -> Rollout | None:
        """The one that is not over."""
        return self._on.store.open_of(self._name)

    def _decided(self, rollout_id: int, decide: Decide) -> Rollout:
        found = self._found(rollout_id)
        ended = None if found.is_over else self._mover.end_if_disturbed(found)
        return self._mover.settle(self._mover.make(decide(ended or found)))

    def _found(self, rollout_id: int) -> Rollout:
        found = self._on.store.rollout(rollout_id)
        if found is None:
            detail = f"There is no rollout {rollout_id}."
            raise NotFound("rollout_unknown", detail, field="rollout_id", fix="`tacit rollout list` lists them.")
        return found

    def _check_version(self, asked: Opening, champion: int) -> None:
        if asked.number == champion:
            detail = f"{self._name}/{asked.number} is the champion already."
            raise Refused("already_champion", detail, field="version", fix="Nothing is left to do.")
        version, manifest = self._registry.open(self._name, asked.number)
        self._on.release.check_judged(manifest, force=asked.force)
        self._on.release.check(version)


def described(rollout: Rollout) -> dict[str, object]:
    """A rollout as plain values."""
    return {
        "rollout_id": rollout.rollout_id,
        "version": f"{rollout.name}/{rollout.version}",
        "replaces": f"{rollout.name}/{rollout.replaces}",
        "state": rollout.state,
        "stage": rollout.stage,
        "share": rollout.share,
        "advance": rollout.advance,
        "forced": rollout.is_forced,
        "actor": rollout.actor,
        "reason": rollout.purpose,
        "opened_at": moment(rollout.opened_ms),
        "entered_at": moment(rollout.entered_ms),
        "by": rollout.by,
        "reasons": list(rollout.reasons),
        "revision": rollout.revision,
        "course": asdict(rollout.course),
    }


def moment(at_ms: int) -> str:
    """A time in ISO 8601, UTC."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds")


def check_steps(steps: Sequence[float]) -> tuple[float, ...]:
    """Percentages of the users, if they are some: rising, and all users at the end.

    Raises:
        BadInput: `steps_invalid`.
    """
    found = tuple(float(each) for each in steps)
    is_rising = all(a < b for a, b in zip((0.0, *found), found, strict=False))
    if not found or not is_rising or found[-1] != 100 or len(found) > 100:
        detail = f"The steps are {', '.join(f'{each:g}' for each in found)[:64] or 'none'}."
        fix = "Give rising percentages above 0 that end with 100, as 5,25,100."
        raise BadInput("steps_invalid", detail, field="steps", fix=fix)
    return found


def check_reason(reason: str) -> str:
    """Somebody's words, if ledger and audit trail can keep them on one line; they may be none.

    Raises:
        BadInput: `reason_invalid`.
    """
    odd = {unicodedata.category(letter) for letter in reason} & {"Cc", "Cs", "Zl", "Zp"}
    if len(reason) > MAX_REASON or odd:
        what = f"has {len(reason):,} characters" if not odd else "holds a control character or half of a character"
        detail = f"The reason {what}; it must be one line of at most {MAX_REASON:,}."
        raise BadInput("reason_invalid", detail, field="reason", fix="Say it in fewer words, on one line.")
    return reason


def check_given(reason: str) -> None:
    """See that somebody said why, in words that can be kept.

    Raises:
        BadInput: `reason_missing`, `reason_invalid`.
    """
    if not check_reason(reason).strip():
        raise BadInput(
            "reason_missing", "The reason is empty.", field="reason", fix="Say why; ledger and audit trail keep it."
        )


def _champion(name: str, moves: Sequence[Promotion]) -> int:
    if not moves:
        detail = f"{name} has no champion that a version could be tried against."
        raise Refused("champion_missing", detail, field="version", fix="`tacit promote` makes the first one.")
    return moves[-1].to_number
