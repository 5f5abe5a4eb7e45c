"""Jobs in process: for tests, demonstrations and trials; gone when the process ends."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from tacit.jobs.interfaces import Tally
from tacit.jobs.job import KINDS, STATES, Job, Kind, State, in_flight


class MemoryJobStore:
    """A `JobStore` that keeps what it is told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}

    def add(self, job: Job) -> None:
        with self._lock:
            others = (other for other in self._jobs.values() if other.flight == job.flight)
            taken = next(others, None) if job.flight else None
            if taken is not None:
                raise in_flight(job, taken.job_id)
            self._jobs[job.job_id] = job

    def put(self, job: Job) -> Job | None:
        with self._lock:
            kept = self._jobs.get(job.job_id)
            if kept is None or kept.revision != job.revision:
                return None
            self._jobs[job.job_id] = replace(job, revision=job.revision + 1)
            return self._jobs[job.job_id]

    def job(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def jobs(self, *, limit: int, kind: Kind | None = None, state: State | None = None) -> Sequence[Job]:
        found = (job for job in self._all() if kind in (None, job.order.kind) and state in (None, job.state))
        return sorted(found, key=lambda job: (-job.queued_at_ms, job.job_id))[:limit]

    def alive(self) -> Sequence[Job]:
        found = (job for job in self._all() if job.is_alive)
        return sorted(found, key=lambda job: (job.queued_at_ms, job.job_id))

    def tallies(self) -> Sequence[Tally]:
        groups = {(kind, state): self._of(kind, state) for kind in sorted(KINDS) for state in sorted(STATES)}
        return [
            Tally(kind, state, len(found), max(job.queued_at_ms for job in found), _last_end(found))
            for (kind, state), found in groups.items()
            if found
        ]

    def forget(self, before_ms: int) -> Sequence[str]:
        gone = [job_id for kind in KINDS for state in STATES for job_id in self._past(before_ms, kind, state)]
        with self._lock:
            for job_id in gone:
                del self._jobs[job_id]
        return gone

    def _past(self, before_ms: int, kind: Kind, state: State) -> list[str]:
        ended = sorted((job.ended_at_ms, job.job_id) for job in self._of(kind, state) if job.ended_at_ms is not None)
        return [job_id for at_ms, job_id in ended[:-1] if at_ms < before_ms]

    def _of(self, kind: Kind, state: State) -> list[Job]:
        return [job for job in self._all() if job.order.kind == kind and job.state == state]

    def _all(self) -> list[Job]:
        with self._lock:
            return list(self._jobs.values())


class MemoryJobLogs:
    """`JobLogs` that forget nothing until they are told to."""

    def __init__(self) -> None:
        self._logs: dict[str, bytes] = {}

    def append(self, job_id: str, text: bytes) -> None:
        self._logs[job_id] = self._logs.get(job_id, b"") + text

    def read(self, job_id: str) -> str:
        return self._logs.get(job_id, b"").decode("utf-8", "replace")

    def remove(self, job_ids: Sequence[str]) -> None:
        for job_id in job_ids:
            self._logs.pop(job_id, None)


def _last_end(found: Sequence[Job]) -> int | None:
    return max((job.ended_at_ms for job in found if job.ended_at_ms is not None), default=None)
