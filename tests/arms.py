"""A stage on which users are divided: versions whose lists tell them apart, and all that follows the plan."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import count
from pathlib import Path

from tacit.adapters.memory import MemoryExposureLog, MemoryMetricSink
from tacit.adapters.memory_cache import MemoryListCache
from tacit.adapters.memory_store import MemoryEventStore
from tacit.adapters.memory_traffic import MemoryArmTrafficStore, MemoryTrafficStore
from tacit.data.catalog import Item
from tacit.models.recommender.model import RecommenderModel
from tacit.registry.versions import Version
from tacit.rollout.arm_traffic import ArmCounts
from tacit.rollout.traffic import Arm, Split
from tacit.serving.answers import Answer
from tacit.serving.arm_tallies import ArmTallies
from tacit.serving.events import ServingEvent
from tacit.serving.exposures import ExposureQueue
from tacit.serving.fresh_users import FreshUsers
from tacit.serving.freshness_keeper import FreshnessKeeper
from tacit.serving.interfaces import Loader
from tacit.serving.kept_lists import KeptLists
from tacit.serving.known_users import KnownUsers
from tacit.serving.ladder import USUAL_RUNGS
from tacit.serving.model_pool import ModelPool
from tacit.serving.newcomer_shelf import NewcomerShelf
from tacit.serving.recommend import RecommendationService
from tacit.serving.traffic_follower import TrafficFollower
from tests.registries import Bench, sql_bench
from tests.stages import WORKLOAD, small_model

ROLLOUT = "rollout-1"
HALF = "canary-50"


@cache
def marked_model(mark: str, seed: int = 1) -> RecommenderModel:
    """A small version, every title of which begins with a mark; of another seed, its lists are other ones too."""
    model = small_model(seed)
    items = [Item(each.item_id, f"{mark} {each.title}", each.categories, each.tags) for each in model.items]
    return replace(model, items=items)


def marks_of(answer: Answer) -> set[str]:
    """The marks of the versions that an answer's words come from, reasons included."""
    titles = (title for item in answer.items for title in (item.title, *(why.title for why in item.because)))
    return {title.partition(" ")[0] for title in titles}


def split(*, stage: str = HALF, canary: int | None = 2, share: float = 0.5, **settings: float) -> Split:
    """A part of the users to a canary, all others to the champion."""
    named = {name.replace("__", "."): value for name, value in settings.items()}
    arms = (Arm("canary", share, canary, named), Arm("champion", 1 - share))
    return Split(ROLLOUT, stage, arms)


@dataclass
class DividedStage:
    """The serving room with everything that a server has, over one registry."""

    bench: Bench
    pool: ModelPool
    traffic: TrafficFollower
    plans: MemoryTrafficStore
    counts: MemoryArmTrafficStore
    tallies: ArmTallies
    service: RecommendationService
    users: KnownUsers
    log: MemoryExposureLog
    exposures: ExposureQueue
    store: MemoryEventStore
    events: list[ServingEvent] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def register(self, mark: str, seed: int = 1) -> Version:
        """A version that passed its gate; its number says which of the registered it is."""
        return self.bench.register(write=lambda folder: WORKLOAD.save(marked_model(mark, seed), folder))

    def promote(self, number: int) -> None:
        self.bench.release.promote("recommender", number, actor="ann")
        self.pool.refresh()

    def divide(self, divided: Split | None) -> None:
        """Have the plan say so, and this process follow it now."""
        self.plans.set_split("recommender", divided, split_id=ROLLOUT)
        self.traffic.refresh()

    def counted(self, arm: str, stage: str = HALF) -> ArmCounts:
        """What the store was handed of an arm, this moment included."""
        self.tallies.flush()
        return self.counts.counts(ROLLOUT, stage).get(arm, ArmCounts())

    def users_of(self, divided: Split, arm: str) -> list[str]:
        """The users the champion knows who are in an arm."""
        return [each for each in self.pool.current().model.user_ids if divided.arm_of(each).name == arm]


@contextmanager
def divided_stage(home: Path, *, load: Loader = WORKLOAD.load, keeps_lists: bool = False) -> Iterator[DividedStage]:
    """A stage on real files and a real database: versions 1 (`one`) and 2 (`two`), of which the first is champion."""
    with sql_bench(home) as bench:
        made = _made(bench, load, keeps_lists=keeps_lists)
        made.register("one", 1)
        made.register("two", 2)
        made.promote(1)
        try:
            yield made
        finally:
            made.traffic.stop()
            made.pool.stop()
            made.exposures.close()


def _made(bench: Bench, load: Loader, *, keeps_lists: bool) -> DividedStage:
    events: list[ServingEvent] = []
    failures: list[Exception] = []
    metrics, log, store = MemoryMetricSink(), MemoryExposureLog(), MemoryEventStore()
    exposures = ExposureQueue(log, flush_seconds=0.01)
    pool = ModelPool(bench.registry, bench.versions, load, metrics=metrics, observe=events.append)
    plans, counts = MemoryTrafficStore(), MemoryArmTrafficStore()
    tallies = ArmTallies(counts, failed=failures.append)
    traffic = TrafficFollower(plans, pool, tallies, observe=events.append, poll_seconds=0.02, retry_seconds=0.0)
    fresh, shelf = FreshUsers(store, failed=failures.append), NewcomerShelf(store, unit="plays")
    users = KnownUsers(fresh, unit="plays", coldstart=USUAL_RUNGS, failed=failures.append)
    keeper = FreshnessKeeper(pool, fresh, shelf, failed=failures.append, others=traffic.in_use)
    pool.prepare_with(keeper.prepare)
    lists = KeptLists(MemoryListCache(), clock=time.time, metrics=metrics) if keeps_lists else None
    names = count(1)
    service = RecommendationService(
        pool,
        exposures,
        metrics,
        clock=time.time,
        new_id=lambda: f"answer-{next(names)}",
        users=users,
        lists=lists,
        shelf=shelf,
        observe=events.append,
        traffic=traffic,
    )
    return DividedStage(
        bench, pool, traffic, plans, counts, tallies, service, users, log, exposures, store, events, failures
    )


def home_with_two_versions(home: Path) -> Path:
    """A home as a platform has it, with the versions 1 (`one`) and 2 (`two`), of which the first is champion."""
    home.mkdir(parents=True, exist_ok=True)
    with sql_bench(home) as bench:
        for seed, mark in enumerate(("one", "two"), start=1):
            model = marked_model(mark, seed)
            bench.register(write=lambda folder, model=model: WORKLOAD.save(model, folder))  # type: ignore[misc]
        bench.release.promote("recommender", 1, actor="ann")
    return home


def failing_load(number: int, fails: Callable[[], bool]) -> Loader:
    """Loads versions of which one fails at whatever it is asked, whenever a function says so."""

    def load(folder: Path) -> RecommenderModel:
        model = WORKLOAD.load(folder)
        return Failing.of(model, fails) if folder.name == str(number) else model

    return load


class Failing(RecommenderModel):
    """A version that finds nothing when it is told not to."""

    @classmethod
    def of(cls, model: RecommenderModel, fails: Callable[[], bool]) -> Failing:
        own = cls.__new__(cls)
        own.__dict__.update(model.__dict__)
        own.__dict__["fails"] = fails
        return own

    def find(self, *args: object, **options: object) -> object:  # type: ignore[override]
        if self.__dict__["fails"]():
            raise RuntimeError("the version fails")
        return super().find(*args, **options)  # type: ignore[arg-type]
