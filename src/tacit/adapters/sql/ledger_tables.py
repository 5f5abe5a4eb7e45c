"""The tables around the ledger of promotions: what chains it, and what is said of versions after they were made."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Index, Integer, Table

from tacit.adapters.sql.tables import Text, WholeNumber, metadata, refuse_changes

promotion_seals = Table(
    "promotion_seals",
    metadata,
    Column("name", Text, primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("gate", Text),
    Column("signature", Text),
    Column("digest", Text, nullable=False),
    ForeignKeyConstraint(["name", "sequence"], ["promotions.name", "promotions.sequence"]),
    CheckConstraint("(gate IS NULL) = (signature IS NULL)", "evidence"),
    comment="What chains the ledger; append-only. Moves from before it was chained have no evidence.",
    sqlite_strict=True,
)

version_pins = Table(
    "version_pins",
    metadata,
    Column("name", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", Text, nullable=False),
    ForeignKeyConstraint(["name", "number"], ["versions.name", "versions.number"]),
    comment="The versions that somebody wants to stay deployable.",
    sqlite_strict=True,
)

version_prunings = Table(
    "version_prunings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("actor", Text, nullable=False),
    Column("freed_bytes", WholeNumber, nullable=False),
    Column("at", Text, nullable=False),
    ForeignKeyConstraint(["name", "number"], ["versions.name", "versions.number"]),
    comment="The versions that are kept as metadata alone; append-only, written before their files are removed.",
    sqlite_strict=True,
)

version_origins = Table(
    "version_origins",
    metadata,
    Column("name", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("origin_name", Text, nullable=False),
    Column("origin_number", Integer, nullable=False),
    Column("manifest_digest", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    ForeignKeyConstraint(["name", "number"], ["versions.name", "versions.number"]),
    Index(None, "name", "manifest_digest"),
    comment="Where imported versions came from; append-only.",
    sqlite_strict=True,
)

APPEND_ONLY = (promotion_seals, version_prunings, version_origins)

for each in APPEND_ONLY:
    refuse_changes(each)
