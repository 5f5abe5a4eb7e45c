"""The tables of API keys, and what is in force of who may ask."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Integer, Table

from tacit.adapters.sql.tables import Milliseconds, Text, WholeNumber, metadata

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("role", Text),
    Column("user_id", Text),
    Column("is_exempt", Integer, nullable=False),
    Column("created_at_ms", Milliseconds, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at_ms", Milliseconds),
    Column("revoked_at_ms", Milliseconds),
    Column("revoked_by", Text),
    CheckConstraint("is_exempt IN (0, 1)", "is_exempt"),
    comment="API keys; a row is never removed, and changes once: when its key is revoked. Scopes are a JSON array.",
    sqlite_strict=True,
)

api_key_secrets = Table(
    "api_key_secrets",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("digest", Text, nullable=False),
    Column("made_at_ms", Milliseconds, nullable=False),
    Column("ends_at_ms", Milliseconds),
    ForeignKeyConstraint(["key_id"], ["api_keys.key_id"]),
    comment="The secrets that a key had, from 1: keyed digests, no secret; the end is set when the next one comes.",
    sqlite_strict=True,
)

api_key_uses = Table(
    "api_key_uses",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("uses", WholeNumber, nullable=False),
    Column("last_used_at_ms", Milliseconds, nullable=False),
    ForeignKeyConstraint(["key_id"], ["api_keys.key_id"]),
    comment="How much each key was used, written down every few seconds.",
    sqlite_strict=True,
)

auth_standing = Table(
    "auth_standing",
    metadata,
    Column("name", Text, primary_key=True),
    Column("revision", WholeNumber, nullable=False),
    Column("is_required", Integer, nullable=False),
    CheckConstraint("is_required IN (0, 1)", "is_required"),
    comment="One row, asked every second: how often keys changed, and whether everybody must have one.",
    sqlite_strict=True,
)
