"""Everything in process: for tests, demonstrations and trials; gone when the process ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from tacit.errors import Refused
from tacit.monitoring.metric import Kind, Metric
from tacit.monitoring.metrics import CATALOGUE
from tacit.monitoring.tracing import Span
from tacit.registry.chain import sealed
from tacit.registry.interfaces import pruned_refusal
from tacit.registry.versions import Evidence, LedgerEntry, Origin, Pin, Promotion, Pruning, Version
from tacit.security.audit import AuditEntry
from tacit.security.audit_chain import AuditLink, linked
from tacit.security.trail_questions import ActQuestion, TrailPage, paged
from tacit.serving.exposures import Exposure


class MemoryVersionStore:
    """A `VersionStore` that keeps what it is told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers: dict[str, int] = {}
        self._versions: dict[tuple[str, int], Version] = {}
        self._ledger: list[LedgerEntry] = []
        self._challengers: dict[str, int] = {}
        self._pins: dict[tuple[str, int], Pin] = {}
        self._prunings: dict[tuple[str, int], Pruning] = {}
        self._origins: dict[tuple[str, int], Origin] = {}

    def next_number(self, name: str) -> int:
        with self._lock:
            self._numbers[name] = self._numbers.get(name, 0) + 1
            return self._numbers[name]

    def add(self, version: Version) -> None:
        key = (version.name, version.number)
        with self._lock:
            if key in self._versions:
                detail = f"{version.name}/{version.number} is registered already and never changes."
                raise Refused("version_immutable", detail, field="number")
            self._versions[key] = version

    def version(self, name: str, number: int) -> Version | None:
        found, pruned = self._versions.get((name, number)), self._prunings.get((name, number))
        return found if found is None or pruned is None else replace(found, pruned_at=pruned.at)

    def versions(self, name: str) -> Sequence[Version]:
        found = (self.version(*key) for key in sorted(self._versions) if key[0] == name)
        return [each for each in found if each is not None]

    def names(self) -> Sequence[str]:
        return sorted({name for name, _ in self._versions})

    def promotions(self, name: str) -> Sequence[Promotion]:
        return [entry.promotion for entry in self.ledger(name)]

    def ledger(self, name: str) -> Sequence[LedgerEntry]:
        return [entry for entry in self._ledger if entry.promotion.name == name]

    def promote(self, promotion: Promotion, *, expected: int | None, evidence: Evidence | None = None) -> LedgerEntry:
        with self._lock:
            ledger = self.ledger(promotion.name)
            champion = ledger[-1].promotion.to_number if ledger else None
            if champion != expected:
                detail = f"The champion of {promotion.name} is {champion}, no longer {expected}."
                raise Refused("alias_moved", detail, field="champion")
            self._refuse_pruned(promotion.name, promotion.to_number)
            entry = sealed(promotion, evidence, ledger[-1] if ledger else None)
            self._ledger.append(entry)
            return entry

    def challenger(self, name: str) -> int | None:
        return self._challengers.get(name)

    def set_challenger(self, name: str, number: int | None) -> None:
        with self._lock:
            if number is not None:
                self._refuse_pruned(name, number)
            self._challengers.pop(name, None)
            if number is not None:
                self._challengers[name] = number

    def pins(self, name: str) -> Sequence[Pin]:
        return [self._pins[key] for key in sorted(self._pins) if key[0] == name]

    def pin(self, pin: Pin) -> None:
        with self._lock:
            self._refuse_pruned(pin.name, pin.number)
            self._pins[pin.name, pin.number] = pin

    def unpin(self, name: str, number: int) -> bool:
        with self._lock:
            return self._pins.pop((name, number), None) is not None

    def prunings(self, name: str) -> Sequence[Pruning]:
        return [self._prunings[key] for key in sorted(self._prunings) if key[0] == name]

    def mark_pruned(self, pruning: Pruning) -> bool:
        with self._lock:
            return self._prunings.setdefault((pruning.name, pruning.number), pruning) is pruning

    def origins(self, name: str) -> Sequence[Origin]:
        return [self._origins[key] for key in sorted(self._origins) if key[0] == name]

    def add_origin(self, origin: Origin) -> None:
        self._origins[origin.name, origin.number] = origin

    def _refuse_pruned(self, name: str, number: int) -> None:
        if (name, number) in self._prunings:
            raise pruned_refusal(name, number)


