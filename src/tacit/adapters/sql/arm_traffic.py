"""What the sums of arms and shadows ask of the database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, select
from sqlalchemy.sql.dml import Insert

from tacit.adapters.sql.dialects import Incoming, insert_merging
from tacit.adapters.sql.engine import Database, again_after_conflict
from tacit.adapters.sql.traffic_tables import arm_counts, arm_latencies, shadow_counts
from tacit.rollout.arm_traffic import NO_LATENCIES, ArmCounts, Buckets, ShadowCounts

SHADOW_STAGE = "shadow"
"""Under which stage the latencies of a shadow are kept, and of what was given beside it."""

_ASKED = "shadow"
_GIVEN = "served"
_SUMS = ("mirrored", "answered", "errors", "dropped", "overlap", "score_shift")


def _adding(table: Table) -> Insert:
    """An insert that adds to the numbers of the row that is there already."""

    def added(incoming: Incoming) -> Mapping[str, ColumnElement[Any]]:
        return {each.name: each + incoming[each.name] for each in table.columns if not each.primary_key}

    return insert_merging(table, added)


_ADD_COUNTS = _adding(arm_counts)
_ADD_LATENCIES = _adding(arm_latencies)
_ADD_SHADOW = _adding(shadow_counts)


class SqlArmTrafficStore:
    """An `ArmTrafficStore` in the relational database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @again_after_conflict(patient=True)
    def add(self, split_id: str, stage: str, counts: Mapping[str, ArmCounts]) -> None:
        # Always in one order: two processes that add at once must not wait for each other in a circle.
        ordered = sorted(counts.items())
        rows = [_counted(each, split_id=split_id, stage=stage, arm=arm) for arm, each in ordered]
        timed = [
            row
            for arm, each in ordered
            for row in _timed(each.latencies, split_id=split_id, stage=stage, arm=arm)
        ]  # fmt: skip
        if rows:
            with self._database.writing(patient=True, queued=False) as connection:
                connection.execute(_ADD_COUNTS, rows)
                _add_latencies(connection, timed)

    def counts(self, split_id: str, stage: str) -> Mapping[str, ArmCounts]:
        kept = arm_counts.c
        of_stage = select(arm_counts).where(kept.split_id == split_id, kept.stage == stage).order_by(kept.arm)
        with self._database.reading() as connection:
            latencies = _latencies(connection, split_id, stage)
            return {
                row.arm: ArmCounts(row.requests, row.errors, row.degraded, latencies.get(row.arm, NO_LATENCIES))
                for row in connection.execute(of_stage)
            }

    @again_after_conflict(patient=True)
    def add_shadow(self, split_id: str, counts: ShadowCounts) -> None:
        row = {"split_id": split_id, **{name: getattr(counts, name) for name in _SUMS}}
        timed = [
            *_timed(counts.served_latencies, split_id=split_id, stage=SHADOW_STAGE, arm=_GIVEN),
            *_timed(counts.latencies, split_id=split_id, stage=SHADOW_STAGE, arm=_ASKED),
        ]
        with self._database.writing(patient=True, queued=False) as connection:
            connection.execute(_ADD_SHADOW, row)
            _add_latencies(connection, timed)

    def shadow(self, split_id: str) -> ShadowCounts:
        with self._database.reading() as connection:
            row = connection.execute(select(shadow_counts).where(shadow_counts.c.split_id == split_id)).first()
            if row is None:
                return ShadowCounts()
            latencies = _latencies(connection, split_id, SHADOW_STAGE)
        return ShadowCounts(
            **{name: getattr(row, name) for name in _SUMS},
            latencies=latencies.get(_ASKED, NO_LATENCIES),
            served_latencies=latencies.get(_GIVEN, NO_LATENCIES),
        )


def _counted(counts: ArmCounts, **key: str) -> dict[str, object]:
    return {**key, "requests": counts.requests, "errors": counts.errors, "degraded": counts.degraded}


def _timed(latencies: Buckets, **key: str) -> Iterator[dict[str, object]]:
    for bucket, requests in enumerate(latencies):
        if requests:
            yield {**key, "bucket": bucket, "requests": requests}


def _add_latencies(connection: Connection, rows: list[dict[str, object]]) -> None:
    if rows:
        connection.execute(_ADD_LATENCIES, rows)


def _latencies(connection: Connection, split_id: str, stage: str) -> dict[str, Buckets]:
    """The buckets of each arm within a stage."""
    kept = arm_latencies.c
    found: dict[str, list[int]] = {}
    for row in connection.execute(select(arm_latencies).where(kept.split_id == split_id, kept.stage == stage)):
        found.setdefault(row.arm, list(NO_LATENCIES))[row.bucket] = row.requests
    return {arm: tuple(buckets) for arm, buckets in found.items()}
