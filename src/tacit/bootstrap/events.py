"""What taking events takes, wired for as long as a server runs: the log, its follower, and what is counted of both."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from tacit.bootstrap.app import MODEL, App
from tacit.bootstrap.repeating import now_ms, repeated
from tacit.errors import TacitError, Unavailable
from tacit.monitoring import metrics as catalogue
from tacit.monitoring.interfaces import MetricSink
from tacit.monitoring.model_metrics import LAST_EVENT

if TYPE_CHECKING:
    from pathlib import Path

    from tacit.adapters.event_log import SqliteEventLog
    from tacit.adapters.reserve import Reserve
    from tacit.bootstrap.event_health import EventHealth
    from tacit.data.applying import Follower, Steps, Tally
    from tacit.data.event_effects import EventCounts
    from tacit.data.event_rules import EventRules
    from tacit.data.events import EventLog
    from tacit.data.ingestion import Applied, EventStore, Ingestion
    from tacit.data.intake import Count, Intake
    from tacit.serving.live_catalogue import FollowedCatalogue
    from tacit.serving.model_pool import ModelPool
    from tacit.settings import Settings

EVENTS_FOLDER = "events"
RESERVE_FILE = "reserve"
_FRESH_SECONDS = 0.2
_BATCH_AFAR = 2_000
_STILL_SECONDS = 2.0
"""For how long nothing may be applied before nobody can tell whose events wait: a unit that writes has as long."""
_LOOK_SECONDS = 0.5

Told = Callable[[Collection[str]], None]
"""Hears whose events were applied, once they are."""

LostSight = Callable[[bool], None]
"""Hears that events cannot be applied now, so that nobody can tell whose wait; or that they are again."""


def to_nobody(user_ids: Collection[str]) -> None:
    """A `Told` for whoever does not want to know."""


def unseen(is_blind: bool) -> None:
    """A `LostSight` for whoever does not want to know."""


def rules_of(settings: Settings) -> EventRules:
    """What an event must keep to: the profile's types, and no event older than events are kept."""
    from tacit.data.event_rules import EventRules

    return replace(EventRules.shipped(settings.events.profile), oldest_days=settings.events.keep_days)


@contextmanager
def taking_events(
    app: App,
    pool: ModelPool,
    metrics: MetricSink,
    *,
    live: FollowedCatalogue,
    told: Told = to_nobody,
    lost_sight: LostSight = unseen,
    is_traced: bool = False,
) -> Iterator[Intake]:
    """Open the log and follow it; at the end what was taken in is applied, or waits in the log for the next start.

    Raises:
        Unavailable, Misconfigured: The log cannot be opened.
    """
    from tacit.bootstrap.event_health import EventHealth
    from tacit.bootstrap.event_retention import retained
    from tacit.data.applying import Follower, Tally
    from tacit.data.ingestion import Admission, Ingestion

    chosen, rules = app.settings.events, rules_of(app.settings)
    with _open_log(app.settings.home.resolve(), metrics, reserve_mib=chosen.reserve_mib) as (log, reserve):
        full = reserve.release if _is_on_our_disk(app.settings) else lambda: None
        health = EventHealth(log, app.event_store, full=full, is_space_low=reserve.is_space_low)
        admission = Admission(chosen.unknown_items, lambda item_ids: _known(pool, live, item_ids))
        ingestion = Ingestion(log, app.event_store, rules.types, admission=admission, batch=_batch(app.settings))
        tally = Tally(app.event_store)
        taken, steps = _followed_ways(log, ingestion, app.event_store) if is_traced else (log, ingestion)
        follower = Follower(
            steps,
            tally,
            batch=_batch(app.settings),
            told=lambda applied: _tell_of(applied, metrics, health, told=told, lost_sight=lost_sight),
            failed=lambda error: _failed(error, health, lost_sight),
            # Where nobody knows which items there are, events wait in the log rather than in quarantine.
            ready=lambda: chosen.unknown_items == "accept" or pool.loaded is not None or _is_told(app, live),
        )
        _watch(metrics, ingestion, app.event_store)
        with _followed(follower), _watched(follower, lost_sight), retained(app, log):
            yield _intake(taken, rules, app.event_store, count=_counting(metrics, tally, follower), health=health)


def _followed_ways(log: EventLog, ingestion: Steps, store: EventStore) -> tuple[EventLog, Steps]:
    """The log and what applies it, timed for requests that are followed."""
    from tacit.adapters.followed_events import Awaited, FollowedLog, FollowedSteps

    awaited = Awaited()
    return FollowedLog(log, awaited), FollowedSteps(ingestion, awaited, lambda: store.offset)


def _batch(settings: Settings) -> int:
    """Events of one transaction.  On a server others wait for the row that it holds; a file has one writer anyway."""
    batch = settings.events.batch
    return batch if _is_on_our_disk(settings) else min(batch, _BATCH_AFAR)


