"""What was measured lately, kept in the memory of a process: live charts without anybody else's database.

Readings are taken every few seconds and kept in rings, finer for what is near and coarser for what lies back, so that a
day costs no more than some thousand small tuples, however long a process lives.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tacit.monitoring.adding_up import Family
from tacit.monitoring.charts import CHARTS, Chart
from tacit.monitoring.figures import Figure, Reading, measured

EVERY_SECONDS = 5.0
"""Between two readings where a process measures itself."""


@dataclass(frozen=True)
class Range:
    """How far back one looks, and how closely.

    Attributes:
        name: As an address has it.
        seconds: How far.
        every: Seconds between two readings that are kept for it.
    """

    name: str
    seconds: int
    every: int


RANGES: tuple[Range, ...] = (Range("15m", 900, 5), Range("1h", 3_600, 20), Range("24h", 86_400, 300))
"""The ranges that can be asked for, the finest first."""

_BY_NAME = {each.name: each for each in RANGES}


@dataclass(frozen=True)
class Moment:
    """All readings of one moment.

    Attributes:
        at_ms: When, in milliseconds since 1970.
        readings: What each chart's figures remember, in their order.
    """

    at_ms: int
    readings: Mapping[str, tuple[Reading, ...]]


@dataclass(frozen=True)
class Points:
    """What a chart shows.

    Attributes:
        at_ms: The end of each stretch that a point stands for.
        values: For each series, its value for each of these; `None` where nothing can be said.
    """

    at_ms: tuple[int, ...] = ()
    values: tuple[tuple[float | None, ...], ...] = ()


class _Ring:
    """The moments of one range."""

    def __init__(self, wanted: Range) -> None:
        self.moments: deque[Moment] = deque(maxlen=wanted.seconds // wanted.every + 1)
        # A little early is on time: clocks of threads are not exact.
        self._apart_ms = wanted.every * 900

    def take(self, moment: Moment) -> None:
        if not self.moments or moment.at_ms - self.moments[-1].at_ms >= self._apart_ms:
            self.moments.append(moment)


class RecentFigures:
    """What the charts are drawn from.  Readings are taken by one thread, and asked for by any.

    Args:
        measure: Tells everything that is measured now.
        clock_ms: Tells the time in milliseconds since 1970.
        charts: What is kept.
    """

    def __init__(
        self,
        measure: Callable[[], Iterable[Family]],
        clock_ms: Callable[[], int],
        charts: Sequence[Chart] = CHARTS,
    ) -> None:
        self._measure, self._clock_ms = measure, clock_ms
        self._charts = {chart.chart_id: chart for chart in charts}
        self._rings = tuple(_Ring(each) for each in RANGES)
        self._lock = threading.Lock()

    def take(self, at_ms: int | None = None) -> None:
        """Read what is measured now, and keep it as of a moment: now, unless another is given."""
        now = measured(self._measure())
        readings = {
            chart.chart_id: tuple(figure.reading(now) for figure, _ in chart.series)
            for chart in self._charts.values()
        }  # fmt: skip
        with self._lock:
            moment = Moment(self._clock_ms() if at_ms is None else at_ms, readings)
            if self._rings[0].moments and moment.at_ms < self._rings[0].moments[-1].at_ms:
                self._forget()  # the clock was set back
            for ring in self._rings:
                ring.take(moment)

    @property
    def has_any(self) -> bool:
        """Whether there are two moments to tell anything of."""
        return len(self._rings[0].moments) > 1

    def points(self, chart_id: str, range_name: str, *, since_ms: int = 0) -> Points:
        """What a chart shows over a range.

        Args:
            chart_id: The chart.
            range_name: Name of the range; one that is not known is the finest.
            since_ms: Only points behind this moment.

        Raises:
            KeyError: There is no such chart.
        """
        chart = self._charts[chart_id]
        moments = self._moments(range_of(range_name))
        pairs = [(then, now) for then, now in pairwise(moments) if now.at_ms > since_ms]
        series = (self._told(chart, at, pairs) for at in range(len(chart.series)))
        return Points(tuple(now.at_ms for _, now in pairs), tuple(series))

    def over(self, chart_id: str, range_name: str) -> tuple[float | None, ...]:
        """What each series of a chart came to over a whole range: the mean rate, the quantile of all of it.

        Raises:
            KeyError: There is no such chart.
        """
        chart = self._charts[chart_id]
        moments = self._moments(range_of(range_name))
        if len(moments) < 2:
            return (None,) * len(chart.series)
        return tuple(self._told(chart, at, [(moments[0], moments[-1])])[0] for at in range(len(chart.series)))

    def since_ms(self, range_name: str) -> int:
        """The moment that a range reaches back to now."""
        return self._clock_ms() - range_of(range_name).seconds * 1_000

    def chart(self, chart_id: str) -> Chart:
        """Raises `KeyError` if there is none."""
        return self._charts[chart_id]

    def _told(self, chart: Chart, at: int, pairs: Sequence[tuple[Moment, Moment]]) -> tuple[float | None, ...]:
        figure = chart.series[at][0]
        return tuple(_value(figure, chart.chart_id, at, then=then, now=now) for then, now in pairs)

    def _moments(self, wanted: Range) -> list[Moment]:
        """The moments of a range: its own ring, and from finer ones what came after the last of it."""
        since = self._clock_ms() - wanted.seconds * 1_000
        found: list[Moment] = []
        with self._lock:
            for ring in reversed(self._rings[: RANGES.index(wanted) + 1]):
                last = found[-1].at_ms if found else since - 1
                found += [each for each in ring.moments if each.at_ms > last]
        return found

    def _forget(self) -> None:
        for ring in self._rings:
            ring.moments.clear()


def range_of(name: str) -> Range:
    """The range of a name; the finest for one that is not known."""
    return _BY_NAME.get(name, RANGES[0])


def _value(figure: Figure, chart_id: str, at: int, *, then: Moment, now: Moment) -> float | None:
    seconds = (now.at_ms - then.at_ms) / 1_000
    return figure.value(then.readings[chart_id][at], now.readings[chart_id][at], seconds)
