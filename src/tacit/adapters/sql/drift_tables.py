"""The table of looks at drift."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Table

from tacit.adapters.sql.tables import Fraction, Milliseconds, Text, metadata

drift_looks = Table(
    "drift_looks",
    metadata,
    Column("at_ms", Milliseconds, primary_key=True, autoincrement=False),
    Column("overall", Fraction),
    Column("state", Text, nullable=False),
    Column("report", Text, nullable=False),
    CheckConstraint("state IN ('ok', 'warn', 'retrain', 'not_enough_data')", "state"),
    comment="What each look at drift found; the report is JSON.",
    sqlite_strict=True,
)
