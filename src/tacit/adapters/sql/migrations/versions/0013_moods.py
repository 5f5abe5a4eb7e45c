"""Moods as somebody edited them, and the lists that a lower tier gave on purpose."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WHOLE_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "moods",
        *(sa.Column(name, TEXT, nullable=False) for name in ("name", "title", "words", "seeds")),
        sa.Column("updated_at_ms", WHOLE_NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_moods"),
        sqlite_strict=True,
    )
    op.create_table(
        "rehearsed_lists",
        sa.Column("recommendation_id", TEXT, nullable=False),
        sa.Column("at_ms", WHOLE_NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("recommendation_id", name="pk_rehearsed_lists"),
        sqlite_strict=True,
    )
    op.create_index("ix_rehearsed_lists_at_ms", "rehearsed_lists", ["at_ms"])
