"""Tables of API keys, and what is in force of who may ask."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WHOLE_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _add_keys()
    _add_what_belongs_to_them()
    op.create_table(
        "auth_standing",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("revision", WHOLE_NUMBER, nullable=False),
        sa.Column("is_required", sa.Integer, nullable=False),
        sa.CheckConstraint("is_required IN (0, 1)", name="ck_auth_standing_is_required"),
        sa.PrimaryKeyConstraint("name", name="pk_auth_standing"),
        sqlite_strict=True,
    )


def _add_keys() -> None:
    op.create_table(
        "api_keys",
        *(sa.Column(name, TEXT, nullable=False) for name in ("key_id", "name", "owner", "scopes")),
        *(sa.Column(name, TEXT) for name in ("role", "user_id")),
        sa.Column("is_exempt", sa.Integer, nullable=False),
        sa.Column("created_at_ms", WHOLE_NUMBER, nullable=False),
        sa.Column("created_by", TEXT, nullable=False),
        *(sa.Column(name, WHOLE_NUMBER) for name in ("expires_at_ms", "revoked_at_ms")),
        sa.Column("revoked_by", TEXT),
        sa.CheckConstraint("is_exempt IN (0, 1)", name="ck_api_keys_is_exempt"),
        sa.PrimaryKeyConstraint("key_id", name="pk_api_keys"),
        sqlite_strict=True,
    )


def _add_what_belongs_to_them() -> None:
    op.create_table(
        "api_key_secrets",
        sa.Column("key_id", TEXT, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("made_at_ms", WHOLE_NUMBER, nullable=False),
        sa.Column("ends_at_ms", WHOLE_NUMBER),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.key_id"], name="fk_api_key_secrets_api_keys"),
        sa.PrimaryKeyConstraint("key_id", "number", name="pk_api_key_secrets"),
        sqlite_strict=True,
    )
    op.create_table(
        "api_key_uses",
        sa.Column("key_id", TEXT, nullable=False),
        *(sa.Column(name, WHOLE_NUMBER, nullable=False) for name in ("uses", "last_used_at_ms")),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.key_id"], name="fk_api_key_uses_api_keys"),
        sa.PrimaryKeyConstraint("key_id", name="pk_api_key_uses"),
        sqlite_strict=True,
    )
