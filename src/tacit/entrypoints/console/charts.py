"""Charts on a page: what stands there before a script runs, the figures it asks for, and those it is told of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from starlette.responses import JSONResponse

from tacit.entrypoints.console import wording
from tacit.entrypoints.console.frame import ROOT, ConsolePages, shown
from tacit.entrypoints.console.live import Source, Told
from tacit.errors import BadInput
from tacit.monitoring.charts import BY_ID, PlainChart, Unit
from tacit.monitoring.recent import RANGES, Points, RecentFigures, range_of

FIGURES = f"{ROOT}/figures"
MOST_CHARTS = 12
"""Most charts of one page."""

_WORDS: Mapping[Unit, Callable[[float | None], str]] = {
    "rate": wording.number,
    "count": wording.number,
    "seconds": wording.duration,
    "share": wording.percent,
    "score": wording.score,
}
_UNIT_NAMES: Mapping[Unit, str] = {
    "rate": "per second",
    "count": "count",
    "seconds": "time",
    "share": "share",
    "score": "score",
}


@dataclass(frozen=True)
class DrawnSeries:
    """One series in words.

    Attributes:
        label: What it is called.
        colour: Its ink.
        latest, mean, highest: What it came to in the range.
    """

    label: str
    colour: str
    latest: str
    mean: str
    highest: str


@dataclass(frozen=True)
class DrawnChart:
    """A chart as the template's `chart` sets it.

    Attributes:
        spec: What the script draws it by, as JSON.
        summary: The same in one sentence, for whoever does not see it.
        waiting: What stands in its place until there is something to draw.
    """

    chart_id: str
    title: str
    note: str
    unit_name: str
    series: tuple[DrawnSeries, ...]
    spec: str
    summary: str
    waiting: str


def drawn(recent: RecentFigures, chart_id: str, range_name: str) -> DrawnChart:
    """A chart over a range.

    Raises:
        KeyError: There is no such chart.
    """
    points = recent.points(chart_id, range_name)
    waiting = "The first figures come within seconds of the start."
    return drawn_of(recent.chart(chart_id).plain, points.at_ms, points.values, over=range_name, waiting=waiting)


def drawn_of(
    chart: PlainChart, at_ms: Sequence[int], values: Sequence[Sequence[float | None]], *, over: str, waiting: str
) -> DrawnChart:
    """A chart over points of any origin.

    Args:
        chart: How it looks.
        at_ms: The time of each point, in milliseconds since 1970.
        values: For each series, its value at each of these.
        over: What the points reach over, in words.
        waiting: What is said in its place where there are fewer than two of them.
    """
    rows = values if at_ms else [()] * len(chart.inks)
    series = tuple(_series(chart, each, row) for each, row in zip(chart.inks, rows, strict=True))
    said = ", ".join(f"{each.label} {each.latest} (highest {each.highest})" for each in series)
    unit = _UNIT_NAMES[chart.unit]
    return DrawnChart(
        chart.chart_id,
        chart.title,
        chart.note,
        unit,
        series,
        json.dumps(_spec(chart)),
        f"{chart.title}, {unit}, over {over}: {said}.",
        "Being drawn …" if len(at_ms) > 1 else waiting,
    )


def drawn_all(recent: RecentFigures, chart_ids: Sequence[str], range_name: str) -> dict[str, DrawnChart]:
    """Several charts by their ids, for a template to place."""
    return {chart_id: drawn(recent, chart_id, range_name) for chart_id in chart_ids}


def checked_range(name: str) -> str:
    """The name of a range that there is; the finest for any other."""
    return range_of(name).name


def ranges(path: str) -> list[tuple[str, str]]:
    """The ranges as choices of a page: pairs of a name and an address."""
    return [(each.name, f"{path}?range={each.name}") for each in RANGES]


def figures_address(range_name: str) -> str:
    """Where a page's script asks for the figures of its charts: the fact `figures` of a page that has any."""
    return f"{FIGURES}?range={range_name}"


def feed(recent: RecentFigures, chart_ids: Sequence[str], range_name: str, *, since_ms: int = 0) -> Source:
    """A source of the points that come, named by their time, so that who comes back is told what they missed."""

    def read(last: str) -> Sequence[Told]:
        known = int(last) if last.isascii() and last.isdecimal() and len(last) < 16 else since_ms
        found = {chart_id: recent.points(chart_id, range_name, since_ms=known) for chart_id in chart_ids}
        latest = max((each.at_ms[-1] for each in found.values() if each.at_ms), default=0)
        if not latest:
            return ()
        facts = {"charts": {name: _plain(each) for name, each in found.items()}}
        return [Told("figures", {**facts, "from": recent.since_ms(range_name) / 1_000}, str(latest))]

    return read


def figure_routes(frame: ConsolePages, recent: RecentFigures) -> APIRouter:
    """The route that charts are drawn from."""
    router = frame.router()

    def figures(chart: Annotated[list[str] | None, Query()] = None, range: str = "15m") -> Response:  # noqa: A002 - the name in the address
        wanted = checked_charts(chart or [])
        found = {each: _plain(recent.points(each, range)) for each in wanted}
        return JSONResponse({"range": range_of(range).name, "charts": found}, headers={"Cache-Control": "no-store"})

    shown(router, "/figures", figures)
    return router


def checked_charts(names: Sequence[str]) -> list[str]:
    """Ids of charts as an address has them.

    Raises:
        BadInput: `chart_unknown`, `charts_too_many`.
    """
    if len(names) > MOST_CHARTS:
        raise BadInput("charts_too_many", f"At most {MOST_CHARTS} charts may be asked for.", field="chart")
    for name in names:
        if name not in BY_ID:
            raise BadInput(
                "chart_unknown", "There is no such chart.", field="chart", fix=f"There are: {', '.join(BY_ID)}."
            )
    return list(names)


def since_of(text: str) -> int:
    """A moment in milliseconds as an address has it; 0 for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


def _series(chart: PlainChart, inked: tuple[str, str], values: Sequence[float | None]) -> DrawnSeries:
    known = [value for value in values if value is not None]
    mean = sum(known) / len(known) if known else None
    word = _WORDS[chart.unit]
    return DrawnSeries(*inked, word(known[-1] if known else None), word(mean), word(max(known, default=None)))


def _spec(chart: PlainChart) -> dict[str, Any]:
    series = [
        {"label": label, "colour": colour, "dashed": label in chart.dashed} for label, colour in chart.inks
    ]  # fmt: skip
    return {"id": chart.chart_id, "unit": chart.unit, "kind": chart.kind, "series": series}


def _plain(points: Points) -> dict[str, Any]:
    return {"at": [at / 1_000 for at in points.at_ms], "values": [list(each) for each in points.values]}
