"""What is measured of tracing itself."""

from __future__ import annotations

from tacit.monitoring.metric import Metric

SPANS = Metric(
    "tacit_spans_total",
    "counter",
    "spans",
    "Spans of traced requests, by whether the collector took them or they were given up for want of room or answer.",
    "monitoring",
    {"outcome": ("exported", "dropped")},
)

TRACING_METRICS = (SPANS,)
