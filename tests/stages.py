"""A small platform that serves: a made-up community, real versions in a real registry, and a real server if asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import httpx2
from fastapi import FastAPI

from tacit.adapters.memory import MemoryExposureLog, MemoryMetricSink
from tacit.data.catalog import Item
from tacit.data.datasets import SnapshotRules, freeze
from tacit.data.interactions import Interactions
from tacit.entrypoints.api.app import create_app
from tacit.entrypoints.api.server import ApiServer
from tacit.models.recommender.als import AlsSettings
from tacit.models.recommender.model import RecommenderModel
from tacit.models.recommender.workload import RecommenderWorkload
from tacit.registry.versions import Version
from tacit.serving.events import ServingEvent
from tacit.serving.exposures import ExposureQueue
from tacit.serving.model_pool import ModelPool
from tacit.serving.recommend import RecommendationService, ServingLimits
from tests.communities import Row, interactions, rows_of, two_tastes
from tests.registries import Bench, sql_bench

ODD_USER = "who/../../popular?limit=1#x%2F;"
ODD_ITEM = "50% /.. #1?"
NEWCOMER = "newcomer"
RARE = "rare"
WORKLOAD = RecommenderWorkload(AlsSettings(factors=4, iterations=12))
METRICS = {"ndcg@10": 0.25, "recall@10": 0.2}


def community() -> Interactions:
    """Two tastes, somebody new, an item that nearly nobody met, and ids that look like addresses."""
    rows: list[Row] = rows_of(two_tastes(users=40, items=30))
    rows += [(ODD_USER, f"i{place:03}", 3.0) for place in range(7)]
    rows += [(f"u{place:03}", ODD_ITEM, 2.0) for place in range(0, 12, 2)]
    rows += [(NEWCOMER, "i001", 1.0), ("u001", RARE, 1.0)]
    return interactions(rows)


def catalogue(found: Interactions) -> tuple[Item, ...]:
    """Items are `low` or `high` by the half they belong to, the rare one is `odd`."""
    titles = {RARE: "Sigur Rós", ODD_ITEM: "The 50% Band"}
    groups = {RARE: "odd", ODD_ITEM: "low"}
    return tuple(
        Item(
            item_id,
            titles.get(item_id, f"Artist {item_id}"),
            (groups.get(item_id, "low" if item_id < "i015" else "high"),),
            ("made-up",),
        )
        for item_id in found.item_ids
    )


@cache
def small_model(seed: int = 1) -> RecommenderModel:
    found = community()
    snapshot = freeze(found, catalogue(found), SnapshotRules())
    return RecommenderWorkload(AlsSettings(factors=4, iterations=12, seed=seed)).fit(snapshot).model


@dataclass(frozen=True)
class Stage:
    """The serving room over a registry, with all that it tells."""

    bench: Bench
    pool: ModelPool
    service: RecommendationService
    metrics: MemoryMetricSink
    exposures: ExposureQueue
    log: MemoryExposureLog
    events: list[ServingEvent] = field(default_factory=list)

    def register(self, seed: int = 1, metrics: dict[str, float] | None = None) -> Version:
        model = small_model(seed)
        return self.bench.register(write=lambda folder: WORKLOAD.save(model, folder), metrics=metrics or METRICS)

    def release(self, seed: int = 1, metrics: dict[str, float] | None = None) -> Version:
        """Register a version and promote it, as another process would: the pool is not told."""
        version = self.register(seed, metrics)
        self.bench.release.promote("recommender", version.number, actor="ann")
        return version


def stage_over(bench: Bench, *, limits: ServingLimits | None = None, poll_seconds: float = 0.05) -> Stage:
    events: list[ServingEvent] = []
    metrics, log = MemoryMetricSink(), MemoryExposureLog()
    exposures = ExposureQueue(log, flush_seconds=0.01)
    pool = ModelPool(
        bench.registry,
        bench.versions,
        WORKLOAD.load,
        metrics=metrics,
        observe=events.append,
        poll_seconds=poll_seconds,
    )
    names = iter(range(1, 1_000_000))
    service = RecommendationService(
        pool,
        exposures,
        metrics,
        clock=time.time,
        new_id=lambda: f"answer-{next(names)}",
        limits=limits,
        observe=events.append,
    )
    return Stage(bench, pool, service, metrics, exposures, log, events)


@contextmanager
def stage(home: Path, *, limits: ServingLimits | None = None) -> Iterator[Stage]:
    """A stage on real files and a real database, nothing promoted yet."""
    with sql_bench(home) as bench:
        made = stage_over(bench, limits=limits)
        try:
            yield made
        finally:
            made.pool.stop()
            made.exposures.close()


@contextmanager
def served(made: Stage) -> Iterator[httpx2.Client]:
    """The stage behind a real server on a free port, and a client for it."""
    app = create_app(made.service, made.pool, made.metrics, version="0.0.1", memory=lambda: 0.5)
    with listening(app) as client:
        yield client


@contextmanager
def listening(app: FastAPI) -> Iterator[httpx2.Client]:
    """An application behind a real server on a free port, and a client for it."""
    server = ApiServer(app, port=0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.is_started)
        with httpx2.Client(base_url=server.address, timeout=10) as client:
            yield client
    finally:
        server.stop()
        thread.join()


def wait_until(holds: object, *, seconds: float = 20.0) -> float:
    """Wait until a function says yes; how long that took."""
    started = time.monotonic()
    while not holds():  # type: ignore[operator]
        assert time.monotonic() - started < seconds, "waited too long"
        time.sleep(0.005)
    return time.monotonic() - started


def spoil(folder: Path, name: str) -> None:
    """Flip one bit in the middle of a file of a version."""
    path = folder / name
    path.chmod(0o644)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
