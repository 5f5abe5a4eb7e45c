"""What comes in: how much, what becomes of it, and what history the models learn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from tacit.data.event_effects import EventCounts
from tacit.data.imports import ImportReport
from tacit.data.interfaces import HistoryStore
from tacit.entrypoints.console.charts import checked_range, drawn_all, feed, figures_address, ranges, since_of
from tacit.entrypoints.console.frame import ROOT, ConsolePages, shown
from tacit.errors import TacitError
from tacit.monitoring.recent import RecentFigures

DATA = f"{ROOT}/data"
CHARTS = ("ingest", "lag")
IMPORTS_SHOWN = 8
_INKS = {"stored": "0", "deduplicated": "5", "quarantined": "warn", "rejected": "bad"}
_FATES = {
    "stored": "applied, each once",
    "deduplicated": "were here before",
    "quarantined": "wait for a decision",
    "rejected": "refused at the door, or purged",
}
_WIDTH = 1_000


@dataclass(frozen=True)
class Fate:
    """One fate of the events that came in.

    Attributes:
        name: It.
        note: What it means.
        count: How many events had it.
        share: Of all that came in.
        ink: Its colour.
        left, width: Where its piece of the bar begins and how long it is, of a thousand.
    """

    name: str
    note: str
    count: int
    share: float
    ink: str
    left: float
    width: float


@dataclass(frozen=True)
class Account:
    """What became of everything that was sent: every event has one fate, or it is an alarm.

    Attributes:
        received: All of it.
        missing: Events without a fate, or below zero with two.
        fates: Each fate.
    """

    received: int
    missing: int
    fates: tuple[Fate, ...]


@dataclass(frozen=True)
class Inflow:
    """What the data page looks at.

    Attributes:
        recent: What was measured lately.
        counts: What became of every source's events, as the store has it.
        reasons: How many events are in quarantine, by reason.
        history: What was imported.
        dataset: The dataset that is trained on; an error where there is none.
    """

    recent: RecentFigures
    counts: Callable[[], Mapping[str, EventCounts]]
    reasons: Callable[[], Mapping[str, int]]
    history: HistoryStore
    dataset: Callable[[], str]


def data_routes(frame: ConsolePages, inflow: Inflow) -> APIRouter:
    """The page, and what keeps it told."""
    pages, router = DataPages(frame, inflow), frame.router()
    shown(router, "/data", pages.data)
    shown(router, "/data/live", pages.live)
    return router


class DataPages:
    """The page over what comes in."""

    def __init__(self, frame: ConsolePages, inflow: Inflow) -> None:
        self._frame, self._inflow = frame, inflow

    def data(self, request: Request, range: str = "15m") -> Response:  # noqa: A002 - the name in the address
        """How much comes in, the account of it, what is set aside, and the datasets."""
        name = checked_range(range)
        return self._frame.page(
            request,
            "data.html",
            here="data",
            live=f"{DATA}/live?range={name}",
            figures=figures_address(name),
            range=name,
            ranges=ranges(DATA),
            charts=drawn_all(self._inflow.recent, CHARTS, name),
            datasets=self._datasets(),
            training_on=self._training_on(),
            **self._facts(),
        )

    async def live(self, request: Request, range: str = "15m", since: str = "") -> Response:  # noqa: A002
        """The same as it changes."""
        name = checked_range(range)
        return self._frame.stream(
            request,
            self._frame.part(request, "data-state", "_data_state.html", facts=self._facts),
            feed(self._inflow.recent, CHARTS, name, since_ms=since_of(since)),
        )

    def _facts(self) -> dict[str, Any]:
        reasons = self._inflow.reasons()
        ordered = sorted(reasons.items(), key=lambda each: (-each[1], each[0]))
        return {"account": account_of(self._inflow.counts()), "reasons": ordered, "set_aside": sum(reasons.values())}

    def _datasets(self) -> list[tuple[str, Sequence[ImportReport]]]:
        """Each dataset with its latest imports, the one imported last first."""
        history = self._inflow.history
        return [
            (name, tuple(reversed(history.imports(name)))[:IMPORTS_SHOWN])
            for name in reversed(history.datasets())
        ]  # fmt: skip

    def _training_on(self) -> str | None:
        try:
            return self._inflow.dataset()
        except TacitError:
            return None


def account_of(counts: Mapping[str, EventCounts]) -> Account:
    """What became of the events of all sources together."""
    total = sum(counts.values(), EventCounts())
    left, fates = 0.0, []
    for name, note in _FATES.items():
        count: int = getattr(total, name)
        share = count / total.received if total.received else 0.0
        fates.append(Fate(name, note, count, share, f"ink-{_INKS[name]}", left, share * _WIDTH))
        left += share * _WIDTH
    return Account(total.received, total.missing, tuple(fates))
