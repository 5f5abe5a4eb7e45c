"""What is measured of being watched."""

from __future__ import annotations

from tacit.monitoring.metric import Metric

TROUBLES = ("metrics_unscraped", "alertmanager_unreachable", "heartbeat_missing")
"""Ways in which nobody watches: nobody reads what is measured; Alertmanager does not answer; it answers, and has not
heard from its Prometheus."""

SCRAPES = Metric(
    "tacit_scrapes_total", "counter", "scrapes", "Times that somebody read what is measured here.", "monitoring"
)
WATCH_TROUBLE = Metric(
    "tacit_watch_trouble",
    "gauge",
    "boolean",
    "1 while nobody watches in this way, as the server itself finds: nobody reads its metrics, or no alert can arrive.",
    "monitoring",
    {"trouble": TROUBLES},
)
WATCH_NOTICES = Metric(
    "tacit_watch_notices_total",
    "counter",
    "notices",
    "Notices that nobody watches, or that somebody does again, by whether they were handed over.",
    "monitoring",
    {"outcome": ("sent", "failed")},
)

WATCH_METRICS: tuple[Metric, ...] = (SCRAPES, WATCH_TROUBLE, WATCH_NOTICES)
