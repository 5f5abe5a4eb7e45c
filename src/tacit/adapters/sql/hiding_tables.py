"""The tables of what users do not want to see, and of what was shown to them by chance."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table

from tacit.adapters.sql.tables import Milliseconds, Text, WholeNumber, metadata

hidden_items = Table(
    "hidden_items",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("item_id", Text, primary_key=True),
    Column("at_ms", Milliseconds, nullable=False),
    comment="Which items each user hid, and since when.",
    sqlite_strict=True,
)

hiding_users = Table(
    "hiding_users",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("revision", WholeNumber, nullable=False),
    Index(None, "revision"),
    comment="The last change of what each user hid; its place among all such changes.",
    sqlite_strict=True,
)

exposure_propensities = Table(
    "exposure_propensities",
    metadata,
    Column("recommendation_id", Text, primary_key=True),
    Column("propensities", Text, nullable=False),
    Column("at_ms", Milliseconds, nullable=False),
    Index(None, "at_ms"),
    comment="How probable it was that each item of an explored list stood where it did; JSON, in the order shown.",
    sqlite_strict=True,
)
