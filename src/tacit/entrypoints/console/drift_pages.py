"""How far the world has moved from what the model learnt, and whether that costs anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from fastapi import APIRouter, Request, Response
from starlette.responses import JSONResponse

from tacit.entrypoints.console.charts import DrawnChart, drawn_of
from tacit.entrypoints.console.frame import ROOT, ConsolePages, shown
from tacit.monitoring.charts import PlainChart

DRIFT = f"{ROOT}/drift"
LOOKS = 500
"""How many looks the chart goes back."""


class Looked(Protocol):
    """One look, as a chart over time shows it."""

    @property
    def at_ms(self) -> int: ...
    @property
    def overall(self) -> float | None: ...


class DriftDesk(Protocol):
    """Where somebody asks how far the world has moved."""

    @property
    def thresholds(self) -> Any:
        """Scores that mean something: `warn` and `retrain`."""
        ...

    def latest(self) -> Any:
        """The last look: what moved, what quality should be by now, and what it is; `None` if there was none."""
        ...

    def history(self, *, limit: int = 200) -> Sequence[Any]:
        """The last looks, oldest first."""
        ...


_CHART = PlainChart(
    "drift",
    "How far it has moved",
    "0 is nothing, 1 is another world; above the second line a training is asked for",
    "score",
    "lines",
    (("overall", "ink-0"), ("warn", "ink-warn"), ("retrain", "ink-bad")),
    dashed=frozenset({"warn", "retrain"}),
)


def drift_pages(frame: ConsolePages, desk: DriftDesk | None) -> APIRouter:
    """The pages over a desk; without one they say that nobody looks."""
    pages, router = DriftPages(frame, desk), frame.router()
    shown(router, "/drift", pages.drift)
    shown(router, "/drift/figures", pages.figures)
    shown(router, "/drift/live", pages.live)
    return router


class DriftPages:
    """Shows the last look, and those before it."""

    def __init__(self, frame: ConsolePages, desk: DriftDesk | None) -> None:
        self._frame, self._desk = frame, desk

    def drift(self, request: Request) -> Response:
        """Drift, estimated and measured quality side by side, and every feature."""
        has_any = self._desk is not None and self._desk.latest() is not None
        return self._frame.page(
            request,
            "drift.html",
            here="drift",
            live=f"{DRIFT}/live" if self._desk else "",
            figures=f"{DRIFT}/figures" if has_any else "",
            chart=self._chart() if has_any else None,
            **self._facts(),
        )

    async def live(self, request: Request) -> Response:
        """The same, once somebody has looked again."""
        return self._frame.stream(
            request, self._frame.part(request, "drift-state", "_drift_state.html", facts=self._facts)
        )  # fmt: skip

    def figures(self) -> Response:
        """What the chart is drawn from."""
        at, values = self._points()
        told = {"drift": {"at": [each / 1_000 for each in at], "values": values}}
        return JSONResponse({"charts": told}, headers={"Cache-Control": "no-store"})

    def _facts(self) -> dict[str, Any]:
        if self._desk is None:
            return {"is_looked_for": False, "report": None, "thresholds": None}
        return {"is_looked_for": True, "report": self._desk.latest(), "thresholds": self._desk.thresholds}

    def _points(self) -> tuple[list[int], list[list[float | None]]]:
        if self._desk is None:
            return [], [[], [], []]
        looks: Sequence[Looked] = self._desk.history(limit=LOOKS)
        known = self._desk.thresholds
        lines: list[list[float | None]] = [[known.warn] * len(looks), [known.retrain] * len(looks)]
        return [each.at_ms for each in looks], [[each.overall for each in looks], *lines]

    def _chart(self) -> DrawnChart:
        at, values = self._points()
        return drawn_of(_CHART, at, values, over="all looks that are kept", waiting="The next look draws it.")
