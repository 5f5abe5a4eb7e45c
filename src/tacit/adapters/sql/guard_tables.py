"""The tables of blocks, of the switch of strict mode, and of the trail of accesses."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Table

from tacit.adapters.sql.tables import Milliseconds, Text, WholeNumber, metadata, refuse_changes

guarding = Table(
    "guarding",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("revision", WholeNumber, nullable=False),
    comment="What every process keeps to: `strict` is on or off; the revision rises with every change, of blocks too.",
    sqlite_strict=True,
)

blocks = Table(
    "blocks",
    metadata,
    Column("block_id", Text, primary_key=True),
    Column("caller", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("at_ms", Milliseconds, nullable=False),
    Column("until_ms", Milliseconds, nullable=False),
    Column("level", WholeNumber, nullable=False),
    Column("appeal", Text, nullable=False),
    Column("review", Text, nullable=False),
    Column("reviewed_by", Text, nullable=False),
    Column("lifted_at_ms", Milliseconds),
    CheckConstraint("source IN ('manual', 'automatic')", "source"),
    Index(None, "until_ms"),
    Index("ix_blocks_caller", "caller", "at_ms"),
    comment="Who was kept out, why, until when, and who looked at it again.",
    sqlite_strict=True,
)

accesses = Table(
    "accesses",
    metadata,
    Column("sequence", WholeNumber, primary_key=True, autoincrement=False),
    Column("at_ms", Milliseconds, nullable=False),
    Column("kind", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("principal", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("status", WholeNumber, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("body_digest", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Index("ix_accesses_subject", "subject", "sequence"),
    Index("ix_accesses_principal", "principal", "sequence"),
    comment="Who read or changed what of whom; append-only. Each digest covers the row and the digest before it.",
    sqlite_strict=True,
)

subject_keys = Table(
    "subject_keys",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("key", Text, nullable=False),
    comment="What makes a user's pseudonym in the trail of accesses; once removed, no row there is known to be theirs.",
    sqlite_strict=True,
)

refuse_changes(accesses)
