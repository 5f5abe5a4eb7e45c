"""The tables of trying one version against another: how users are divided, and what became of their requests."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table

from tacit.adapters.sql.tables import Fraction, Milliseconds, Text, WholeNumber, metadata

traffic_plans = Table(
    "traffic_plans",
    metadata,
    Column("name", Text, primary_key=True),
    Column("revision", WholeNumber, nullable=False),
    Column("split", Text),
    Column("shadow", Text),
    comment="How each model's users are divided, and what is asked in secret; JSON.",
    sqlite_strict=True,
)

exposure_arms = Table(
    "exposure_arms",
    metadata,
    Column("recommendation_id", Text, primary_key=True),
    Column("split_id", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("arm", Text, nullable=False),
    Column("at_ms", Milliseconds, nullable=False),
    Index(None, "split_id", "at_ms"),
    comment="Which arm each list came from that was shown while users were divided.",
    sqlite_strict=True,
)

arm_counts = Table(
    "arm_counts",
    metadata,
    Column("split_id", Text, primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("arm", Text, primary_key=True),
    Column("requests", WholeNumber, nullable=False),
    Column("errors", WholeNumber, nullable=False),
    Column("degraded", WholeNumber, nullable=False),
    comment="What became of the requests of each arm, within each stage.",
    sqlite_strict=True,
)

arm_latencies = Table(
    "arm_latencies",
    metadata,
    Column("split_id", Text, primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("arm", Text, primary_key=True),
    Column("bucket", WholeNumber, primary_key=True, autoincrement=False),
    Column("requests", WholeNumber, nullable=False),
    comment="How many requests of each arm took so long; the bounds are in the code and never change.",
    sqlite_strict=True,
)

shadow_counts = Table(
    "shadow_counts",
    metadata,
    Column("split_id", Text, primary_key=True),
    Column("mirrored", WholeNumber, nullable=False),
    Column("answered", WholeNumber, nullable=False),
    Column("errors", WholeNumber, nullable=False),
    Column("dropped", WholeNumber, nullable=False),
    Column("overlap", Fraction, nullable=False),
    Column("score_shift", Fraction, nullable=False),
    comment="What comparing each shadow with what was answered came to; its latencies are those of two arms.",
    sqlite_strict=True,
)
