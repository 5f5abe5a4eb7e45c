"""The first tables: versions, their ledger, the audit trail, exposures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_registry()
    create_audit()
    create_exposures()
    refuse_changes("versions", "promotions", "audit")


def create_registry() -> None:
    op.create_table(
        "model_numbers",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("last_number", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_model_numbers"),
        sqlite_strict=True,
    )
    op.create_table(
        "versions",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("manifest_digest", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", "number", name="pk_versions"),
        sa.CheckConstraint("verdict IN ('pass', 'fail', 'insufficient')", name="ck_versions_verdict"),
        sa.CheckConstraint("number >= 1", name="ck_versions_number"),
        sqlite_strict=True,
    )
    create_ledger()


def create_ledger() -> None:
    op.create_table(
        "promotions",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("from_number", sa.Integer),
        sa.Column("to_number", sa.Integer, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("forced", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", "sequence", name="pk_promotions"),
        sa.ForeignKeyConstraint(
            ["name", "to_number"], ["versions.name", "versions.number"], name="fk_promotions_versions"
        ),
        sa.CheckConstraint("kind IN ('promoted', 'rolled_back')", name="ck_promotions_kind"),
        sa.CheckConstraint("forced IN (0, 1)", name="ck_promotions_forced"),
        sqlite_strict=True,
    )
    op.create_table(
        "challengers",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_challengers"),
        sa.ForeignKeyConstraint(
            ["name", "number"], ["versions.name", "versions.number"], name="fk_challengers_versions"
        ),
        sqlite_strict=True,
    )


def create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit"),
        sqlite_strict=True,
    )


def create_exposures() -> None:
    op.create_table(
        "exposures",
        sa.Column("recommendation_id", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("degraded", sa.Integer, nullable=False),
        sa.Column("item_ids", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("recommendation_id", name="pk_exposures"),
        sa.CheckConstraint("degraded IN (0, 1)", name="ck_exposures_degraded"),
        sqlite_strict=True,
    )
    op.create_index("ix_exposures_at_ms", "exposures", ["at_ms"])


def refuse_changes(*tables: str) -> None:
    for table in tables:
        for act in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_refuse_{act} BEFORE {act.upper()} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
