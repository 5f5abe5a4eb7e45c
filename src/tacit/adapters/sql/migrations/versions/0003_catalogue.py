"""The catalogue's door: what was said of items and users, and how often."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WHOLE_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    create_revision()
    create_items()
    create_users()


def create_revision() -> None:
    op.create_table(
        "catalog_revision",
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("revision", WHOLE_NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_catalog_revision"),
        sqlite_strict=True,
    )


def create_items() -> None:
    op.create_table(
        "catalog_items",
        sa.Column("item_id", TEXT, nullable=False),
        sa.Column("revision", WHOLE_NUMBER, nullable=False),
        sa.Column("title", TEXT),
        sa.Column("categories", TEXT),
        sa.Column("tags", TEXT),
        sa.Column("labels", TEXT, nullable=False),
        sa.Column("available", sa.Integer, nullable=False),
        sa.Column("expires_at_ms", WHOLE_NUMBER),
        sa.Column("deleted", sa.Integer, nullable=False),
        sa.Column("updated_at_ms", WHOLE_NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("item_id", name="pk_catalog_items"),
        sa.CheckConstraint("available IN (0, 1)", name="ck_catalog_items_available"),
        sa.CheckConstraint("deleted IN (0, 1)", name="ck_catalog_items_deleted"),
        sqlite_strict=True,
    )
    op.create_index("ix_catalog_items_revision", "catalog_items", ["revision", "item_id"])


def create_users() -> None:
    op.create_table(
        "catalog_users",
        sa.Column("user_id", TEXT, nullable=False),
        sa.Column("labels", TEXT, nullable=False),
        sa.Column("item_ids", TEXT, nullable=False),
        sa.Column("categories", TEXT, nullable=False),
        sa.Column("moods", TEXT, nullable=False),
        sa.Column("updated_at_ms", WHOLE_NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_catalog_users"),
        sqlite_strict=True,
    )
