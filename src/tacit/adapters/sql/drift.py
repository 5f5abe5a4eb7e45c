"""What looking for drift asks of the database: where looks are kept, and what users were shown and clicked."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Row, and_, delete, func, insert, or_, select

from tacit.adapters.sql.ab_tables import attributed_events
from tacit.adapters.sql.dialects import is_listed, listing
from tacit.adapters.sql.drift_tables import drift_looks
from tacit.adapters.sql.engine import Database, again_after_conflict
from tacit.adapters.sql.tables import event_quarantine, exposures
from tacit.monitoring.drift.happenings import Longs, Shown, ShownList, shown_of
from tacit.monitoring.drift.report import DriftReport

LISTS_AT_ONCE = 1_000
"""Lists that one reading looks at: where readers keep writers waiting, it is over well within a tenth of a second."""
CLOCK_SKEW_MS = 300_000
"""How long before its list an event may claim to have happened, as attribution has it."""


class SqlDriftStore:
    """A `DriftStore` in the relational database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @again_after_conflict()
    def add(self, report: DriftReport) -> None:
        kept = {"overall": report.overall, "state": report.state, "report": json.dumps(report.as_dict())}
        with self._database.writing() as connection:
            connection.execute(delete(drift_looks).where(drift_looks.c.at_ms == report.at_ms))
            connection.execute(insert(drift_looks).values(at_ms=report.at_ms, **kept))

    def latest(self) -> DriftReport | None:
        return next(iter(self.looks(limit=1)), None)

    def looks(self, *, limit: int, before_ms: int | None = None) -> Sequence[DriftReport]:
        wanted = select(drift_looks.c.report).order_by(drift_looks.c.at_ms.desc()).limit(limit)
        if before_ms is not None:
            wanted = wanted.where(drift_looks.c.at_ms < before_ms)
        with self._database.reading() as connection:
            rows = connection.execute(wanted).all()
        return [DriftReport.of_dict(json.loads(row.report)) for row in rows]

    @again_after_conflict()
    def prune(self, before_ms: int) -> int:
        with self._database.writing() as connection:
            last = connection.scalar(select(func.max(drift_looks.c.at_ms)))
            gone = delete(drift_looks).where(drift_looks.c.at_ms < before_ms, drift_looks.c.at_ms != last)
            return connection.execute(gone).rowcount


class SqlDriftSource:
    """A `DriftSource` over exposures, the events that name them, and quarantine; asked a little at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def shown(self, *, since_ms: int, until_ms: int, settle_ms: int, limit: int) -> Shown:
        found: list[ShownList] = []
        for page in self._pages(since_ms, until_ms, limit):
            chosen = self._chosen(page, settle_ms)
            found += [_list(row, chosen.get(row.recommendation_id, frozenset())) for row in page]
        return shown_of(list(reversed(found)))

    def received(self, *, since_ms: int, limit: int) -> Longs:
        at_ms = event_quarantine.c.received_at_ms
        wanted = select(at_ms).where(at_ms >= since_ms).order_by(event_quarantine.c.quarantine_id.desc()).limit(limit)
        with self._database.reading(patient=True) as connection:
            found = np.array([row[0] for row in connection.execute(wanted)], np.int64)
        found.sort()
        return found

    def _pages(self, since_ms: int, until_ms: int, limit: int) -> Iterator[Sequence[Row[Any]]]:
        """The lists of a time, the latest first."""
        shown = exposures.c
        order = (shown.at_ms.desc(), shown.recommendation_id.desc())
        earlier: Any = shown.at_ms < until_ms
        while limit > 0:
            wanted = select(exposures).where(shown.at_ms >= since_ms, earlier).order_by(*order)
            with self._database.reading(patient=True) as connection:
                page = connection.execute(wanted.limit(min(limit, LISTS_AT_ONCE))).all()
            if not page:
                return
            yield page
            limit, last = limit - len(page), page[-1]
            of_that_moment = and_(shown.at_ms == last.at_ms, shown.recommendation_id < last.recommendation_id)
            earlier = or_(shown.at_ms < last.at_ms, of_that_moment)

    def _chosen(self, page: Sequence[Row[Any]], settle_ms: int) -> Mapping[str, frozenset[str]]:
        """What was chosen of each list within a time, by whoever was shown it."""
        of = {row.recommendation_id: row for row in page}
        event = attributed_events.c
        wanted = select(event.recommendation_id, event.user_id, event.item_id, event.occurred_at_ms)
        wanted = wanted.where(is_listed(event.recommendation_id, "ids"))
        chosen: dict[str, set[str]] = defaultdict(set)
        with self._database.reading(patient=True) as connection:
            for row in connection.execute(wanted, {"ids": listing(of)}):
                shown = of[row.recommendation_id]
                late = row.occurred_at_ms - shown.at_ms
                if row.user_id == shown.user_id and -CLOCK_SKEW_MS <= late <= settle_ms:
                    chosen[row.recommendation_id].add(row.item_id)
        return {name: frozenset(items) for name, items in chosen.items()}


def _list(row: Row[Any], chosen: frozenset[str]) -> ShownList:
    items: list[str] = json.loads(row.item_ids)
    kept = [item in chosen for item in items]
    return ShownList(
        row.at_ms, row.source, bool(row.degraded), any(kept), sum(kept[:10]), min(10, len(items)), row.user_id
    )
