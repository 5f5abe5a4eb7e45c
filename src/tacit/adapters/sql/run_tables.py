"""The tables of training runs."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Index, Table

from tacit.adapters.sql.tables import Fraction, Text, WholeNumber, metadata, refuse_changes

runs = Table(
    "runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("sequence", WholeNumber, nullable=False),
    Column("kind", Text, nullable=False),
    Column("experiment", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("dataset", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("snapshot", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("fold", Text, nullable=False),
    Column("parameters", Text, nullable=False),
    Column("seed", WholeNumber),
    Column("state", Text, nullable=False),
    Column("metrics", Text, nullable=False),
    Column("curves", Text, nullable=False),
    Column("seconds", Fraction, nullable=False),
    Column("peak_memory", WholeNumber),
    Column("factor_bytes", WholeNumber, nullable=False),
    Column("factors_digest", Text),
    Column("problem", Text),
    Column("started_at", Text, nullable=False),
    Column("ended_at", Text, nullable=False),
    Column("copy_of", Text),
    CheckConstraint("kind IN ('sweep', 'search', 'final', 'training')", "kind"),
    CheckConstraint("fold IN ('validation', 'holdout')", "fold"),
    CheckConstraint("state IN ('complete', 'pruned', 'failed')", "state"),
    Index(None, "sequence", unique=True),
    Index(None, "key", "sequence"),
    Index(None, "experiment", "sequence"),
    comment="The ledger of runs: what was trained on what, what it scored, what it cost; append-only.",
    sqlite_strict=True,
)

run_choices = Table(
    "run_choices",
    metadata,
    Column("choice_id", Text, primary_key=True),
    Column("sequence", WholeNumber, nullable=False),
    Column("experiment", Text, nullable=False),
    Column("snapshot", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("rationale", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", Text, nullable=False),
    ForeignKeyConstraint(["run_id"], ["runs.run_id"]),
    Index(None, "sequence", unique=True),
    comment="Which run of each experiment was chosen, by which rule, and why; append-only.",
    sqlite_strict=True,
)

APPEND_ONLY = (runs, run_choices)

for each in APPEND_ONLY:
    refuse_changes(each)
