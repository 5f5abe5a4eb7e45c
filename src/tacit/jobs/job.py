"""A job, from the asking to its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tacit.errors import Refused

Kind = Literal["train", "full_refit", "search", "evaluate", "precompute", "drift"]
State = Literal["queued", "running", "succeeded", "failed", "cancelled"]
Why = Literal["schedule", "staleness", "drift", "person"]

KINDS: tuple[Kind, ...] = ("train", "full_refit", "search", "evaluate", "precompute", "drift")
STATES: tuple[State, ...] = ("queued", "running", "succeeded", "failed", "cancelled")
ALIVE: frozenset[State] = frozenset({"queued", "running"})
"""States that a job may still leave."""


@dataclass(frozen=True)
class Order:
    """What somebody wants done.

    Attributes:
        kind: Which kind of work.
        parameters: With what, as `checked` returns them.
        why: What asked: the schedule, a model's age, drift, or a person.
        actor: Who, as the audit trail names them.
    """

    kind: Kind
    parameters: Mapping[str, object]
    why: Why
    actor: str


@dataclass(frozen=True)
class Problem:
    """Why a try came to nothing, in the words of `tacit.errors`."""

    code: str
    detail: str
    fix: str | None = None


@dataclass(frozen=True)
class Job:
    """One order and what became of it.

    Attributes:
        job_id: Names it.
        order: What is wanted.
        state: Where it stands.
        queued_at_ms: When it was asked for, in milliseconds since 1970.
        start_after_ms: Not before then is it begun; later than `queued_at_ms` where a try failed.
        revision: How often it was changed; a change is kept only if nobody else changed it meanwhile.
        tries: How often it was begun.
        started_at_ms: When it was begun last.
        ended_at_ms: When it came to its end.
        claim: Names the runner that has it, and this very try.
        beat_at_ms: When that runner last said that it goes on.
        step: What is being done.
        share: How much of that step is done, from 0 to 1.
        cancelled_by: Who asked that it end.
        outcome: What it brought, once it succeeded.
        problem: What ended it, or its last try.
        log_tail: The end of what the last try said.
    """

    job_id: str
    order: Order
    state: State
    queued_at_ms: int
    start_after_ms: int
    revision: int = 0
    tries: int = 0
    started_at_ms: int | None = None
    ended_at_ms: int | None = None
    claim: str | None = None
    beat_at_ms: int | None = None
    step: str = ""
    share: float = 0.0
    cancelled_by: str | None = None
    outcome: Mapping[str, object] | None = field(default=None, hash=False)
    problem: Problem | None = None
    log_tail: str = ""

    @property
    def is_alive(self) -> bool:
        """Whether something may still become of it."""
        return self.state in ALIVE

    @property
    def flight(self) -> str | None:
        """Of jobs with the same one, only one is alive at a time; `None` once it ended.

        Two trainings of one kind would only learn the same twice; two versions may well be evaluated.
        """
        if not self.is_alive:
            return None
        kind, parameters = self.order.kind, self.order.parameters
        return f"{kind}/{parameters.get('version')}" if kind == "evaluate" else kind


def in_flight(job: Job, other: str | None) -> Refused:
    """What whoever asks for a second job of a flight is told, and which is the first."""
    kind = job.order.kind.replace("_", " ")
    return Refused(
        "job_in_flight",
        f"A job of this kind ({kind}) waits or runs already.",
        field="kind",
        fix="Wait for it, or cancel it.",
        context={} if other is None else {"job_id": other},
    )
