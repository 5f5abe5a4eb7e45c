"""The book of jobs: whoever asks, begins, ends or cancels one does it here, and the trail hears of it."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from tacit.errors import NotFound, Refused, Unavailable
from tacit.jobs.interfaces import ActRecorder, Clock, JobLogs, JobStore
from tacit.jobs.job import Job, Order, Problem
from tacit.jobs.kinds import checked
from tacit.jobs.retries import Ending, RetryRules, ended

_TURNS = 50
"""How often a change is made anew that met another one."""

LOG_TAIL = 4_000
"""Characters of a job's log that stay with the job."""


@dataclass(frozen=True)
class JobBook:
    """Jobs and their rules over a store; several processes may keep one book.

    Attributes:
        store: Where jobs are kept.
        logs: Where what they say is.
        audit: Told of each that is asked for, begun, ended or cancelled.
        clock: Tells the time.
        retries: When a job is tried again.
        lost_seconds: Silence after which a runner is taken for dead.
        transaction: Opens a unit of work that store and trail share.
        chance: From 0 to 1.
        new_id: Names a job.
    """

    store: JobStore
    logs: JobLogs
    audit: ActRecorder
    clock: Clock
    retries: RetryRules = field(default_factory=RetryRules)
    lost_seconds: float = 60.0
    transaction: Callable[[], AbstractContextManager[object]] = nullcontext
    chance: Callable[[], float] = random.random
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex

    def ask(self, order: Order) -> Job:
        """Queue a job.

        Raises:
            BadInput: Its parameters are wrong.
            Refused: `job_in_flight` while one like it waits or runs.
        """
        order = replace(order, parameters=checked(order.kind, order.parameters))
        now = self.clock()
        job = Job(self.new_id(), order, "queued", queued_at_ms=now, start_after_ms=now)
        with self.transaction():
            self.store.add(job)
            self._record("job_asked", job, order.actor, why=order.why)
        return job

    def job(self, job_id: str) -> Job:
        """Raises `NotFound` (`job_unknown`) if there is none."""
        found = self.store.job(job_id)
        if found is None:
            fix = "`tacit jobs list` says which there are."
            raise NotFound("job_unknown", f"There is no job {ascii(job_id)[:80]}.", field="job_id", fix=fix)
        return found

    def log(self, job: Job) -> str:
        """What a job said: its whole log where that is at hand, else the end of it."""
        return self.logs.read(job.job_id) or job.log_tail

    def cancel(self, job_id: str, *, actor: str) -> Job:
        """End a job: at once if it waits; if it runs, its runner is told and ends it within seconds.

        Raises:
            NotFound: `job_unknown`.
            Refused: `job_over` if it has ended.
        """
        for _ in range(_TURNS):
            job = self.job(job_id)
            if not job.is_alive:
                raise Refused("job_over", f"The job has ended already: it {_was(job)}.", field="job_id")
            if job.cancelled_by is not None:
                return job
            wanted = replace(job, cancelled_by=actor)
            if job.state == "queued":
                wanted = replace(wanted, state="cancelled", ended_at_ms=self.clock())
            kept = self._kept(wanted, "job_cancelled", actor)
            if kept is not None:
                return kept
        raise Unavailable("job_busy", "The job changes too fast to be cancelled.", field="job_id", fix="Try again.")

    def claim(self, job_id: str, runner: str) -> Job | None:
        """Begin a job in the name of a runner; `None` if it does not wait (any more), or not yet."""
        job, now = self.store.job(job_id), self.clock()
        if job is None or job.state != "queued" or job.start_after_ms > now:
            return None
        claim = f"{runner} {self.new_id()}"
        begun = replace(
            job, state="running", claim=claim, tries=job.tries + 1, started_at_ms=now, beat_at_ms=now, log_tail=""
        )
        return self._kept(begun, "job_started", runner, tries=begun.tries)

    def beat(self, job: Job, step: str, share: float) -> Job | None:
        """Say that a try goes on, and how far it is.

        Returns:
            The job as it stands now, whose `cancelled_by` may ask for its end; `None` if it is somebody else's.
        """
        return self._changed(job, lambda kept: replace(kept, beat_at_ms=self.clock(), step=step[:80], share=share))

    def current(self, job: Job) -> Job | None:
        """A try of ours as it stands now; `None` if it is somebody else's."""
        kept = self.store.job(job.job_id)
        return kept if kept is not None and kept.state == "running" and kept.claim == job.claim else None

    def end(self, job: Job, ending: Ending) -> Job | None:
        """Say how a try ended; `None` if it was somebody else's by then, and nothing was changed."""
        chance, tail = self.chance(), self.logs.read(job.job_id)[-LOG_TAIL:]

        def over(kept: Job) -> Job:
            after = ended(kept, ending, at_ms=self.clock(), rules=self.retries, chance=chance)
            return replace(after, log_tail=tail)

        return self._changed(job, over, is_told=True)

    def waiting(self) -> Sequence[Job]:
        """The jobs that may be begun now, the one asked for first in front."""
        now = self.clock()
        return [job for job in self.store.alive() if job.state == "queued" and job.start_after_ms <= now]

    def recover(self, is_gone: Callable[[str], bool]) -> Sequence[Job]:
        """End the tries of runners that died, so that their jobs are tried again or fail.

        Args:
            is_gone: Whether the runner of a name is known to have died.

        Returns:
            The jobs, as they stand now.
        """
        silent = self.clock() - int(self.lost_seconds * 1_000)
        problem = Problem("runner_lost", "Whoever ran it is gone.")
        lost = [
            self.end(job, Ending(problem=problem, is_systems_fault=True))
            for job in self.store.alive()
            if job.state == "running" and job.claim is not None
            if (job.beat_at_ms or 0) < silent or is_gone(job.claim.rpartition(" ")[0])
        ]
        return [job for job in lost if job is not None]

    def _changed(self, job: Job, change: Callable[[Job], Job], *, is_told: bool = False) -> Job | None:
        """Change a try that is ours, also if it was meanwhile asked to end."""
        for _ in range(_TURNS):
            kept = self.current(job)
            if kept is None:
                return None
            after = change(kept)
            done = self._told(after, job.claim) if is_told else self.store.put(after)
            if done is not None:
                return done
        raise Unavailable("job_busy", "The job changes too fast.", field="job_id", fix="Try again.")

    def _told(self, job: Job, claim: str | None) -> Job | None:
        code = None if job.problem is None else job.problem.code
        return self._kept(job, "job_ended", (claim or "").rpartition(" ")[0], state=job.state, problem=code)

    def _kept(self, job: Job, action: str, actor: str, **facts: object) -> Job | None:
        with self.transaction():
            kept = self.store.put(job)
            if kept is not None:
                self._record(action, kept, actor, **facts)
        return kept

    def _record(self, action: str, job: Job, actor: str, **facts: object) -> None:
        at = datetime.fromtimestamp(self.clock() / 1_000, UTC).isoformat(timespec="milliseconds")
        said = {name: value for name, value in facts.items() if value is not None}
        about = {"kind": job.order.kind, **said}
        self.audit.record(action, actor=actor, subject=f"job/{job.job_id}", at=at, facts=about)


def _was(job: Job) -> str:
    return {"succeeded": "succeeded", "failed": "failed"}.get(job.state, f"was {job.state}")
