"""What the jobs room asks of the outside world."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tacit.jobs.job import Job, Kind, State


@dataclass(frozen=True)
class Tally:
    """How many jobs of a kind are in a state, and when they were last asked for and last ended."""

    kind: Kind
    state: State
    jobs: int
    last_queued_ms: int
    last_ended_ms: int | None


class JobStore(Protocol):
    """Every job there was; a change is kept only if it was made to what is kept."""

    def add(self, job: Job) -> None:
        """Keep a new job.

        Raises:
            Refused: `job_in_flight`, naming the one alive of the same flight.
        """
        ...

    def put(self, job: Job) -> Job | None:
        """Keep a job in place of the one of its id and revision.

        Returns:
            It with the next revision; `None` if the one kept is of another, and nothing was changed.
        """
        ...

    def job(self, job_id: str) -> Job | None: ...
    def jobs(self, *, limit: int, kind: Kind | None = None, state: State | None = None) -> Sequence[Job]:
        """The latest, by when they were asked for, newest first."""
        ...

    def alive(self) -> Sequence[Job]:
        """All that wait or run, the one asked for first in front."""
        ...

    def tallies(self) -> Sequence[Tally]:
        """The jobs there were, by kind and state."""
        ...

    def forget(self, before_ms: int) -> Sequence[str]:
        """Remove what ended before a time, but the last of each kind and state; the ids of what went."""
        ...


class JobLogs(Protocol):
    """What jobs said, each in a log of its own that does not grow without end."""

    def append(self, job_id: str, text: bytes) -> None: ...
    def read(self, job_id: str) -> str:
        """All that is kept; empty if nothing is."""
        ...

    def remove(self, job_ids: Sequence[str]) -> None: ...


class JobRunner(Protocol):
    """Sees that jobs are run, somewhere."""

    def wake(self, job: Job) -> None:
        """See that a job that waits is begun soon; twice is as good as once, and once lost is no harm.

        Raises:
            Unavailable: Nobody can be told now.
        """
        ...


class ActRecorder(Protocol):
    """Keeps who did what; `tacit.security.audit.AuditRecorder` keeps it in the trail."""

    def record(self, action: str, *, actor: str, subject: str, at: str, facts: Mapping[str, object]) -> None: ...


Clock = Callable[[], int]
"""Tells the time in milliseconds since 1970, UTC."""
