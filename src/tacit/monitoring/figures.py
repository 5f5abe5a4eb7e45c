"""What a chart is drawn from: a figure reads what was measured, and says what it came to between two readings (pure).

A counter is read as it stands and told as its rise; a histogram's classes likewise, so that a quantile is one of the
time between two readings and not of all time.  What was read before a process began anew counts from nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Protocol

from tacit.monitoring.adding_up import Family, Sample
from tacit.monitoring.metric import Metric

Reading = tuple[float, ...]
"""What a figure remembers of one moment."""
Where = Mapping[str, str]
"""Which series are meant: a pattern for the value of a label, such as `5*`; one that begins with `!` shuts out."""


@dataclass(frozen=True)
class Measured:
    """Everything that was measured at one moment, by the names of the samples."""

    samples: Mapping[str, Sequence[Sample]]

    def of(self, name: str, where: Where) -> list[Sample]:
        """The samples of a name whose labels fit."""
        return [each for each in self.samples.get(name, ()) if _fits(dict(each.labels), where)]

    def total(self, name: str, where: Where) -> float:
        """Their sum, passing over those that are no number; NaN where there is none at all."""
        known = [each.value for each in self.of(name, where) if not math.isnan(each.value)]
        return sum(known) if known else math.nan


def measured(families: Iterable[Family]) -> Measured:
    """Families, found by the names of their samples."""
    found: dict[str, list[Sample]] = {}
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample)
    return Measured(found)


class Figure(Protocol):
    """One series of a chart."""

    @property
    def label(self) -> str:
        """What it is called."""
        ...

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What it is read from."""
        ...

    def reading(self, now: Measured) -> Reading:
        """What is remembered of a moment."""
        ...

    def value(self, before: Reading, after: Reading, seconds: float) -> float | None:
        """What it came to between two moments so many seconds apart; `None` where nothing can be said."""
        ...


@dataclass(frozen=True)
class Rate:
    """How fast a counter rises, per second; of several series, all together.

    Attributes:
        per: Seconds that it is told for: 60 for so many a minute.
    """

    label: str
    metric: Metric
    where: Where = field(default_factory=dict)
    per: float = 1.0

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (self.metric,)

    def reading(self, now: Measured) -> Reading:
        return (now.total(self.metric.name, self.where),)

    def value(self, before: Reading, after: Reading, seconds: float) -> float | None:
        rise = _rise(before[0], after[0])
        return None if rise is None or seconds <= 0 else rise / seconds * self.per


@dataclass(frozen=True)
class Level:
    """What a gauge stands at; of several series, all together."""

    label: str
    metric: Metric
    where: Where = field(default_factory=dict)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (self.metric,)

    def reading(self, now: Measured) -> Reading:
        return (now.total(self.metric.name, self.where),)

    def value(self, before: Reading, after: Reading, seconds: float) -> float | None:
        return after[0] if math.isfinite(after[0]) else None


@dataclass(frozen=True)
class Share:
    """Of what one counter rises by, the share that is of some series: errors of all requests."""

    label: str
    metric: Metric
    where: Where
    of: Metric
    of_where: Where = field(default_factory=dict)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (self.metric, self.of)

    def reading(self, now: Measured) -> Reading:
        return now.total(self.metric.name, self.where), now.total(self.of.name, self.of_where)

    def value(self, before: Reading, after: Reading, seconds: float) -> float | None:
        whole = _rise(before[1], after[1])
        # A series that is not there yet has counted nothing.
        part = _rise(_or_zero(before[0]), _or_zero(after[0]))
        return None if not whole or part is None else min(1.0, part / whole)


@dataclass(frozen=True)
class Quantile:
    """What a share of the observations of a histogram stayed below, straight between the bounds of its classes."""

    label: str
    metric: Metric
    share: float
    where: Where = field(default_factory=dict)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (self.metric,)

    def reading(self, now: Measured) -> Reading:
        counts = dict.fromkeys((*self.metric.buckets, math.inf), 0.0)
        for sample in now.of(f"{self.metric.name}_bucket", self.where):
            bound = float(dict(sample.labels)["le"])
            counts[bound] = counts.get(bound, 0.0) + sample.value
        return tuple(counts.values())

    def value(self, before: Reading, after: Reading, seconds: float) -> float | None:
        rises = [_rise(then, now) or 0.0 for then, now in zip(before, after, strict=True)]
        return quantile((*self.metric.buckets, math.inf), rises, self.share)


def quantile(bounds: Sequence[float], counts: Sequence[float], share: float) -> float | None:
    """What a share of some observations stayed below.

    Args:
        bounds: Upper bounds of the classes, rising, the last one infinite.
        counts: How many observations were at most each bound.
        share: From 0 to 1.

    Returns:
        `None` without observations; the last finite bound for what lies beyond it.
    """
    total = counts[-1]
    if total <= 0:
        return None
    rank, lower, below = share * total, 0.0, 0.0
    for bound, count in zip(bounds, counts, strict=True):
        if count >= rank and count > below:
            return lower if math.isinf(bound) else lower + (bound - lower) * (rank - below) / (count - below)
        lower, below = (lower if math.isinf(bound) else bound), count
    return lower


def _rise(before: float, after: float) -> float | None:
    """By how much a counter rose; one that fell began anew, and what was not there yet stood at nothing."""
    if math.isnan(after):
        return None
    return after if math.isnan(before) or after < before else after - before


def _or_zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _fits(labels: Mapping[str, str], where: Where) -> bool:
    return all(_matches(labels.get(name, ""), pattern) for name, pattern in where.items())


def _matches(value: str, pattern: str) -> bool:
    if pattern.startswith("!"):
        return not fnmatchcase(value, pattern[1:])
    return fnmatchcase(value, pattern)
