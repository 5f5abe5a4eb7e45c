"""What the book of jobs asks of the database."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, or_, select, update

from tacit.adapters.sql.engine import Database
from tacit.adapters.sql.job_tables import jobs
from tacit.jobs.interfaces import Tally
from tacit.jobs.job import ALIVE, Job, Kind, Order, Problem, State, in_flight

_PLAIN = (
    "job_id",
    "state",
    "queued_at_ms",
    "start_after_ms",
    "revision",
    "tries",
    "started_at_ms",
    "ended_at_ms",
    "claim",
    "beat_at_ms",
    "step",
    "share",
    "cancelled_by",
    "log_tail",
)
"""What a job and its row say in the same words."""


class SqlJobStore:
    """A `JobStore` in the relational database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, job: Job) -> None:
        # Writers queue, so that between the question and the insert nobody takes the same flight.
        with self._database.writing() as connection:
            taken = select(jobs.c.job_id).where(jobs.c.flight == (job.flight or ""))
            found = connection.scalar(taken)
            if found is not None:
                raise in_flight(job, found)
            connection.execute(insert(jobs).values(_row(job)))

    def put(self, job: Job) -> Job | None:
        row = {**_row(job), "revision": job.revision + 1}
        change = update(jobs).where(jobs.c.job_id == job.job_id, jobs.c.revision == job.revision).values(row)
        with self._database.writing() as connection:
            is_changed = connection.execute(change).rowcount == 1
        return _read(job, row["revision"]) if is_changed else None

    def job(self, job_id: str) -> Job | None:
        if "\0" in job_id:
            return None  # no id holds it, and PostgreSQL cannot be asked for it
        with self._database.reading() as connection:
            row = connection.execute(select(jobs).where(jobs.c.job_id == job_id)).one_or_none()
        return None if row is None else _job(row)

    def jobs(self, *, limit: int, kind: Kind | None = None, state: State | None = None) -> Sequence[Job]:
        wanted: list[ColumnElement[bool]] = []
        if kind is not None:
            wanted.append(jobs.c.kind == kind)
        if state is not None:
            wanted.append(jobs.c.state == state)
        question = select(jobs).where(*wanted).order_by(jobs.c.queued_at_ms.desc(), jobs.c.job_id).limit(limit)
        with self._database.reading() as connection:
            return [_job(row) for row in connection.execute(question)]

    def alive(self) -> Sequence[Job]:
        question = select(jobs).where(jobs.c.flight.is_not(None)).order_by(jobs.c.queued_at_ms, jobs.c.job_id)
        with self._database.reading() as connection:
            return [_job(row) for row in connection.execute(question)]

    def tallies(self) -> Sequence[Tally]:
        groups = (jobs.c.kind, jobs.c.state)
        times = (func.max(jobs.c.queued_at_ms), func.max(jobs.c.ended_at_ms))
        question = select(*groups, func.count(), *times).group_by(*groups).order_by(*groups)
        with self._database.reading() as connection:
            return [Tally(*row) for row in connection.execute(question)]

    def forget(self, before_ms: int) -> Sequence[str]:
        newer = jobs.alias("newer")
        is_later = or_(
            newer.c.ended_at_ms > jobs.c.ended_at_ms,
            and_(newer.c.ended_at_ms == jobs.c.ended_at_ms, newer.c.job_id > jobs.c.job_id),
        )
        same = and_(newer.c.kind == jobs.c.kind, newer.c.state == jobs.c.state)
        has_later = select(newer.c.job_id).where(same, is_later).exists()
        gone = delete(jobs).where(jobs.c.flight.is_(None), jobs.c.ended_at_ms < before_ms, has_later)
        with self._database.writing() as connection:
            return list(connection.scalars(gone.returning(jobs.c.job_id)))


def _row(job: Job) -> dict[str, Any]:
    plain = {name: getattr(job, name) for name in _PLAIN}
    order = job.order
    return {
        **plain,
        "log_tail": job.log_tail.replace("\0", "\ufffd"),
        "flight": job.flight if job.state in ALIVE else None,
        "kind": order.kind,
        "parameters": json.dumps(dict(order.parameters), allow_nan=False),
        "why": order.why,
        "actor": order.actor,
        "outcome": None if job.outcome is None else json.dumps(dict(job.outcome), allow_nan=False),
        "problem": None if job.problem is None else json.dumps(asdict(job.problem)),
    }


def _read(job: Job, revision: int) -> Job:
    """A job as it will be read from its row."""
    return replace(job, revision=revision, log_tail=job.log_tail.replace("\0", "\ufffd"))


def _job(row: Row[Any]) -> Job:
    problem: Mapping[str, str] | None = None if row.problem is None else json.loads(row.problem)
    return Job(
        **{name: row._mapping[name] for name in _PLAIN},  # noqa: SLF001 - the public name of the mapping
        order=Order(row.kind, json.loads(row.parameters), row.why, row.actor),
        outcome=None if row.outcome is None else json.loads(row.outcome),
        problem=None if problem is None else Problem(**problem),
    )
