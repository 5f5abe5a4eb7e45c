"""What answering questions takes, wired over the platform for as long as a server runs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tacit.bootstrap.app import MODEL, App
from tacit.bootstrap.browsing import browsing_over, chosen_moods, rehearsals_of
from tacit.bootstrap.catalogue import item_desk, live_catalogue, polled, user_desk
from tacit.bootstrap.guarding import Guards, guarding
from tacit.bootstrap.hiding import hiding_desk
from tacit.bootstrap.host_numbers import measuring
from tacit.bootstrap.repeating import now_ms, repeated
from tacit.bootstrap.tracing import traced
from tacit.monitoring.interfaces import MetricSink
from tacit.monitoring.tracing import Tracer
from tacit.serving.exposures import ExposureLog
from tacit.settings import SettingsInForce

if TYPE_CHECKING:
    from tacit.adapters.prometheus import PrometheusSink
    from tacit.bootstrap.freshness import Freshness
    from tacit.data.intake import EventDoor
    from tacit.rollout.training_desk import TrainingDesk
    from tacit.serving.browsing import Browsing
    from tacit.serving.catalogue_desk import CatalogueDesk
    from tacit.serving.exposures import ExposureQueue
    from tacit.serving.health import Role
    from tacit.serving.hides import HidingDesk
    from tacit.serving.live_catalogue import FollowedCatalogue
    from tacit.serving.memory_ladder import MemoryLadder
    from tacit.serving.model_pool import ModelPool
    from tacit.serving.recommend import RecommendationService
    from tacit.serving.traffic_follower import TrafficFollower
    from tacit.serving.user_desk import UserDesk

SERVING_LOCK = "serving.lock"


def serving_lock(in_force: SettingsInForce) -> AbstractContextManager[int | None]:
    """Keeps every other process from serving from the same home, for as long as it is entered; readers keep nobody.

    What it is entered with is the lock's descriptor, to be handed to a worker that is to keep it as well.

    Raises:
        Misconfigured: `home_unusable`.
        Unavailable: `home_in_use`, saying by whom; on entering.
    """
    from tacit.adapters.homes import usable_home
    from tacit.adapters.locks import held_lock

    if in_force.settings.serving.role == "reader":
        return nullcontext()
    return held_lock(usable_home(in_force.settings.home) / SERVING_LOCK, "serving")


def serving_process(in_force: SettingsInForce) -> Mapping[str, object] | None:
    """What the process that serves from this home says of itself; `None` if there is none."""
    from tacit.adapters.locks import holder

    return holder(in_force.settings.home.resolve() / SERVING_LOCK)


@dataclass(frozen=True)
class Serving:
    """What answering questions takes, for as long as a server runs."""

    service: RecommendationService
    pool: ModelPool
    metrics: PrometheusSink
    intake: EventDoor
    items: CatalogueDesk
    users: UserDesk
    traffic: TrafficFollower
    training: TrainingDesk
    hiding: HidingDesk
    memory: MemoryLadder
    guards: Guards
    browsing: Browsing
    role: Role = "all"
    tracer: Tracer | None = None


@contextmanager
def serving(app: App) -> Iterator[Serving]:
    """Wire what a server needs over the platform; at the end every exposure that waits is written.

    Raises:
        Unavailable, Misconfigured: The event log cannot be opened, or the catalogue not be read.
    """
    from tacit.adapters.prometheus import PrometheusSink
    from tacit.bootstrap.ab import keeping_ab
    from tacit.bootstrap.freshness import following
    from tacit.bootstrap.jobs import keeping_jobs
    from tacit.bootstrap.overload import keeping_memory
    from tacit.bootstrap.rollout_keeping import keeping_rollouts
    from tacit.bootstrap.traffic import counted, followed, traffic_follower

    metrics = PrometheusSink()
    pool, catalogue, queue = _pool(app, metrics), live_catalogue(app, metrics), _queue(app)
    with counted(app) as tallies, traced(app.settings, metrics) as tracer:
        traffic = traffic_follower(app, pool, tallies)
        with following(app, pool, metrics, entries=chosen_moods(app), traffic=traffic, live=catalogue) as fresh:
            service = _service(app, pool, queue, metrics=metrics, fresh=fresh, live=catalogue, traffic=traffic)
            with (
                polled(catalogue, fresh.hides),
                # Before any version is loaded: who did something since is asked once, and told from then on.
                _event_door(app, pool, metrics, live=catalogue, fresh=fresh, is_traced=tracer is not None) as intake,
                followed(traffic),
                _looked_after(app, pool, metrics),
                keeping_rollouts(app, metrics),
                keeping_ab(app, metrics),
                keeping_jobs(app, metrics) as training,
                keeping_memory(app.settings, metrics, fresh.shed) as memory,
                guarding(app, metrics) as guards,
                browsing_over(app, pool, service, metrics=metrics) as browsing,
            ):
                try:
                    items, users = item_desk(app, catalogue, pool), user_desk(app, catalogue, pool, told=fresh.chose)
                    hiding = hiding_desk(app, fresh.hides, catalogue, pool=pool)
                    desks, role = (items, users, traffic, training, hiding), app.settings.serving.role
                    yield Serving(service, pool, metrics, intake, *desks, memory, guards, browsing, role, tracer)
                finally:
                    queue.close()


def _queue(app: App) -> ExposureQueue:
    from tacit.adapters.threads import step_back
    from tacit.serving.exposures import ExposureQueue

    kept = app.settings.exposures
    return ExposureQueue(app.exposures, capacity=kept.capacity, flush_seconds=kept.flush_seconds, begin=step_back)


def _event_door(
    app: App, pool: ModelPool, metrics: MetricSink, *, live: FollowedCatalogue, fresh: Freshness, is_traced: bool
) -> AbstractContextManager[EventDoor]:
    """Take events, or hear of those that another process takes."""
    from tacit.bootstrap.event_relay import handed_on, open_to_readers
    from tacit.bootstrap.events import taking_events
    from tacit.bootstrap.freshness import hearing_of_events

    if app.settings.serving.role == "reader":
        return handed_on(app, hearing_of_events(app, metrics, fresh))
    taking = taking_events(
        app, pool, metrics, live=live, told=fresh.told, lost_sight=fresh.lost_sight, is_traced=is_traced
    )
    return open_to_readers(app, taking)


def _service(
    app: App,
    pool: ModelPool,
    queue: ExposureQueue,
    *,
    metrics: MetricSink,
    fresh: Freshness,
    live: FollowedCatalogue,
    traffic: TrafficFollower,
) -> RecommendationService:
    from tacit.adapters.journal import log_serving_event
    from tacit.bootstrap.freshness import coldstart_of
    from tacit.serving.naming import new_name
    from tacit.serving.recommend import RecommendationService, ServingLimits

    return RecommendationService(
        pool,
        queue,
        metrics,
        clock=time.time,
        new_id=new_name,
        limits=ServingLimits(
            coldstart=coldstart_of(app),
            unknown_user=app.settings.serving.unknown_user,
            **app.settings.answering.model_dump(),
        ),
        users=fresh.users,
        lists=fresh.lists,
        shelf=fresh.shelf,
        precomputed=fresh.precomputed,
        observe=log_serving_event,
        catalogue=live,
        traffic=traffic,
        hides=fresh.hides,
        shared=fresh.shared,
        rehearsals=rehearsals_of(app),
    )


def _pool(app: App, metrics: MetricSink) -> ModelPool:
    from tacit.adapters.journal import log_serving_event
    from tacit.serving.model_pool import ModelPool

    return ModelPool(
        app.registry,
        app.versions,
        app.workload.load,
        metrics=metrics,
        name=MODEL,
        observe=log_serving_event,
        poll_seconds=app.settings.serving.refresh_seconds,
    )


@contextmanager
def _looked_after(app: App, pool: ModelPool, metrics: MetricSink) -> Iterator[None]:
    """Have old exposures removed, and measure how the machine, the version and the trails stand."""
    with _pruned(app.exposures, keep_days=app.settings.exposures.keep_days), measuring(app, pool, metrics):
        yield


def _pruned(log: ExposureLog, *, keep_days: int) -> AbstractContextManager[None]:
    """Remove exposures past their age now and every hour."""

    def prune() -> None:
        log.prune(now_ms() - keep_days * 86_400_000)

    return repeated(prune, name="exposure-pruning", every_seconds=3_600)
