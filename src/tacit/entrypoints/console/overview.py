"""The first page: whether all is well, and if not, where it is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from tacit.entrypoints.console import wording
from tacit.entrypoints.console.charts import (
    checked_range,
    drawn_all,
    feed,
    figures_address,
    ranges,
    since_of,
)
from tacit.entrypoints.console.frame import ROOT, ConsolePages, shown
from tacit.entrypoints.console.standing import Standing, standings
from tacit.monitoring.recent import RecentFigures

CHARTS = ("traffic", "latency", "errors", "sources", "degraded", "lag")

Components = Callable[[], Mapping[str, Any]]
"""Tells how each part of the process stands."""


@dataclass(frozen=True)
class Tile:
    """One figure of the page, in words.

    Attributes:
        label: What it is.
        value: It.
        note: What it is held against.
        state: `good`, `warn`, `bad` or `empty`; nothing where it says nothing of how well it goes.
        href: Where more is told of it.
    """

    label: str
    value: str
    note: str = ""
    state: str = ""
    href: str = ""


@dataclass(frozen=True)
class Watched:
    """What the overview looks at.

    Attributes:
        recent: What was measured lately.
        components: How each part stands.
        champion: The version in use in words, if any, and since when (milliseconds since 1970).
        alerts: The alerts that fire now, as the alerts page knows them; `None` where nobody watches.
    """

    recent: RecentFigures
    components: Components
    champion: Callable[[], tuple[str, float] | None]
    alerts: Callable[[], Sequence[Any] | None] = lambda: None


def overview_routes(frame: ConsolePages, watched: Watched) -> APIRouter:
    """The page, and what keeps it told."""
    pages, router = OverviewPages(frame, watched), frame.router()
    shown(router, "", pages.overview)
    shown(router, "/overview/live", pages.live)
    return router


class OverviewPages:
    """The page over what is watched."""

    def __init__(self, frame: ConsolePages, watched: Watched) -> None:
        self._frame, self._watched = frame, watched

    def overview(self, request: Request, range: str = "15m") -> Response:  # noqa: A002 - the name in the address
        """Traffic, latency, errors, sources, what is degraded, the version in use, alerts, and every dependency."""
        name = checked_range(range)
        return self._frame.page(
            request,
            "overview.html",
            here="overview",
            live=f"{ROOT}/overview/live?range={name}",
            figures=figures_address(name),
            range=name,
            ranges=ranges(ROOT),
            charts=drawn_all(self._watched.recent, CHARTS, name),
            **self._facts(name),
        )

    async def live(self, request: Request, range: str = "15m", since: str = "") -> Response:  # noqa: A002
        """The same as it changes."""
        name = checked_range(range)
        return self._frame.stream(
            request,
            self._frame.part(request, "overview-state", "_overview_state.html", facts=lambda: self._facts(name)),
            feed(self._watched.recent, CHARTS, name, since_ms=since_of(since)),
        )

    def _facts(self, range_name: str) -> dict[str, Any]:
        return {
            "tiles": self._tiles(range_name),
            "standings": self._standings(),
            "alerts": self._watched.alerts(),
            "lost_since_ms": self._frame.lost_since_ms(),
            "is_empty": self._watched.champion() is None,
        }

    def _standings(self) -> list[Standing]:
        return standings(self._watched.components())

    def _tiles(self, name: str) -> list[Tile]:
        recent = self._watched.recent
        [traffic] = recent.over("traffic", name)
        latency, errors = recent.over("latency", name), recent.over("errors", name)
        [degraded] = recent.over("degraded", name)
        lag = recent.over("lag", "15m")[0]
        return [
            Tile("Requests a second", wording.number(traffic), f"mean of {name}", _known(traffic)),
            Tile("95 of 100 answers within", wording.duration(latency[1]), f"p99 {wording.duration(latency[2])}",
                 _over(latency[1], 0.5, 1.0)),
            Tile("Errors of ours", wording.percent(errors[0], 2), f"theirs {wording.percent(errors[1])}",
                 _over(errors[0], 0.001, 0.01)),
            Tile("Degraded lists", wording.percent(degraded), "not the list we wanted",
                 _over(degraded, 0.05, 0.25)),
            Tile("Events behind", wording.number(lag), "in the log, not applied", _over(lag, 1_000, 100_000),
                 f"{ROOT}/data"),
            self._champion(),
        ]  # fmt: skip

    def _champion(self) -> Tile:
        found = self._watched.champion()
        if found is None:
            return Tile("Model in use", "none", "train one, and promote it", "bad", f"{ROOT}/jobs")
        label, loaded_ms = found
        since = wording.ago(loaded_ms, self._frame.clock_ms())
        name, _, number = label.rpartition("/")
        return Tile("Model in use", f"version {number}", f"{name}, loaded {since}", "good", f"{ROOT}/models")


def _known(value: float | None) -> str:
    return "empty" if value is None else ""


def _over(value: float | None, warn: float, bad: float) -> str:
    if value is None:
        return "empty"
    return "bad" if value >= bad else "warn" if value >= warn else ""