def _intake(log: EventLog, rules: EventRules, store: EventStore, *, count: Count, health: EventHealth) -> Intake:
    from tacit.data.intake import Intake
    from tacit.data.plain_events import plain_reader

    return Intake(
        log,
        rules,
        count=count,
        clock=now_ms,
        new_id=lambda: uuid.uuid4().hex,
        quarantine=store.set_aside,
        plain=plain_reader(rules),
        state=health.state,
    )


def _is_on_our_disk(settings: Settings) -> bool:
    """Whether space let go here helps the store; a server's disk is another."""
    address = settings.database_url
    return address is None or address.get_secret_value().startswith("sqlite")


@contextmanager
def _open_log(home: Path, metrics: MetricSink, *, reserve_mib: int) -> Iterator[tuple[SqliteEventLog, Reserve]]:
    from tacit.adapters.event_log import SqliteEventLog
    from tacit.adapters.reserve import Reserve

    reserve = Reserve(home / RESERVE_FILE, size=reserve_mib * 2**20)
    reserve.take()
    try:
        committed = metrics.series(catalogue.EVENT_COMMIT).observe
        log = SqliteEventLog(
            home / EVENTS_FOLDER, clock=lambda: datetime.now(UTC), committed=committed, reserve=reserve
        )
        try:
            yield log, reserve
        finally:
            log.close()
    finally:
        reserve.close()


@contextmanager
def _followed(follower: Follower) -> Iterator[None]:
    follower.start()
    try:
        yield
    finally:
        follower.stop()


def _watched(follower: Follower, lost_sight: LostSight) -> AbstractContextManager[None]:
    """Have it told of a follower that stands still: a store that hangs has it wait far longer than any list may."""

    def look() -> None:
        if follower.still_seconds > _STILL_SECONDS:
            lost_sight(True)

    return repeated(look, name="event-sight", every_seconds=_LOOK_SECONDS, is_begun_at_once=False)


def _is_told(app: App, live: FollowedCatalogue) -> bool:
    """Whether the catalogue's door alone says which items there are: something was said, nothing learnt or imported.

    A champion that merely cannot be loaded now knows items too, and so does an import.
    """
    return bool(live.revision) and app.registry.champion(MODEL) is None and not app.history.datasets()


def _known(pool: ModelPool, live: FollowedCatalogue, item_ids: Collection[str]) -> Collection[str]:
    """The items that the loaded version or the catalogue's door knows, but for those that were removed."""
    rows: Mapping[str, int] = {} if pool.loaded is None else pool.current().model.item_rows
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


def _tell_of(applied: Applied, metrics: MetricSink, health: EventHealth, *, told: Told, lost_sight: LostSight) -> None:
    health.followed()
    _measure(metrics, applied)
    if applied.users:
        told(applied.users)
    # Only now: whose events were applied in this step, too, is known by then.
    lost_sight(False)


def _failed(error: Exception, health: EventHealth, lost_sight: LostSight) -> None:
    health.failed(error)
    lost_sight(True)
    _tell(error)


def _measure(metrics: MetricSink, applied: Applied) -> None:
    if applied.stored:
        metrics.set(LAST_EVENT, now_ms() / 1_000)
    for outcome, number in (
        ("stored", applied.stored),
        ("deduplicated", applied.deduplicated),
        ("quarantined", applied.quarantined),
    ):
        if number:
            metrics.increment(catalogue.EVENTS_APPLIED, number, outcome=outcome)


def _watch(metrics: MetricSink, ingestion: Ingestion, store: EventStore) -> None:
    metrics.watch(catalogue.EVENT_LAG, lambda: _lag(ingestion))
    watch_accounts(metrics, store)


def watch_accounts(metrics: MetricSink, store: EventStore) -> None:
    """Have the metrics show what the store accounts for, of every source there is now or that comes by our doors."""
    accounts = _Accounts(store)
    for source in sorted({*catalogue.EVENT_BALANCE.labels["source"], *accounts.sources()}):
        metrics.watch(catalogue.EVENT_BALANCE, partial(accounts.value, source, "missing"), source=source)
        for outcome in catalogue.EVENTS_ACCOUNTED.labels["outcome"]:
            read = partial(accounts.value, source, outcome)
            metrics.watch(catalogue.EVENTS_ACCOUNTED, read, source=source, outcome=outcome)


class _Accounts:
    """The store's counts, or that there are none, asked for once where a scrape wants many of them."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._at = -math.inf
        self._counts: Mapping[str, EventCounts] | None = None

    def sources(self) -> Collection[str]:
        """Those there are now; none while the store cannot be asked."""
        return self._now() or ()

    def _now(self) -> Mapping[str, EventCounts] | None:
        if time.monotonic() - self._at > _FRESH_SECONDS:
            try:
                self._counts = self._store.counts()
            except Unavailable:
                # Remembered as well: asked again for each number, a store that hangs would outlast any scrape.
                self._counts = None
            self._at = time.monotonic()
        return self._counts

    def value(self, source: str, name: str) -> float:
        """One number; none while the store cannot be asked."""
        counts = self._now()
        if counts is None:
            return math.nan
        return float(getattr(counts[source], name)) if source in counts else 0.0


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
