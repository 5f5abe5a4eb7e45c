"""What each look at drift found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WHOLE_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
FRACTION: sa.types.TypeEngine[float] = sa.Double().with_variant(sa.REAL, "sqlite")


def upgrade() -> None:
    op.create_table(
        "drift_looks",
        sa.Column("at_ms", WHOLE_NUMBER, nullable=False, autoincrement=False),
        sa.Column("overall", FRACTION, nullable=True),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("report", TEXT, nullable=False),
        sa.CheckConstraint("state IN ('ok', 'warn', 'retrain', 'not_enough_data')", name="ck_drift_looks_state"),
        sa.PrimaryKeyConstraint("at_ms", name="pk_drift_looks"),
        sqlite_strict=True,
    )
