"""Which metrics and labels a question in PromQL names, so that each can be looked up in the catalogue (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tacit.monitoring.metric import Metric

OF_THE_CLIENT = frozenset(
    {
        "process_cpu_seconds_total",
        "process_max_fds",
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_virtual_memory_bytes",
        "python_gc_collections_total",
        "python_gc_objects_collected_total",
        "python_gc_objects_uncollectable_total",
    }
)
"""What Prometheus' client measures of every process by itself."""
OF_PROMETHEUS = frozenset({"up", "ALERTS"})
"""What Prometheus adds when it looks at a process, and when it evaluates its rules."""
LABELS_BESIDE = frozenset({"job", "instance", "worker", "le", "generation", "alertname", "alertstate", "severity"})
"""Labels that Prometheus, its client, or the sum over several processes put on series."""

_TEXTS = re.compile(r'"(?:[^"\\]|\\.)*"')
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_MATCHERS = re.compile(r"\{([^}]*)\}")
_MATCHED = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_RANGES = re.compile(r"\[[^\]]*\]")
_WORD = re.compile(r"[A-Za-z_:][\w:]*(?!\s*\(|[\w:])")
_OPERATORS = frozenset({"and", "or", "unless", "offset", "bool", "by", "without", "on", "ignoring", "inf", "nan"})


@dataclass(frozen=True)
class Names:
    """What a question names."""

    metrics: frozenset[str]
    labels: frozenset[str]


def names_in(expr: str) -> Names:
    """The metrics and labels in a question; of a histogram, the metric itself."""
    bare = _TEXTS.sub('""', expr)
    labels = {word.strip() for group in _GROUPING.findall(bare) for word in group.split(",") if word.strip()}
    labels |= {name for group in _MATCHERS.findall(bare) for name in _MATCHED.findall(group)}
    rest = _RANGES.sub("", _MATCHERS.sub("", _GROUPING.sub("", bare)))
    words = {word for word in _WORD.findall(rest) if word.lower() not in _OPERATORS}
    return Names(frozenset(words), frozenset(labels))


def unknown_names(expr: str, catalogue: Iterable[Metric]) -> list[str]:
    """What a question names that nothing measures: metrics, and labels that none of its metrics has."""
    known, found = {metric.name: metric for metric in catalogue}, names_in(expr)
    metrics = {name: _metric(name, known) for name in found.metrics - OF_THE_CLIENT - OF_PROMETHEUS}
    labels = LABELS_BESIDE.union(*(metric.labels for metric in metrics.values() if metric is not None))
    return sorted([*(name for name, metric in metrics.items() if metric is None), *(found.labels - labels)])


def _metric(name: str, known: Mapping[str, Metric]) -> Metric | None:
    plain = re.sub(r"_(bucket|sum|count)$", "", name)
    if plain != name and plain in known:
        return known[plain] if known[plain].kind == "histogram" else None
    metric = known.get(name)
    return None if metric is None or metric.kind == "histogram" else metric
