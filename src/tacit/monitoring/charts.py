"""The charts of the console, each declared once over the catalogue of metrics: title, unit, what is drawn (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tacit.monitoring import metrics as catalogue
from tacit.monitoring import overload_metrics as overload
from tacit.monitoring.figures import Figure, Level, Quantile, Rate, Share

Unit = Literal["rate", "seconds", "share", "count", "score"]
Kind = Literal["lines", "area", "stack"]
ChartSeries = tuple[Figure, str]
"""What is drawn, and the ink of the style sheet that it is drawn in."""

ANSWERS = {"route": "!/console*"}
"""All requests but the console's own: who looks at a chart must not move it."""


@dataclass(frozen=True)
class Chart:
    """One chart over what is measured.

    Attributes:
        chart_id: Names it in addresses and elements.
        title: What it shows, in a few words.
        note: In which unit, and what would be wrong.
        unit: How its figures are said.
        kind: `lines`, one filled `area`, or a `stack`.
        series: What is drawn.
    """

    chart_id: str
    title: str
    note: str
    unit: Unit
    kind: Kind
    series: tuple[ChartSeries, ...]

    @property
    def plain(self) -> PlainChart:
        """How it looks, without what it is drawn from."""
        inks = tuple((figure.label, ink) for figure, ink in self.series)
        return PlainChart(self.chart_id, self.title, self.note, self.unit, self.kind, inks)


@dataclass(frozen=True)
class PlainChart:
    """How a chart looks, whatever it is drawn from.

    Attributes:
        inks: What each series is called, and its ink.
        dashed: Names of those that are limits rather than measurements.
    """

    chart_id: str
    title: str
    note: str
    unit: Unit
    kind: Kind
    inks: tuple[tuple[str, str], ...]
    dashed: frozenset[str] = frozenset()


_SOURCE_INKS = dict(zip(catalogue.SOURCES, ("0", "1", "2", "3", "4", "5", "6", "7", "8"), strict=True))

CHARTS: tuple[Chart, ...] = (
    Chart(
        "traffic",
        "Traffic",
        "Requests a second, the console's own left out",
        "rate",
        "area",
        ((Rate("requests", catalogue.HTTP_REQUESTS, ANSWERS), "ink-0"),),
    ),
    Chart(
        "latency",
        "Latency",
        "Time to the last byte of an answer",
        "seconds",
        "lines",
        (
            (Quantile("p50", catalogue.HTTP_DURATION, 0.50, ANSWERS), "ink-low"),
            (Quantile("p95", catalogue.HTTP_DURATION, 0.95, ANSWERS), "ink-mid"),
            (Quantile("p99", catalogue.HTTP_DURATION, 0.99, ANSWERS), "ink-high"),
        ),
    ),
    Chart(
        "errors",
        "Errors",
        "Share of requests: ours from status 500 on, theirs from 400",
        "share",
        "lines",
        (
            (
                Share("ours", catalogue.HTTP_REQUESTS, {**ANSWERS, "status": "5*"}, catalogue.HTTP_REQUESTS, ANSWERS),
                "ink-bad",
            ),
            (
                Share("theirs", catalogue.HTTP_REQUESTS, {**ANSWERS, "status": "4*"}, catalogue.HTTP_REQUESTS, ANSWERS),
                "ink-warn",
            ),
        ),
    ),
    Chart(
        "sources",
        "Where lists come from",
        "Lists a second, by the step of the fallback chain that gave them",
        "rate",
        "stack",
        tuple(
            (Rate(source, catalogue.RECOMMENDATIONS, {"source": source}), f"ink-{ink}")
            for source, ink in _SOURCE_INKS.items()
        ),
    ),
    Chart(
        "degraded",
        "Degraded answers",
        "Share of lists that were not the ones we wanted to give",
        "share",
        "area",
        ((Share("degraded", catalogue.DEGRADED_ANSWERS, {}, catalogue.RECOMMENDATIONS), "ink-warn"),),
    ),
    Chart(
        "lag",
        "Events behind",
        "Events of the log that are not applied yet",
        "count",
        "area",
        ((Level("behind", catalogue.EVENT_LAG), "ink-6"),),
    ),
    Chart(
        "ingest",
        "Events that came in",
        "Events a second, by what their sender was told",
        "rate",
        "stack",
        (
            (Rate("stored", catalogue.EVENTS, {"outcome": "stored"}), "ink-0"),
            (Rate("deduplicated", catalogue.EVENTS, {"outcome": "deduplicated"}), "ink-5"),
            (Rate("quarantined", catalogue.EVENTS, {"outcome": "quarantined"}), "ink-warn"),
            (Rate("rejected", catalogue.EVENTS, {"outcome": "rejected"}), "ink-bad"),
        ),
    ),
    Chart(
        "pressure",
        "Room",
        "Requests at work, and how many questions may be at once",
        "count",
        "lines",
        (
            (Level("at work", overload.AT_WORK), "ink-0"),
            (Level("may be", overload.CONCURRENCY_LIMIT), "ink-5"),
        ),
    ),
)
"""Every chart there is; a page shows those it names."""

BY_ID = {chart.chart_id: chart for chart in CHARTS}
