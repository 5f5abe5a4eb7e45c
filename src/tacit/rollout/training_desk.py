"""Where trainings are asked for: jobs as a door offers them, and what a training's evaluation said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tacit.errors import NotFound, Refused, Unavailable
from tacit.jobs.book import JobBook
from tacit.jobs.interfaces import JobRunner
from tacit.jobs.job import Job, Kind, Order, State
from tacit.registry.registry import Registry

_SCORES = ("metrics", "intervals", "segments", "baselines")


@dataclass(frozen=True)
class TrainingDesk:
    """Takes orders of persons, and says what became of them.

    Attributes:
        book: The jobs.
        runner: Runs them.
        registry: The versions that came of them.
        name: Name of the model.
    """

    book: JobBook
    runner: JobRunner
    registry: Registry
    name: str

    def ask(self, kind: Kind, parameters: Mapping[str, object], *, actor: str) -> Job:
        """Queue a job, which is begun as soon as there is somebody to run it.

        Raises:
            BadInput: Its parameters are wrong.
            NotFound: It names a version that does not exist.
            Refused: `job_in_flight`.
        """
        for number in (parameters.get("version"), parameters.get("warm_start")):
            if type(number) is int and 0 < number < 2**31:
                self.registry.version(self.name, number)
        job = self.book.ask(Order(kind, parameters, "person", actor))
        try:
            self.runner.wake(job)
        except Unavailable:
            return job  # it is queued durably; whoever looks after jobs tells of it again
        return job

    def jobs(self, *, limit: int, kind: Kind | None = None, state: State | None = None) -> Sequence[Job]:
        """The latest, newest first."""
        return self.book.store.jobs(limit=limit, kind=kind, state=state)

    def evaluation(self, run_id: str) -> dict[str, object]:
        """What a run's model scored.

        Args:
            run_id: Id of a job that trained or evaluated, or number of a version.

        Raises:
            NotFound: `run_unknown`.
            Refused: `evaluation_missing` if the job has brought none (yet).
        """
        if run_id.isascii() and run_id.isdecimal() and len(run_id) < 10:
            return {"run_id": run_id, **self._of_version(int(run_id))}
        job = self.book.store.job(run_id)
        if job is None:
            fix = "Give the id of a job, or the number of a version."
            raise NotFound("run_unknown", "There is no such run.", field="run_id", fix=fix)
        outcome = job.outcome or {}
        if "metrics" not in outcome:
            detail = f"This job ({job.order.kind}, {job.state}) has no evaluation."
            fix = "Ask again once it succeeded." if job.is_alive else "Ask for that of another run."
            raise Refused("evaluation_missing", detail, field="run_id", fix=fix, context={"state": job.state})
        scores = {name: outcome.get(name, {}) for name in _SCORES}
        return {"run_id": run_id, "version": outcome["version"], **scores, "gate": outcome.get("gate")}

    def _of_version(self, number: int) -> dict[str, object]:
        """What the signed manifest says; intervals and baselines are in the job that trained it, while it is kept."""
        try:
            manifest = self.registry.manifest(self.name, number)
        except NotFound as error:
            raise NotFound("run_unknown", error.detail, field="run_id", fix=error.fix) from error
        scores = {name: dict[str, object]() for name in _SCORES} | {"metrics": dict(manifest.metrics)}
        return {"version": f"{manifest.name}/{manifest.number}", **scores, "gate": dict(manifest.gate)}


def described(job: Job) -> dict[str, object]:
    """A job as plain values, for whoever asked; times in milliseconds since 1970."""
    order, problem = job.order, job.problem
    told = None if problem is None else {"code": problem.code, "detail": problem.detail, "fix": problem.fix}
    return {
        "job_id": job.job_id,
        "kind": order.kind,
        "parameters": dict(order.parameters),
        "why": order.why,
        "actor": order.actor,
        "state": job.state,
        "tries": job.tries,
        "queued_at_ms": job.queued_at_ms,
        "start_after_ms": job.start_after_ms,
        "started_at_ms": job.started_at_ms,
        "ended_at_ms": job.ended_at_ms,
        "step": job.step,
        "share": job.share,
        "cancelled_by": job.cancelled_by,
        "outcome": None if job.outcome is None else dict(job.outcome),
        "problem": told,
    }
