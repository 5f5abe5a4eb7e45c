"""Attribution, and A/B tests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WHOLE_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
FRACTION: sa.types.TypeEngine[float] = sa.Double().with_variant(sa.REAL, "sqlite")

EVENTS_SO_FAR = """
INSERT INTO attributed_events (turn, recommendation_id, user_id, item_id, occurred_at_ms, watch_seconds)
SELECT turn, recommendation_id, user_id, item_id, occurred_at_ms,
       CASE WHEN type = 'watch_time' AND value IS NOT NULL THEN value ELSE 0.0 END
FROM applied_events
WHERE recommendation_id IS NOT NULL AND weight > 0
"""


def upgrade() -> None:
    create_attributed_events()
    create_ab_tests()


def create_attributed_events() -> None:
    op.create_table(
        "attributed_events",
        sa.Column("turn", WHOLE_NUMBER, autoincrement=False, nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ("recommendation_id", "user_id", "item_id")),
        sa.Column("occurred_at_ms", WHOLE_NUMBER, nullable=False),
        sa.Column("watch_seconds", FRACTION, nullable=False),
        sa.PrimaryKeyConstraint("turn", name="pk_attributed_events"),
        sqlite_strict=True,
    )
    op.create_index("ix_attributed_events_recommendation_id", "attributed_events", ["recommendation_id"])
    op.execute(EVENTS_SO_FAR)


def create_ab_tests() -> None:
    op.create_table(
        "ab_tests",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ("name", "plan", "state", "reason")),
        sa.Column("created_at_ms", WHOLE_NUMBER, nullable=False),
        sa.Column("started_at_ms", WHOLE_NUMBER),
        sa.Column("ended_at_ms", WHOLE_NUMBER),
        sa.CheckConstraint("state IN ('draft', 'running', 'stopped', 'finished')", name=op.f("ck_ab_tests_state")),
        sa.CheckConstraint("number >= 1", name=op.f("ck_ab_tests_number")),
        sa.PrimaryKeyConstraint("number", name="pk_ab_tests"),
        sqlite_strict=True,
    )