class MemoryAuditTrail:
    """An `AuditTrail` that keeps what it is told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._links: list[AuditLink] = []

    def append(self, entry: AuditEntry) -> None:
        with self._lock:
            self._links.append(linked(entry, self._links[-1] if self._links else None))

    def entries(self, *, limit: int = 100) -> Sequence[AuditEntry]:
        return [link.entry for link in reversed(self._links)][:limit]

    def newest(self) -> AuditLink | None:
        return self._links[-1] if self._links else None

    def page(self, question: ActQuestion, *, before: int | None, limit: int) -> TrailPage[AuditLink]:
        """The latest entries that fit, of those before a place if one is given."""
        earlier = (each for each in reversed(self._links) if before is None or each.sequence < before)
        found = [each for each in earlier if question.fits(each)][: limit + 1]
        return paged(found, [each.sequence for each in found], limit=limit)

    def links(self) -> Sequence[AuditLink]:
        """The whole trail, oldest first."""
        return list(self._links)


class MemoryExposureLog:
    """An `ExposureLog` that keeps what it is told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._exposures: dict[str, Exposure] = {}

    def write(self, batch: Sequence[Exposure]) -> None:
        with self._lock:
            for exposure in batch:
                self._exposures.setdefault(exposure.recommendation_id, exposure)

    def recent(self, limit: int) -> Sequence[Exposure]:
        with self._lock:
            return sorted(self._exposures.values(), key=lambda each: (-each.at_ms, each.recommendation_id))[:limit]

    def count(self) -> int:
        return len(self._exposures)

    def prune(self, before_ms: int) -> int:
        with self._lock:
            kept = {key: each for key, each in self._exposures.items() if each.at_ms >= before_ms}
            pruned = len(self._exposures) - len(kept)
            self._exposures = kept
        return pruned


class MemorySpans:
    """A `SpanSink` that keeps what it is given."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def give(self, spans: Sequence[Span]) -> None:
        self.spans.extend(spans)


class MemoryMetricSink:
    """A `MetricSink` that keeps what it is told."""

    def __init__(self, catalogue: Iterable[Metric] = CATALOGUE) -> None:
        self._lock = threading.Lock()
        self._values: dict[tuple[str, tuple[str, ...]], float] = {
            (metric.name, metric.key(known)): 0.0 for metric in catalogue for known in metric.known_series()
        }
        self._reads: dict[tuple[str, tuple[str, ...]], Callable[[], float]] = {}

    def increment(self, metric: Metric, amount: float = 1.0, /, **labels: str) -> None:
        if amount < 0:
            raise ValueError(f"{metric.name} only rises")
        self._add(_series(metric, "counter", labels), amount)

    def set(self, metric: Metric, value: float, /, **labels: str) -> None:
        with self._lock:
            self._values[_series(metric, "gauge", labels)] = value

    def observe(self, metric: Metric, value: float, /, **labels: str) -> None:
        self._add(_series(metric, "histogram", labels), 1.0)

    def series(self, metric: Metric, /, **labels: str) -> MemorySeries:
        self._add((metric.name, metric.key(labels)), 0.0)
        return MemorySeries(self, metric, labels)

    def watch(self, metric: Metric, read: Callable[[], float], /, **labels: str) -> None:
        if metric.kind == "histogram":
            raise ValueError(f"{metric.name} is a histogram, which nobody else can count")
        self._reads[metric.name, metric.key(labels)] = read

    def drop(self, metric: Metric, /, **labels: str) -> None:
        with self._lock:
            self._values.pop((metric.name, metric.key(labels)), None)

    def value(self, metric: Metric, /, **labels: str) -> float:
        series = (metric.name, metric.key(labels))
        return self._reads[series]() if series in self._reads else self._values.get(series, 0.0)

    def _add(self, series: tuple[str, tuple[str, ...]], amount: float) -> None:
        with self._lock:
            self._values[series] = self._values.get(series, 0.0) + amount


class MemorySeries:
    """A `Series` of a `MemoryMetricSink`."""

    def __init__(self, sink: MemoryMetricSink, metric: Metric, labels: dict[str, str]) -> None:
        self._sink, self._metric, self._labels = sink, metric, labels

    def increment(self, amount: float = 1.0, /) -> None:
        self._sink.increment(self._metric, amount, **self._labels)

    def set(self, value: float, /) -> None:
        self._sink.set(self._metric, value, **self._labels)

    def observe(self, *values: float) -> None:
        for value in values:
            self._sink.observe(self._metric, value, **self._labels)


def _series(metric: Metric, kind: Kind, labels: dict[str, str]) -> tuple[str, tuple[str, ...]]:
    if metric.kind != kind:
        raise ValueError(f"{metric.name} is a {metric.kind}, not a {kind}")
    return metric.name, metric.key(labels)
