"""The tables of background jobs."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Table

from tacit.adapters.sql.tables import Fraction, Milliseconds, Text, WholeNumber, metadata

jobs = Table(
    "jobs",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("revision", WholeNumber, nullable=False),
    Column("flight", Text),
    Column("kind", Text, nullable=False),
    Column("parameters", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("queued_at_ms", Milliseconds, nullable=False),
    Column("start_after_ms", Milliseconds, nullable=False),
    Column("tries", WholeNumber, nullable=False),
    Column("started_at_ms", Milliseconds),
    Column("ended_at_ms", Milliseconds),
    Column("claim", Text),
    Column("beat_at_ms", Milliseconds),
    Column("step", Text, nullable=False),
    Column("share", Fraction, nullable=False),
    Column("cancelled_by", Text),
    Column("outcome", Text),
    Column("problem", Text),
    Column("log_tail", Text, nullable=False),
    CheckConstraint("state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", "state"),
    Index("ix_jobs_flight", "flight", unique=True),
    Index(None, "queued_at_ms"),
    comment="What was asked to be done in the background, and what became of it. Of one flight one job is alive.",
    sqlite_strict=True,
)
