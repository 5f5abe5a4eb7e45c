"""Metrics for Prometheus: the catalogue as collectors of a registry of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from tacit.adapters.counted_series import Counted, series_of, wrong_kind
from tacit.monitoring.metric import Metric
from tacit.monitoring.metrics import CATALOGUE

Read = Callable[[], float]


class PrometheusSink:
    """A `MetricSink` that Prometheus can scrape, beside what the process itself uses.

    Attributes:
        registry: Everything measured here, for the listener that exports it.
    """

    def __init__(self, catalogue: Iterable[Metric] = CATALOGUE) -> None:
        self.registry = CollectorRegistry()
        self._measured = {metric.name: _Measured(metric) for metric in catalogue}
        self._known: dict[tuple[object, ...], Counted] = {}
        self._lock = threading.Lock()
        for each in self._measured.values():
            self.registry.register(each)
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def increment(self, metric: Metric, amount: float = 1.0, /, **labels: str) -> None:
        self._series(metric, labels).increment(amount)

    def set(self, metric: Metric, value: float, /, **labels: str) -> None:
        self._series(metric, labels).set(value)

    def observe(self, metric: Metric, value: float, /, **labels: str) -> None:
        self._series(metric, labels).observe(value)

    def series(self, metric: Metric, /, **labels: str) -> Counted:
        return self._series(metric, labels)

    def watch(self, metric: Metric, read: Read, /, **labels: str) -> None:
        if metric.kind == "histogram":
            raise wrong_kind(metric, "counter or gauge")
        key = metric.key(labels)
        with self._lock:
            self._measured[metric.name].watch(key, read)

    def drop(self, metric: Metric, /, **labels: str) -> None:
        values = metric.key(labels)
        if values:
            with self._lock:
                self._measured[metric.name].series.pop(values, None)
                gone = [asked for asked in self._known if asked[0] == metric.name]
                for asked in gone:
                    del self._known[asked]

    def value(self, metric: Metric, /, **labels: str) -> float:
        return self._measured[metric.name].value(metric.key(labels))

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def _series(self, metric: Metric, labels: dict[str, str]) -> Counted:
        known = self._known.get((metric.name, *labels.items()))
        return self._found(metric, labels) if known is None else known

    def _found(self, metric: Metric, labels: dict[str, str]) -> Counted:
        values = metric.key(labels)
        with self._lock:
            found = self._known[metric.name, *labels.items()] = self._measured[metric.name].at(values)
        return found


class _Measured(Collector):
    """A metric's series; where somebody else keeps the values of some, those nobody offered yet stand at 0."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._keys = [metric.key(known) for known in metric.known_series()]
        self.series: dict[tuple[str, ...], Counted] = {key: series_of(metric) for key in self._keys}
        self._reads: dict[tuple[str, ...], Read] = {}

    def at(self, key: tuple[str, ...]) -> Counted:
        """The series of so many label values, from now on if there was none."""
        return self.series.setdefault(key, series_of(self._metric))

    def watch(self, key: tuple[str, ...], read: Read) -> None:
        """Have a series' value asked for; those kept here step aside."""
        if not self._reads:
            self._reads = {known: lambda: 0.0 for known in self._keys}
        self._reads[key] = read

    def value(self, key: tuple[str, ...]) -> float:
        """What a series stands at; 0 where there is none."""
        if self._reads:
            return self._reads[key]() if key in self._reads else 0.0
        found = self.series.get(key)
        return 0.0 if found is None else found.value

    def describe(self) -> Iterable[Family]:
        return [self._empty()]

    def collect(self) -> Iterable[Family]:
        return [self._watched() if self._reads else self._counted()]

    def _counted(self) -> Family:
        family, names = self._empty(), tuple(self._metric.labels)
        for key, series in list(self.series.items()):
            own = dict(zip(names, key, strict=True))
            for suffix, more, value in series.readings():
                family.add_sample(family.name + suffix, {**own, **more}, value)
        return family

    def _watched(self) -> Family:
        kind = CounterMetricFamily if self._metric.kind == "counter" else GaugeMetricFamily
        family = kind(self._metric.name, self._metric.help, labels=tuple(self._metric.labels))
        for values, read in list(self._reads.items()):
            family.add_metric(values, read())
        return family

    def _empty(self) -> Family:
        """Its name as Prometheus has it: `_total` is said with each sample of a counter."""
        is_count = self._metric.kind == "counter"
        name = self._metric.name.removesuffix("_total") if is_count else self._metric.name
        return Family(name, self._metric.help, self._metric.kind)
