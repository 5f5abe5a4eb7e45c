"""What the console looks at, wired: what was measured lately, and the version in use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tacit.bootstrap.app import App
from tacit.bootstrap.repeating import now_ms, repeated
from tacit.bootstrap.serving import Serving
from tacit.bootstrap.workers import workers_standing
from tacit.monitoring.adding_up import Family
from tacit.monitoring.recent import EVERY_SECONDS, RecentFigures

_METRICS_HOST = "127.0.0.1"


@dataclass(frozen=True)
class Figures:
    """What was measured lately.

    Attributes:
        recent: The figures.
        keeping: Has them taken for as long as it is entered.
    """

    recent: RecentFigures
    keeping: Callable[[], AbstractContextManager[None]]


def figures_over(app: App, parts: Serving) -> Figures:
    """What a server, or all workers beside each other, measured lately.

    One process reads what it measures itself.  One of several asks their supervisor, who adds up what all of them did,
    as whoever scrapes `/metrics` does; the more there are, the more rarely, for each question goes to every worker.
    """
    count = app.settings.workers.count
    recent = RecentFigures(_measure(app, parts), now_ms)

    def keeping() -> AbstractContextManager[None]:
        return repeated(recent.take, name="recent-figures", every_seconds=EVERY_SECONDS * count)

    return Figures(recent, keeping)


def _measure(app: App, parts: Serving) -> Callable[[], Iterable[Family]]:
    from tacit.adapters.prometheus_families import families_of
    from tacit.adapters.prometheus_scrape import scraped

    address = f"http://{_METRICS_HOST}:{app.settings.metrics_on}/metrics"

    def measure() -> Iterable[Family]:
        if workers_standing(app.in_force) is None:
            return families_of(parts.metrics.registry)
        return scraped(address)

    return measure


def champion_of(parts: Serving) -> tuple[str, float] | None:
    """The version in use, and since when in milliseconds since 1970; `None` while there is none."""
    loaded = parts.pool.loaded
    return None if loaded is None else (loaded.label, loaded.loaded_at * 1_000)


def database_lost_since(parts: Serving) -> int | None:
    """Since when the database cannot be asked, in milliseconds since 1970; `None` while it can."""
    lost = parts.pool.lost
    return parts.pool.lost_since_ms if lost is not None and lost.code.startswith("database_") else None


def installation_of(parts: Serving) -> dict[str, object]:
    """What the frame of every page shows."""
    loaded = parts.pool.loaded
    if loaded is None:
        return {"installation": "no model yet", "champion": None}
    return {"installation": loaded.manifest.dataset, "champion": loaded.label}
