"""Training runs that were tried, what they scored and cost, and which were chosen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WHOLE_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
FRACTION: sa.types.TypeEngine[float] = sa.Double().with_variant(sa.REAL, "sqlite")


def upgrade() -> None:
    create_runs()
    create_choices()
    refuse_changes("runs", "run_choices")


def create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("sequence", WHOLE_NUMBER, nullable=False),
        *texts("kind", "experiment", "name", "dataset", "key", "snapshot", "code", "fold", "parameters"),
        sa.Column("seed", WHOLE_NUMBER),
        *texts("state", "metrics", "curves"),
        sa.Column("seconds", FRACTION, nullable=False),
        sa.Column("peak_memory", WHOLE_NUMBER),
        sa.Column("factor_bytes", WHOLE_NUMBER, nullable=False),
        sa.Column("factors_digest", TEXT),
        sa.Column("problem", TEXT),
        *texts("started_at", "ended_at"),
        sa.Column("copy_of", TEXT),
        sa.PrimaryKeyConstraint("run_id", name="pk_runs"),
        sa.CheckConstraint("kind IN ('sweep', 'search', 'final', 'training')", name="ck_runs_kind"),
        sa.CheckConstraint("fold IN ('validation', 'holdout')", name="ck_runs_fold"),
        sa.CheckConstraint("state IN ('complete', 'pruned', 'failed')", name="ck_runs_state"),
        sqlite_strict=True,
    )
    op.create_index("ix_runs_sequence", "runs", ["sequence"], unique=True)
    op.create_index("ix_runs_key", "runs", ["key", "sequence"])
    op.create_index("ix_runs_experiment", "runs", ["experiment", "sequence"])


def create_choices() -> None:
    op.create_table(
        "run_choices",
        sa.Column("choice_id", TEXT, nullable=False),
        sa.Column("sequence", WHOLE_NUMBER, nullable=False),
        *texts("experiment", "snapshot", "run_id", "rule", "rationale", "actor", "at"),
        sa.PrimaryKeyConstraint("choice_id", name="pk_run_choices"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_run_choices_runs"),
        sqlite_strict=True,
    )
    op.create_index("ix_run_choices_sequence", "run_choices", ["sequence"], unique=True)


def texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, TEXT, nullable=False) for name in names]


def refuse_changes(*tables: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in tables:
            op.execute(
                f"CREATE TRIGGER {table}_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
        return
    for table in tables:
        for act in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_refuse_{act} BEFORE {act.upper()} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
