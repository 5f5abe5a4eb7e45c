"""The tables of versions on their way to users."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Index, Table

from tacit.adapters.sql.tables import Milliseconds, Text, WholeNumber, metadata, refuse_changes

rollouts = Table(
    "rollouts",
    metadata,
    Column("rollout_id", WholeNumber, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("ended", WholeNumber, nullable=False),
    Column("revision", WholeNumber, nullable=False),
    Column("content", Text, nullable=False),
    CheckConstraint("ended IN (0, 1)", "ended"),
    Index(None, "name", "rollout_id"),
    comment="Where each journey of a version to users is, and what was agreed of it; JSON.",
    sqlite_strict=True,
)

rollout_steps = Table(
    "rollout_steps",
    metadata,
    Column("rollout_id", WholeNumber, primary_key=True, autoincrement=False),
    Column("revision", WholeNumber, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at_ms", Milliseconds, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("findings", Text, nullable=False),
    ForeignKeyConstraint(["rollout_id"], ["rollouts.rollout_id"]),
    comment="Every step of every rollout, with the verdict it rests on; append-only.",
    sqlite_strict=True,
)

refuse_changes(rollout_steps)
