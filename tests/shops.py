"""A small storefront on real parts, for the suites that open its pages: a trained, signed, promoted model behind it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from tacit.adapters.memory import MemoryExposureLog, MemoryMetricSink
from tacit.data.catalog import Item
from tacit.data.datasets import SnapshotRules, freeze
from tacit.entrypoints.api.app import create_app
from tacit.entrypoints.storefront.pages import storefront_router
from tacit.models.recommender.als import AlsSettings
from tacit.models.recommender.workload import RecommenderWorkload
from tacit.serving.exposures import ExposureQueue
from tacit.serving.model_pool import ModelPool
from tacit.serving.recommend import RecommendationService
from tests.communities import Row, interactions
from tests.registries import memory_bench

ATTACK = "<img src=x onerror=alert(1)>"
GUITARS = (
    "Slow Rivers", "Paper Kites", "Amber Finches", "The Velvet Herons", "Mossy Bridges", "Copper Sailors",
    "Rainy Postcards", "Winter Orchards", "Hollow Canals", "Golden Marmots", "Quiet Islands", "Linen Tides",
)  # fmt: skip
MACHINES = (
    "Neon Satellites", "Lunar Elevators", "Cobalt Meteors", "Electric Otters", "Glass Pendulums", "Solar Magnets",
    "Indigo Planets", "Mirrored Clocks", "Orbiting Teapots", "Starlit Tramways", "Azure Voyagers", ATTACK,
)  # fmt: skip
ODD_ID = "a/b?c=d&e #1"
"""The id of `Paper Kites`: whatever goes into an address has to come out of it again."""


def id_of(title: str) -> str:
    """The id of an artist."""
    return ODD_ID if title == "Paper Kites" else f"artist-{(*GUITARS, *MACHINES).index(title) + 1}"


def listening_catalogue() -> list[Item]:
    """The artists, each of one of two tastes."""
    guitars = [Item(id_of(title), title, ("folk", "calm") if at % 2 else ("folk",)) for at, title in enumerate(GUITARS)]
    machines = [Item(id_of(title), title, ("electronic", "calm")) for title in MACHINES]
    return guitars + machines


def listening_rows() -> list[Row]:
    """Sixty listeners with one of two tastes, a third of whom also met something of the other."""
    rows: list[Row] = []
    for user in range(60):
        own, other = (GUITARS, MACHINES) if user % 2 else (MACHINES, GUITARS)
        liked = [title for at, title in enumerate(own) if (at * 7 + user * 5) % 12 < 7]
        strays = [other[user % 12]] if user % 3 == 0 else []
        rows.extend((f"l{user}", id_of(title), 3.0 + at) for at, title in enumerate([*liked, *strays]))
    return rows


@dataclass(frozen=True)
class Shop:
    """A storefront that can be asked, and what stands behind it."""

    app: FastAPI
    exposures: ExposureQueue
    pool: ModelPool

    def break_tastes(self) -> None:
        """Let every personal list fail."""
        self.pool.current().model.__dict__["index"] = None

    def break_titles(self) -> None:
        """Let every search fail in a way that nobody foresaw."""
        self.pool.current().__dict__["titles"] = None


@contextmanager
def open_shop(
    home: Path,
    *,
    dataset: str = "synthetic-listening",
    example_users: tuple[str, ...] = ("l1", "l2"),
    promote: bool = True,
) -> Iterator[Shop]:
    """Train, sign, promote, and put the application with its pages in front of it."""
    snapshot = freeze(interactions(listening_rows()), listening_catalogue(), SnapshotRules())
    workload = RecommenderWorkload(AlsSettings(factors=4, iterations=6))
    model = workload.fit(snapshot).model
    bench = memory_bench(home)
    bench.register(write=lambda folder: workload.save(model, folder))
    if promote:
        bench.release.promote("recommender", 1, actor="ann")
    metrics = MemoryMetricSink()
    pool = ModelPool(bench.registry, bench.versions, workload.load, metrics=metrics, clock=lambda: 1_767_355_200.0)
    exposures = ExposureQueue(MemoryExposureLog())
    numbers = itertools.count(1)
    service = RecommendationService(
        pool, exposures, metrics, clock=lambda: 1_767_355_200.0, new_id=lambda: f"list-{next(numbers)}"
    )
    pages = storefront_router(service, dataset=lambda: dataset, example_users=example_users)
    pool.refresh()
    try:
        yield Shop(create_app(service, pool, metrics, version="0", extra_routers=(pages,)), exposures, pool)
    finally:
        exposures.close()
