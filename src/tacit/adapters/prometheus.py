"""Metrics for Prometheus: the catalogue as collectors of a registry of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from tacit.monitoring.metric import Metric
from tacit.monitoring.metrics import CATALOGUE

Instrument = Counter | Gauge | Histogram
Read = Callable[[], float]


class PrometheusSink:
    """A `MetricSink` that Prometheus can scrape, beside what the process itself uses.

    Attributes:
        registry: Everything measured here, for the listener that exports it.
    """

    def __init__(self, catalogue: Iterable[Metric] = CATALOGUE) -> None:
        self.registry = CollectorRegistry()
        self._instruments: dict[str, Instrument] = {}
        self._series_known: dict[tuple[object, ...], Instrument] = {}
        self._watched: dict[str, _Watched] = {}
        self._lock = threading.Lock()
        for metric in catalogue:
            self._instruments[metric.name] = self._made(metric)
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def increment(self, metric: Metric, amount: float = 1.0, /, **labels: str) -> None:
        series = self._series(metric, labels)
        if not isinstance(series, Counter):
            raise _wrong_kind(metric, "counter")
        series.inc(amount)

    def set(self, metric: Metric, value: float, /, **labels: str) -> None:
        series = self._series(metric, labels)
        if not isinstance(series, Gauge):
            raise _wrong_kind(metric, "gauge")
        series.set(value)

    def observe(self, metric: Metric, value: float, /, **labels: str) -> None:
        series = self._series(metric, labels)
        if not isinstance(series, Histogram):
            raise _wrong_kind(metric, "histogram")
        series.observe(value)

    def watch(self, metric: Metric, read: Read, /, **labels: str) -> None:
        if metric.kind == "histogram":
            raise _wrong_kind(metric, "counter or gauge")
        with self._lock:
            if metric.name not in self._watched:
                # Its series are asked for from now on, so the collector that would have kept them steps aside.
                self.registry.unregister(self._instruments[metric.name])
                self._watched[metric.name] = _Watched(metric)
                self.registry.register(self._watched[metric.name])
            self._watched[metric.name].reads[metric.key(labels)] = read

    def drop(self, metric: Metric, /, **labels: str) -> None:
        values = metric.key(labels)
        if values:
            self._instruments[metric.name].remove(*values)
            gone = [asked for asked in list(self._series_known) if asked[0] == metric.name]
            for asked in gone:
                self._series_known.pop(asked, None)

    def value(self, metric: Metric, /, **labels: str) -> float:
        metric.key(labels)
        name = f"{metric.name}_count" if metric.kind == "histogram" else metric.name
        return self.registry.get_sample_value(name, labels) or 0.0

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def _series(self, metric: Metric, labels: dict[str, str]) -> Instrument:
        asked = (metric.name, *labels.items())
        known = self._series_known.get(asked)
        if known is None:
            values = metric.key(labels)
            instrument = self._instruments[metric.name]
            known = self._series_known[asked] = instrument.labels(*values) if values else instrument
        return known

    def _made(self, metric: Metric) -> Instrument:
        names = tuple(metric.labels)
        instrument: Instrument
        if metric.kind == "histogram":
            instrument = Histogram(metric.name, metric.help, names, registry=self.registry, buckets=metric.buckets)
        else:
            kind = Counter if metric.kind == "counter" else Gauge
            instrument = kind(metric.name, metric.help, names, registry=self.registry)
        for known in metric.known_series():
            if known:
                instrument.labels(**known)
        return instrument


class _Watched(Collector):
    """Series whose values somebody else keeps; those nobody offered yet stand at 0."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self.reads: dict[tuple[str, ...], Read] = {
            metric.key(known): lambda: 0.0 for known in metric.known_series()
        }  # fmt: skip

    def collect(self) -> Iterator[Family]:
        kind = CounterMetricFamily if self._metric.kind == "counter" else GaugeMetricFamily
        family = kind(self._metric.name, self._metric.help, labels=tuple(self._metric.labels))
        for values, read in list(self.reads.items()):
            family.add_metric(values, read())
        yield family


def _wrong_kind(metric: Metric, asked: str) -> ValueError:
    return ValueError(f"{metric.name} is a {metric.kind}, not a {asked}")
