"""What monitoring asks of the outside world."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tacit.monitoring.metric import Metric


class Series(Protocol):
    """One series, found once and kept by who changes it often.

    It is of one kind: what is asked of other kinds alone raises `ValueError`.
    """

    def increment(self, amount: float = 1.0, /) -> None:
        """Add to a counter."""
        ...

    def set(self, value: float, /) -> None:
        """Say what a gauge stands at."""
        ...

    def observe(self, *values: float) -> None:
        """Add observations to a histogram."""
        ...


class MetricSink(Protocol):
    """Where measurements go; every series whose labels are known beforehand stands at 0 from the start.

    Each method raises `ValueError` for a metric of another kind, and for labels other than the metric's own.
    """

    def increment(self, metric: Metric, amount: float = 1.0, /, **labels: str) -> None:
        """Add to a counter; adding 0 makes a series appear."""
        ...

    def set(self, metric: Metric, value: float, /, **labels: str) -> None:
        """Say what a gauge stands at."""
        ...

    def observe(self, metric: Metric, value: float, /, **labels: str) -> None:
        """Add one observation to a histogram."""
        ...

    def series(self, metric: Metric, /, **labels: str) -> Series:
        """One series to be changed without being looked up each time; not for one that is ever dropped."""
        ...

    def watch(self, metric: Metric, read: Callable[[], float], /, **labels: str) -> None:
        """Ask somebody who counts already, each time the counter or gauge is read."""
        ...

    def drop(self, metric: Metric, /, **labels: str) -> None:
        """Let one series end, if it exists."""
        ...

    def value(self, metric: Metric, /, **labels: str) -> float:
        """What a series stands at, 0 if it does not exist; of a histogram, how many observations it has."""
        ...
