"""The tables of attribution and of A/B tests."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Integer, Table

from tacit.adapters.sql.tables import Fraction, Milliseconds, Text, WholeNumber, metadata

attributed_events = Table(
    "attributed_events",
    metadata,
    Column("turn", WholeNumber, primary_key=True, autoincrement=False),
    Column("recommendation_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("item_id", Text, nullable=False),
    Column("occurred_at_ms", Milliseconds, nullable=False),
    Column("watch_seconds", Fraction, nullable=False),
    Index(None, "recommendation_id"),
    comment="The applied events of positive weight that name a list; found by the list that they name.",
    sqlite_strict=True,
)

ab_tests = Table(
    "ab_tests",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("plan", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at_ms", Milliseconds, nullable=False),
    Column("started_at_ms", Milliseconds),
    Column("ended_at_ms", Milliseconds),
    CheckConstraint("state IN ('draft', 'running', 'stopped', 'finished')", "state"),
    CheckConstraint("number >= 1", "number"),
    comment="The A/B tests of each model; the plan is JSON and never changes.",
    sqlite_strict=True,
)
