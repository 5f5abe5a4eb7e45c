"""Events: how far the log is applied, what it amounts to, its quarantine and its counts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WHOLE_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
FRACTION: sa.Double[float] = sa.Double().with_variant(sa.REAL, "sqlite")


def upgrade() -> None:
    create_offset()
    create_applied_events()
    create_interactions()
    create_quarantine()
    create_counts()


def create_offset() -> None:
    op.create_table(
        "event_offset",
        sa.Column("log", TEXT, nullable=False),
        sa.Column("sequence", WHOLE_NUMBER, nullable=False),
        sa.Column("counted_to", WHOLE_NUMBER, nullable=False),
        sa.Column("turn", WHOLE_NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("log", name="pk_event_offset"),
        sqlite_strict=True,
    )


def create_applied_events() -> None:
    op.create_table(
        "applied_events",
        sa.Column("turn", WHOLE_NUMBER, nullable=False, autoincrement=False),
        sa.Column("sequence", WHOLE_NUMBER, nullable=False),
        sa.Column("received_at_ms", WHOLE_NUMBER, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("event_id", TEXT, nullable=False),
        sa.Column("user_id", TEXT, nullable=False),
        sa.Column("item_id", TEXT, nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("value", FRACTION),
        sa.Column("occurred_at_ms", WHOLE_NUMBER, nullable=False),
        sa.Column("recommendation_id", TEXT),
        sa.Column("properties", TEXT, nullable=False),
        sa.Column("timed", sa.Integer, nullable=False),
        sa.Column("weight", WHOLE_NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("turn", name="pk_applied_events"),
        sa.CheckConstraint("timed IN (0, 1)", name="ck_applied_events_timed"),
        sqlite_strict=True,
    )
    op.create_index("ix_applied_events_event_id", "applied_events", ["event_id"], unique=True)
    op.create_index("ix_applied_events_user_id", "applied_events", ["user_id", "turn"])


def create_interactions() -> None:
    op.create_table(
        "interactions",
        sa.Column("user_id", TEXT, nullable=False),
        sa.Column("item_id", TEXT, nullable=False),
        sa.Column("weight", WHOLE_NUMBER, nullable=False),
        sa.Column("events", WHOLE_NUMBER, nullable=False),
        sa.Column("last_at_ms", WHOLE_NUMBER, nullable=False),
        sa.Column("rating", FRACTION),
        sa.Column("rated_at_ms", WHOLE_NUMBER),
        sa.Column("rated_sequence", WHOLE_NUMBER),
        sa.PrimaryKeyConstraint("user_id", "item_id", name="pk_interactions"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def create_quarantine() -> None:
    op.create_table(
        "event_quarantine",
        sa.Column("quarantine_id", WHOLE_NUMBER, nullable=False),
        sa.Column("sequence", WHOLE_NUMBER, nullable=False),
        sa.Column("received_at_ms", WHOLE_NUMBER, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("event_id", TEXT, nullable=False),
        sa.Column("user_id", TEXT, nullable=False),
        sa.Column("content", TEXT),
        sa.Column("mended", TEXT),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("detail", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("tries", WHOLE_NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("quarantine_id", name="pk_event_quarantine"),
        sa.CheckConstraint(
            "state IN ('held', 'released', 'applied', 'repeated', 'purged')", name="ck_event_quarantine_state"
        ),
        sqlite_strict=True,
    )
    op.create_index("ix_event_quarantine_event_id", "event_quarantine", ["event_id"])
    op.create_index("ix_event_quarantine_state", "event_quarantine", ["state", "quarantine_id"])


def create_counts() -> None:
    op.create_table(
        "event_counts",
        sa.Column("source", TEXT, nullable=False),
        sa.Column("received", WHOLE_NUMBER, nullable=False),
        sa.Column("stored", WHOLE_NUMBER, nullable=False),
        sa.Column("deduplicated", WHOLE_NUMBER, nullable=False),
        sa.Column("quarantined", WHOLE_NUMBER, nullable=False),
        sa.Column("rejected", WHOLE_NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("source", name="pk_event_counts"),
        sa.CheckConstraint(
            "received = stored + deduplicated + quarantined + rejected", name="ck_event_counts_conserved"
        ),
        sqlite_strict=True,
    )
