"""Series of numbers that cost next to nothing to change: samples are made of them only when somebody reads.

A change is an addition under a lock that nobody holds for longer than another addition takes.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from threading import Lock

from prometheus_client.utils import INF, floatToGoString

from tacit.monitoring.metric import Kind, Metric

Reading = tuple[str, dict[str, str], float]
"""A sample of a series: what is added to the metric's name, the labels beside the series' own, and the value."""


class Counted:
    """A series of any kind; what is asked of other kinds alone raises `ValueError`."""

    __slots__ = ("_created", "_lock", "_metric")

    def __init__(self, metric: Metric) -> None:
        self._metric, self._lock, self._created = metric, Lock(), time.time()

    def increment(self, amount: float = 1.0, /) -> None:
        raise wrong_kind(self._metric, "counter")

    def set(self, value: float, /) -> None:
        raise wrong_kind(self._metric, "gauge")

    def observe(self, *values: float) -> None:
        raise wrong_kind(self._metric, "histogram")

    @property
    def value(self) -> float:
        """What it stands at; of a histogram, how many observations it has."""
        raise NotImplementedError

    def readings(self) -> Iterator[Reading]:
        """What is exported of it, in Prometheus' own order."""
        raise NotImplementedError

    def _began(self) -> Iterator[Reading]:
        if not _is_beginning_left_out():
            yield "_created", {}, self._created


class Count(Counted):
    """A counter's series."""

    __slots__ = ("_value",)

    def __init__(self, metric: Metric) -> None:
        super().__init__(metric)
        self._value = 0.0

    def increment(self, amount: float = 1.0, /) -> None:
        if amount < 0:
            raise ValueError(f"{self._metric.name} only rises")
        with self._lock:
            self._value += amount

    @property
    def value(self) -> float:
        return self._value

    def readings(self) -> Iterator[Reading]:
        yield "_total", {}, self._value
        yield from self._began()


class Level(Counted):
    """A gauge's series."""

    __slots__ = ("_value",)

    def __init__(self, metric: Metric) -> None:
        super().__init__(metric)
        self._value = 0.0

    def set(self, value: float, /) -> None:
        self._value = float(value)

    @property
    def value(self) -> float:
        return self._value

    def readings(self) -> Iterator[Reading]:
        yield "", {}, self._value


class Spread(Counted):
    """A histogram's series."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, metric: Metric) -> None:
        super().__init__(metric)
        self._bounds = metric.buckets
        self._counts = [0] * (len(metric.buckets) + 1)
        self._sum = 0.0

    def observe(self, *values: float) -> None:
        with self._lock:
            for value in values:
                self._counts[bisect_left(self._bounds, value)] += 1
                self._sum += value

    @property
    def value(self) -> float:
        with self._lock:
            return float(sum(self._counts))

    def readings(self) -> Iterator[Reading]:
        with self._lock:
            counts, total = self._counts.copy(), self._sum
        upto = list(accumulate(counts))
        for bound, count in zip((*self._bounds, INF), upto, strict=True):
            yield "_bucket", {"le": _spelled(bound)}, float(count)
        yield "_count", {}, float(upto[-1])
        if self._bounds[0] >= 0:  # a sum that can fall is no count
            yield "_sum", {}, total
        yield from self._began()


@cache
def _spelled(bound: float) -> str:
    return str(floatToGoString(bound))  # type: ignore[no-untyped-call]


def series_of(metric: Metric) -> Counted:
    """A series of a metric, at 0."""
    kinds: dict[Kind, type[Counted]] = {"counter": Count, "gauge": Level, "histogram": Spread}
    return kinds[metric.kind](metric)


def wrong_kind(metric: Metric, asked: str) -> ValueError:
    """What is said to who takes a metric for one of another kind."""
    return ValueError(f"{metric.name} is a {metric.kind}, not a {asked}")


def _is_beginning_left_out() -> bool:
    """Whether an operator wants no `_created` samples, said as Prometheus' own client has it."""
    return os.environ.get("PROMETHEUS_DISABLE_CREATED_SERIES", "").lower() in ("true", "1", "t")
