"""What the record of exposures asks of the database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache

from sqlalchemy import delete, func, select

from tacit.adapters.sql.dialects import insert_all, insert_new
from tacit.adapters.sql.engine import Database, again_after_conflict, is_unstorable
from tacit.adapters.sql.hiding_tables import exposure_propensities
from tacit.adapters.sql.mood_tables import rehearsed_lists
from tacit.adapters.sql.tables import exposures
from tacit.adapters.sql.traffic_tables import exposure_arms
from tacit.errors import Unavailable
from tacit.rollout.traffic import Place
from tacit.serving.exposures import Exposure

_COLUMNS = ("recommendation_id", "model_version", "user_id", "source", "degraded", "item_ids", "at_ms")
_INSERT = insert_new(exposures)
_SHORT = 20
"""Items of a list that may be shown again as it is; longer ones hardly ever are."""


class SqlExposureLog:
    """An `ExposureLog` in the relational database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @again_after_conflict(patient=True)
    def write(self, batch: Sequence[Exposure]) -> None:
        rows = [_row(exposure) for exposure in batch]
        if not rows:
            return
        placed = [_placed(exposure, exposure.place) for exposure in batch if exposure.place is not None]
        explored = [_explored(exposure) for exposure in batch if exposure.propensities is not None]
        rehearsed = [
            {"recommendation_id": each.recommendation_id, "at_ms": each.at_ms} for each in batch if each.rehearsed
        ]
        try:
            with self._database.writing(patient=True, queued=False) as connection:
                insert_all(connection, _INSERT, rows, names=_COLUMNS)
                if rehearsed:
                    connection.execute(insert_new(rehearsed_lists), rehearsed)
                if placed:
                    connection.execute(insert_new(exposure_arms), placed)
                if explored:
                    connection.execute(insert_new(exposure_propensities), explored)
        except Unavailable as error:
            if not is_unstorable(error):
                raise
            raise ValueError("the database cannot hold one of these exposures") from error

    def recent(self, limit: int) -> Sequence[Exposure]:
        arms, chances, own = exposure_arms.c, exposure_propensities.c, rehearsed_lists.c.recommendation_id
        places = exposures.outerjoin(exposure_arms, exposures.c.recommendation_id == arms.recommendation_id)
        places = places.outerjoin(exposure_propensities, exposures.c.recommendation_id == chances.recommendation_id)
        places = places.outerjoin(rehearsed_lists, exposures.c.recommendation_id == own)
        named = (arms.split_id, arms.stage, arms.arm, chances.propensities, own.label("rehearsed"))
        latest = select(exposures, *named).select_from(places)
        latest = latest.order_by(exposures.c.at_ms.desc(), exposures.c.recommendation_id).limit(limit)
        with self._database.reading() as connection:
            return [
                Exposure(
                    recommendation_id=row.recommendation_id,
                    model_version=row.model_version,
                    user_id=row.user_id,
                    source=row.source,
                    degraded=bool(row.degraded),
                    item_ids=tuple(json.loads(row.item_ids)),
                    at_ms=row.at_ms,
                    place=None if row.arm is None else Place(row.split_id, row.stage, row.arm),
                    propensities=None if row.propensities is None else tuple(json.loads(row.propensities)),
                    rehearsed=row.rehearsed is not None,
                )
                for row in connection.execute(latest)
            ]

    def count(self) -> int:
        with self._database.reading(patient=True) as connection:
            return connection.scalar(select(func.count()).select_from(exposures)) or 0

    @again_after_conflict(patient=True)
    def prune(self, before_ms: int) -> int:
        with self._database.writing(patient=True, queued=False) as connection:
            for beside in (exposure_arms, exposure_propensities, rehearsed_lists):
                connection.execute(delete(beside).where(beside.c.at_ms < before_ms))
            return connection.execute(delete(exposures).where(exposures.c.at_ms < before_ms)).rowcount


def _explored(exposure: Exposure) -> dict[str, object]:
    propensities = json.dumps(exposure.propensities)
    return {
        "recommendation_id": exposure.recommendation_id,
        "propensities": propensities,
        "at_ms": exposure.at_ms,
    }


@lru_cache(maxsize=4_096)
def _spelled(item_ids: tuple[str, ...]) -> str:
    """As it is kept; what lies ready is shown again and again."""
    return json.dumps(item_ids)


def _row(exposure: Exposure) -> tuple[str | int | None, ...]:
    """The values of `_COLUMNS`."""
    return (
        exposure.recommendation_id,
        exposure.model_version,
        exposure.user_id,
        exposure.source,
        int(exposure.degraded),
        _spelled(exposure.item_ids) if len(exposure.item_ids) <= _SHORT else json.dumps(exposure.item_ids),
        exposure.at_ms,
    )


def _placed(exposure: Exposure, place: Place) -> dict[str, object]:
    return {"recommendation_id": exposure.recommendation_id, "at_ms": exposure.at_ms, **asdict(place)}
