"""What taking events takes, wired for as long as a server runs: the log, its follower, and what is counted of both."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tacit.bootstrap.app import App
from tacit.errors import TacitError, Unavailable
from tacit.monitoring import metrics as catalogue
from tacit.monitoring.interfaces import MetricSink

if TYPE_CHECKING:
    from tacit.data.applying import Follower, Tally
    from tacit.data.event_effects import EventCounts
    from tacit.data.ingestion import Applied, Ingestion
    from tacit.data.intake import Count, Intake
    from tacit.serving.live_catalogue import FollowedCatalogue
    from tacit.serving.model_pool import ModelPool

EVENTS_FOLDER = "events"


@contextmanager
def taking_events(app: App, pool: ModelPool, metrics: MetricSink, *, live: FollowedCatalogue) -> Iterator[Intake]:
    """Open the log and follow it; at the end what was taken in is applied, or waits in the log for the next start.

    Raises:
        Unavailable, Misconfigured: The log cannot be opened.
    """
    from tacit.adapters.event_log import SqliteEventLog
    from tacit.data.applying import Follower, Tally
    from tacit.data.event_rules import EventRules
    from tacit.data.ingestion import Admission, Ingestion
    from tacit.data.intake import Intake

    chosen = app.settings.events
    rules = EventRules.shipped(chosen.profile)
    log = SqliteEventLog(app.settings.home.resolve() / EVENTS_FOLDER, clock=lambda: datetime.now(UTC))
    try:
        admission = Admission(chosen.unknown_items, lambda item_ids: _known(pool, live, item_ids))
        ingestion = Ingestion(log, app.event_store, rules.types, admission=admission, batch=chosen.batch)
        tally = Tally(app.event_store)
        follower = Follower(
            ingestion,
            tally,
            batch=chosen.batch,
            told=lambda applied: _measure(metrics, applied),
            failed=_tell,
            # Without a version nobody knows which items there are; events wait in the log rather than in quarantine.
            ready=lambda: chosen.unknown_items == "accept" or pool.loaded is not None,
        )
        metrics.watch(catalogue.EVENT_LAG, lambda: _lag(ingestion))
        with _followed(follower):
            yield Intake(
                log,
                rules,
                count=_counting(metrics, tally, follower),
                clock=lambda: int(time.time() * 1_000),
                new_id=lambda: uuid.uuid4().hex,
                quarantine=app.event_store.set_aside,
            )
    finally:
        log.close()


@contextmanager
def _followed(follower: Follower) -> Iterator[None]:
    follower.start()
    try:
        yield
    finally:
        follower.stop()


def _known(pool: ModelPool, live: FollowedCatalogue, item_ids: Collection[str]) -> Collection[str]:
    """The items that the loaded version or the catalogue's door knows, but for those that were removed."""
    rows = pool.current().model.item_rows
    entries = {item_id: live.entry(item_id) for item_id in item_ids}
    return {item_id for item_id, entry in entries.items() if (item_id in rows if entry is None else not entry.deleted)}


def _counting(metrics: MetricSink, tally: Tally, follower: Follower) -> Count:
    """Have the metrics, the store and the follower hear of what came in."""

    def count(source: str, counts: EventCounts) -> None:
        for outcome, number in asdict(counts).items():
            if number:
                metrics.increment(catalogue.EVENTS, number, source=source, outcome=outcome)
        tally.add(source, counts)
        follower.wake()

    return count


def _measure(metrics: MetricSink, applied: Applied) -> None:
    for outcome, number in (
        ("stored", applied.stored),
        ("deduplicated", applied.deduplicated),
        ("quarantined", applied.quarantined),
    ):
        if number:
            metrics.increment(catalogue.EVENTS_APPLIED, number, outcome=outcome)


def _lag(ingestion: Ingestion) -> float:
    try:
        return ingestion.lag
    except Unavailable:
        return math.nan


def _tell(error: Exception) -> None:
    import structlog

    logger = structlog.get_logger(__name__)
    if isinstance(error, TacitError):
        logger.warning("events_unapplied", code=error.code, detail=error.detail)
    else:
        logger.error("events_unapplied", exc_info=error)
