"""What users do not want to see, and how probable it was that each item of an explored list stood where it did."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WHOLE_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "hidden_items",
        sa.Column("user_id", TEXT, nullable=False),
        sa.Column("item_id", TEXT, nullable=False),
        sa.Column("at_ms", WHOLE_NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "item_id", name="pk_hidden_items"),
        sqlite_strict=True,
    )
    op.create_table(
        "hiding_users",
        sa.Column("user_id", TEXT, nullable=False),
        sa.Column("revision", WHOLE_NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_hiding_users"),
        sqlite_strict=True,
    )
    op.create_index("ix_hiding_users_revision", "hiding_users", ["revision"])
    op.create_table(
        "exposure_propensities",
        sa.Column("recommendation_id", TEXT, nullable=False),
        sa.Column("propensities", TEXT, nullable=False),
        sa.Column("at_ms", WHOLE_NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("recommendation_id", name="pk_exposure_propensities"),
        sqlite_strict=True,
    )
    op.create_index("ix_exposure_propensities_at_ms", "exposure_propensities", ["at_ms"])
