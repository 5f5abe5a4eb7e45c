"""Trying one version against another: how users are divided, what they met, and what became of their requests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WHOLE_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
FRACTION: sa.types.TypeEngine[float] = sa.Double().with_variant(sa.REAL, "sqlite")
OF_AN_ARM = ("split_id", "stage", "arm")


def upgrade() -> None:
    create_exposure_arms()
    create_plans()
    create_counts()
    create_shadow_counts()


def create_exposure_arms() -> None:
    op.create_table(
        "exposure_arms",
        sa.Column("recommendation_id", TEXT, nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in OF_AN_ARM),
        sa.Column("at_ms", WHOLE_NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("recommendation_id", name="pk_exposure_arms"),
        sqlite_strict=True,
    )
    op.create_index("ix_exposure_arms_split_id", "exposure_arms", ["split_id", "at_ms"])


def create_plans() -> None:
    op.create_table(
        "traffic_plans",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("revision", WHOLE_NUMBER, nullable=False),
        sa.Column("split", TEXT),
        sa.Column("shadow", TEXT),
        sa.PrimaryKeyConstraint("name", name="pk_traffic_plans"),
        sqlite_strict=True,
    )


def create_counts() -> None:
    op.create_table(
        "arm_counts",
        *(sa.Column(name, TEXT, nullable=False) for name in OF_AN_ARM),
        *(sa.Column(name, WHOLE_NUMBER, nullable=False) for name in ("requests", "errors", "degraded")),
        sa.PrimaryKeyConstraint(*OF_AN_ARM, name="pk_arm_counts"),
        sqlite_strict=True,
    )
    op.create_table(
        "arm_latencies",
        *(sa.Column(name, TEXT, nullable=False) for name in OF_AN_ARM),
        sa.Column("bucket", WHOLE_NUMBER, nullable=False),
        sa.Column("requests", WHOLE_NUMBER, nullable=False),
        sa.PrimaryKeyConstraint(*OF_AN_ARM, "bucket", name="pk_arm_latencies"),
        sqlite_strict=True,
    )


def create_shadow_counts() -> None:
    op.create_table(
        "shadow_counts",
        sa.Column("split_id", TEXT, nullable=False),
        *(sa.Column(name, WHOLE_NUMBER, nullable=False) for name in ("mirrored", "answered", "errors", "dropped")),
        *(sa.Column(name, FRACTION, nullable=False) for name in ("overlap", "score_shift")),
        sa.PrimaryKeyConstraint("split_id", name="pk_shadow_counts"),
        sqlite_strict=True,
    )
