"""Background jobs, and when they are due."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WHOLE_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
FRACTION: sa.types.TypeEngine[float] = sa.Double().with_variant(sa.REAL, "sqlite")


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("job_id", TEXT, nullable=False),
        sa.Column("revision", WHOLE_NUMBER, nullable=False),
        sa.Column("flight", TEXT),
        *(sa.Column(name, TEXT, nullable=False) for name in ("kind", "parameters", "why", "actor", "state")),
        *(sa.Column(name, WHOLE_NUMBER, nullable=False) for name in ("queued_at_ms", "start_after_ms", "tries")),
        *(sa.Column(name, WHOLE_NUMBER) for name in ("started_at_ms", "ended_at_ms")),
        sa.Column("claim", TEXT),
        sa.Column("beat_at_ms", WHOLE_NUMBER),
        sa.Column("step", TEXT, nullable=False),
        sa.Column("share", FRACTION, nullable=False),
        *(sa.Column(name, TEXT) for name in ("cancelled_by", "outcome", "problem")),
        sa.Column("log_tail", TEXT, nullable=False),
        sa.CheckConstraint("state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name="ck_jobs_state"),
        sa.PrimaryKeyConstraint("job_id", name="pk_jobs"),
        sqlite_strict=True,
    )
    op.create_index("ix_jobs_flight", "jobs", ["flight"], unique=True)
    op.create_index("ix_jobs_queued_at_ms", "jobs", ["queued_at_ms"])
