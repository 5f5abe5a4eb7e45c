"""Measurements between processes: a registry's as plain values, and plain values as what a registry exports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from tacit.monitoring.adding_up import Family, Sample


def families_of(registry: CollectorRegistry) -> list[Family]:
    """Everything a registry exports now."""
    return [Family(each.name, each.type, each.documentation, tuple(_samples_of(each))) for each in registry.collect()]


def registry_of(read: Callable[[], Iterable[Family]]) -> CollectorRegistry:
    """A registry that exports what is read each time it is asked."""
    registry = CollectorRegistry()
    registry.register(_Read(read))
    return registry


def as_values(families: Iterable[Family]) -> list[Any]:
    """Families as JSON may hold them."""
    return [
        [each.name, each.kind, each.help, [[one.name, one.labels, one.value] for one in each.samples]]
        for each in families
    ]


def from_values(values: Sequence[Any]) -> list[Family]:
    """The same back."""
    return [
        Family(name, kind, text, tuple(Sample(of, tuple((k, v) for k, v in labels), at) for of, labels, at in samples))
        for name, kind, text, samples in values
    ]


def _samples_of(metric: Metric) -> Iterator[Sample]:
    for sample in metric.samples:
        yield Sample(sample.name, tuple(sample.labels.items()), sample.value)


class _Read(Collector):
    def __init__(self, read: Callable[[], Iterable[Family]]) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        # Named beforehand, nothing is measured only to be registered.
        return []

    def collect(self) -> Iterator[Metric]:
        for family in self._read():
            metric = Metric(family.name, family.help, family.kind)
            for sample in family.samples:
                metric.add_sample(sample.name, dict(sample.labels), sample.value)
            yield metric
