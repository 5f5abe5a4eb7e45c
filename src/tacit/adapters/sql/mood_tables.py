"""The tables of moods as somebody edited them, and of the lists that a lower tier gave on purpose."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table

from tacit.adapters.sql.tables import Milliseconds, Text, metadata

moods = Table(
    "moods",
    metadata,
    Column("name", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("seeds", Text, nullable=False),
    Column("updated_at_ms", Milliseconds, nullable=False),
    comment="What was said of moods, above those that are shipped.",
    sqlite_strict=True,
)

rehearsed_lists = Table(
    "rehearsed_lists",
    metadata,
    Column("recommendation_id", Text, primary_key=True),
    Column("at_ms", Milliseconds, nullable=False),
    Index(None, "at_ms"),
    comment="Of the lists that were shown, those that a lower tier gave on purpose.",
    sqlite_strict=True,
)
