"""People who sign in, their sign-ins, and how often that went wrong."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WHOLE_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    create_accounts()
    create_sessions()
    create_refresh_tokens()
    create_attempts()


def create_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("account_id", TEXT, nullable=False),
        sa.Column("login", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("created_at_ms", WHOLE_NUMBER, nullable=False),
        sa.Column("password_hash", TEXT),
        sa.Column("is_disabled", sa.Integer, nullable=False),
        sa.Column("user_id", TEXT),
        sa.Column("subject", TEXT),
        sa.PrimaryKeyConstraint("account_id", name="pk_accounts"),
        sa.CheckConstraint("role IN ('reader', 'writer', 'operator', 'admin')", name="ck_accounts_role"),
        sa.CheckConstraint("is_disabled IN (0, 1)", name="ck_accounts_is_disabled"),
        sqlite_strict=True,
    )
    op.create_index("ix_accounts_login", "accounts", ["login"], unique=True)
    op.create_index("ix_accounts_subject", "accounts", ["subject"], unique=True)


def create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("session_id", TEXT, nullable=False),
        sa.Column("account_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("secret", TEXT, nullable=False),
        sa.Column("began_at_ms", WHOLE_NUMBER, nullable=False),
        sa.Column("seen_at_ms", WHOLE_NUMBER, nullable=False),
        sa.Column("ends_at_ms", WHOLE_NUMBER, nullable=False),
        sa.Column("revoked_at_ms", WHOLE_NUMBER),
        sa.PrimaryKeyConstraint("session_id", name="pk_sessions"),
        sa.CheckConstraint("kind IN ('token', 'browser')", name="ck_sessions_kind"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_sessions_accounts"),
        sqlite_strict=True,
    )
    op.create_index("ix_sessions_account_id", "sessions", ["account_id"])
    op.create_index("ix_sessions_revoked_at_ms", "sessions", ["revoked_at_ms"])


def create_refresh_tokens() -> None:
    op.create_table(
        "refresh_tokens",
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("session_id", TEXT, nullable=False),
        sa.Column("issued_at_ms", WHOLE_NUMBER, nullable=False),
        sa.Column("spent_at_ms", WHOLE_NUMBER),
        sa.Column("spent_by", TEXT),
        sa.PrimaryKeyConstraint("digest", name="pk_refresh_tokens"),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.session_id"], name="fk_refresh_tokens_sessions"),
        sqlite_strict=True,
    )
    op.create_index("ix_refresh_tokens_session_id", "refresh_tokens", ["session_id"])


def create_attempts() -> None:
    op.create_table(
        "sign_in_places",
        sa.Column("account_id", TEXT, nullable=False),
        sa.Column("place", TEXT, nullable=False),
        sa.Column("seen_at_ms", WHOLE_NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "place", name="pk_sign_in_places"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_sign_in_places_accounts"),
        sqlite_strict=True,
    )
    op.create_table(
        "sign_in_attempts",
        sa.Column("key", TEXT, nullable=False),
        sa.Column("failures", WHOLE_NUMBER, nullable=False),
        sa.Column("last_at_ms", WHOLE_NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_sign_in_attempts"),
        sqlite_strict=True,
    )
    op.create_index("ix_sign_in_attempts_last_at_ms", "sign_in_attempts", ["last_at_ms"])
