"""The first tables: versions, their ledger, the audit trail, exposures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    create_registry()
    create_audit()
    create_exposures()
    refuse_changes("versions", "promotions", "audit")


def create_registry() -> None:
    op.create_table(
        "model_numbers",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("last_number", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_model_numbers"),
        sqlite_strict=True,
    )
    op.create_table(
        "versions",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("manifest_digest", TEXT, nullable=False),
        sa.Column("verdict", TEXT, nullable=False),
        sa.Column("created_at", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("name", "number", name="pk_versions"),
        sa.CheckConstraint("verdict IN ('pass', 'fail', 'insufficient')", name="ck_versions_verdict"),
        sa.CheckConstraint("number >= 1", name="ck_versions_number"),
        sqlite_strict=True,
    )
    create_ledger()


def create_ledger() -> None:
    op.create_table(
        "promotions",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("from_number", sa.Integer),
        sa.Column("to_number", sa.Integer, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("forced", sa.Integer, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("at", TEXT, nullable=False),
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
        sa.Column("name", TEXT, nullable=False),
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
        sa.Column("sequence", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("at", TEXT, nullable=False),
        sa.Column("facts", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit"),
        sqlite_strict=True,
    )


def create_exposures() -> None:
    op.create_table(
        "exposures",
        sa.Column("recommendation_id", TEXT, nullable=False),
        sa.Column("model_version", TEXT, nullable=False),
        sa.Column("user_id", TEXT),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("degraded", sa.Integer, nullable=False),
        sa.Column("item_ids", TEXT, nullable=False),
        sa.Column("at_ms", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("recommendation_id", name="pk_exposures"),
        sa.CheckConstraint("degraded IN (0, 1)", name="ck_exposures_degraded"),
        sqlite_strict=True,
    )
    op.create_index("ix_exposures_at_ms", "exposures", ["at_ms"])


def refuse_changes(*tables: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        refuse_changes_on_postgresql(*tables)
        return
    for table in tables:
        for act in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_refuse_{act} BEFORE {act.upper()} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def refuse_changes_on_postgresql(*tables: str) -> None:
    op.execute(
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = '23000'; END $$"
    )
    for table in tables:
        op.execute(
            f"CREATE TRIGGER {table}_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
