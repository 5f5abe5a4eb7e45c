"""What lists that follow events take, wired for as long as a server runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tacit.bootstrap.app import App
from tacit.bootstrap.caches import list_cache
from tacit.bootstrap.hiding import followed_hides
from tacit.bootstrap.overload import spared_reads
from tacit.bootstrap.precomputing import having_precomputed
from tacit.bootstrap.repeating import repeated
from tacit.errors import TacitError
from tacit.monitoring import metrics as catalogue
from tacit.monitoring.interfaces import MetricSink
from tacit.serving.cached_reads import FRESH_SECONDS
from tacit.serving.ladder import Coldstart

if TYPE_CHECKING:
    from tacit.data.intake import EventDoor
    from tacit.serving.choosers import Choosers
    from tacit.serving.fresh_users import FreshUsers
    from tacit.serving.hides import FollowedHides
    from tacit.serving.kept_lists import KeptLists
    from tacit.serving.known_users import KnownUsers, UserEntries
    from tacit.serving.list_cache import ListCache
    from tacit.serving.live_catalogue import LiveCatalogue
    from tacit.serving.model_pool import ModelPool
    from tacit.serving.newcomer_shelf import NewcomerShelf
    from tacit.serving.precomputed import PrecomputedShelf
    from tacit.serving.traffic_follower import TrafficFollower

_READERS_SECONDS = 1.0
"""How long a reader goes by what somebody chose when it looked last."""

Failed = Callable[[Exception], None]

_SECONDS_BETWEEN_WARNINGS = 60.0


@dataclass(frozen=True)
class Freshness:
    """What a service needs to know what happened since its version was trained."""

    users: KnownUsers
    lists: KeptLists
    shelf: NewcomerShelf
    hides: FollowedHides
    lost_sight: Callable[[bool], None]
    failed: Failed
    shared: KeptLists
    precomputed: PrecomputedShelf

    def told(self, user_ids: Collection[str]) -> None:
        """Hear whose events the store accepted; only now are their lists dropped."""
        self.users.told(user_ids)
        self.lists.told(user_ids)

    def shed(self) -> None:
        """Give up every list that is kept in this process, to have its memory."""
        self.lists.shed()

    def chose(self, user_ids: Collection[str]) -> None:
        """Hear whose choices the store accepted."""
        self.users.chose(user_ids)
        self.lists.told(user_ids)


def coldstart_of(app: App) -> Coldstart:
    """The rungs as the settings have them."""
    return Coldstart(**app.settings.coldstart.model_dump())


@contextmanager
def following(
    app: App,
    pool: ModelPool,
    metrics: MetricSink,
    *,
    entries: UserEntries | None = None,
    traffic: TrafficFollower | None = None,
    live: LiveCatalogue | None = None,
) -> Iterator[Freshness]:
    """Follow what users do and what the catalogue says.

    Args:
        app: The platform.
        pool: Keeps the champion.
        metrics: Counts.
        entries: Keeps what users chose when asked.
        traffic: Keeps what is asked beside the champion.
        live: The catalogue as it is now.
    """
    from tacit.data.event_values import unit_of
    from tacit.serving.freshness_keeper import FreshnessKeeper, no_others
    from tacit.serving.newcomer_shelf import NewcomerShelf

    failed = _counting_failures(metrics)
    fresh = _fresh_users(app, metrics, failed)
    shelf = NewcomerShelf(app.event_store, unit=unit_of(app.settings.events.profile), live=live)
    cache = list_cache(app.settings, metrics)
    keeper = FreshnessKeeper(pool, fresh, shelf, failed=failed, others=traffic.in_use if traffic else no_others)
    keeper.start()
    try:
        choosers = _choosers(app) if entries is not None else None
        users = _known_users(app, metrics, fresh, failed=failed, entries=entries, choosers=choosers)
        lists = _kept_lists(app, cache, metrics, fresh_seconds=app.settings.cache.fresh_seconds)
        shared = _kept_lists(app, cache, metrics, fresh_seconds=app.settings.cache.shared_seconds)
        hides = followed_hides(app, told=lists.told)
        with having_precomputed(app, pool) as ready, _gone_through(choosers):
            yield Freshness(users, lists, shelf, hides, fresh.lost_sight, failed, shared, ready)
    finally:
        keeper.stop()
        cache.close()


@contextmanager
def hearing_of_events(app: App, metrics: MetricSink, fresh: Freshness) -> Iterator[EventDoor]:
    """Follow the events that another process takes and applies; none are taken here.

    Raises:
        Unavailable: The store cannot be asked now.
    """
    from tacit.data.intake import EventsElsewhere
    from tacit.serving.applied_follower import AppliedFollower

    follower = AppliedFollower(app.event_store, told=fresh.told, lost_sight=fresh.lost_sight, failed=fresh.failed)
    metrics.watch(catalogue.EVENTS_KNOWN, lambda: follower.turn)
    follower.start()
    try:
        yield EventsElsewhere()
    finally:
        follower.stop()


def _fresh_users(app: App, metrics: MetricSink, failed: Failed) -> FreshUsers:
    from tacit.serving.fresh_users import FreshUsers

    half_life_days = app.settings.events.half_life_days
    return FreshUsers(
        app.event_store, deadline=spared_reads("events", metrics), failed=failed, half_life_days=half_life_days
    )


def _choosers(app: App) -> Choosers | None:
    """Who may have chosen something; a reader hears of no choice, and would find out too late."""
    from tacit.serving.choosers import Choosers

    return None if app.settings.serving.role == "reader" else Choosers(app.catalog, fresh_seconds=FRESH_SECONDS)


def _gone_through(choosers: Choosers | None) -> AbstractContextManager[None]:
    """Have those who chose something be found out again before what is known of them counts no longer."""
    if choosers is None:
        return nullcontext()
    return repeated(choosers.refresh, name="choosers", every_seconds=FRESH_SECONDS / 3)


def _known_users(
    app: App,
    metrics: MetricSink,
    fresh: FreshUsers,
    *,
    failed: Failed,
    entries: UserEntries | None,
    choosers: Choosers | None,
) -> KnownUsers:
    from tacit.data.event_values import unit_of
    from tacit.serving.known_users import KnownUsers

    return KnownUsers(
        fresh,
        unit=unit_of(app.settings.events.profile),
        coldstart=coldstart_of(app),
        entries=entries,
        deadline=spared_reads("catalogue", metrics),
        failed=failed,
        # What was chosen at another process's door nobody tells us of.
        choices_seconds=_READERS_SECONDS if app.settings.serving.role == "reader" else FRESH_SECONDS,
        choosers=choosers,
    )


def _kept_lists(app: App, cache: ListCache, metrics: MetricSink, *, fresh_seconds: float) -> KeptLists:
    from tacit.serving.kept_lists import KeptLists

    stale_seconds = app.settings.cache.stale_seconds
    return KeptLists(cache, clock=time.time, metrics=metrics, fresh_seconds=fresh_seconds, stale_seconds=stale_seconds)


def _counting_failures(metrics: MetricSink) -> Failed:
    """Count every failure, and tell of one a minute at most: while a store is away, each list has one."""
    import structlog

    logger = structlog.get_logger(__name__)
    told_at = [-_SECONDS_BETWEEN_WARNINGS]

    def failed(error: Exception) -> None:
        metrics.increment(catalogue.FRESHNESS_FAILURES)
        if time.monotonic() - told_at[0] < _SECONDS_BETWEEN_WARNINGS:
            return
        told_at[0] = time.monotonic()
        if isinstance(error, TacitError):
            logger.warning("freshness_lost", code=error.code, detail=error.detail)
        else:
            logger.error("freshness_lost", exc_info=error)

    return failed
