"""The tables of accounts, sessions and refresh tokens."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Index, Integer, Table

from tacit.adapters.sql.tables import Milliseconds, Text, WholeNumber, metadata

accounts = Table(
    "accounts",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("login", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_at_ms", Milliseconds, nullable=False),
    Column("password_hash", Text),
    Column("is_disabled", Integer, nullable=False),
    Column("user_id", Text),
    Column("subject", Text),
    CheckConstraint("role IN ('reader', 'writer', 'operator', 'admin')", "role"),
    CheckConstraint("is_disabled IN (0, 1)", "is_disabled"),
    Index(None, "login", unique=True),
    Index(None, "subject", unique=True),
    comment="People who sign in, each with the hash of a password or a digest of who they are to an identity provider.",
    sqlite_strict=True,
)

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("began_at_ms", Milliseconds, nullable=False),
    Column("seen_at_ms", Milliseconds, nullable=False),
    Column("ends_at_ms", Milliseconds, nullable=False),
    Column("revoked_at_ms", Milliseconds),
    CheckConstraint("kind IN ('token', 'browser')", "kind"),
    ForeignKeyConstraint(["account_id"], ["accounts.account_id"]),
    Index(None, "account_id"),
    Index(None, "revoked_at_ms"),
    comment="Sign-ins: browser sessions, and families of refresh tokens.",
    sqlite_strict=True,
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("session_id", Text, nullable=False),
    Column("issued_at_ms", Milliseconds, nullable=False),
    Column("spent_at_ms", Milliseconds),
    Column("spent_by", Text),
    ForeignKeyConstraint(["session_id"], ["sessions.session_id"]),
    Index(None, "session_id"),
    comment="Digests of refresh tokens; what was replaced stays, so that its second use is noticed.",
    sqlite_strict=True,
)

sign_in_places = Table(
    "sign_in_places",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("place", Text, primary_key=True),
    Column("seen_at_ms", Milliseconds, nullable=False),
    ForeignKeyConstraint(["account_id"], ["accounts.account_id"]),
    comment="Digests of addresses from which somebody signed in.",
    sqlite_strict=True,
)

sign_in_attempts = Table(
    "sign_in_attempts",
    metadata,
    Column("key", Text, primary_key=True),
    Column("failures", WholeNumber, nullable=False),
    Column("last_at_ms", Milliseconds, nullable=False),
    Index(None, "last_at_ms"),
    comment="How often signing in went wrong of late, by account and by place.",
    sqlite_strict=True,
)
