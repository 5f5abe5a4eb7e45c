"""What is measured of overload: room, deadlines, slow connections, breakers, memory."""

from __future__ import annotations

from tacit.monitoring.metric import Metric

PRIORITIES = ("vital", "lists", "others", "last")
POOLS = ("health", "vital", "answers", "pages", "operators")
DEPENDENCIES = ("events", "catalogue", "database")
SHED = Metric(
    "tacit_requests_shed_total",
    "counter",
    "requests",
    "Requests refused for want of room, by how soon they are given up.",
    "serving",
    {"priority": PRIORITIES},
)
AT_WORK = Metric("tacit_requests_at_work", "gauge", "requests", "Requests let in.", "serving", {"pool": POOLS})
CONCURRENCY_LIMIT = Metric(
    "tacit_concurrency_limit", "gauge", "requests", "Questions that may be worked on at once now.", "serving"
)
PRESSURE = Metric(
    "tacit_pressure",
    "gauge",
    "step",
    "How scarce room for questions is: 0 none waits, 1 some wait, 2 some are refused.",
    "serving",
)
DEADLINES_MISSED = Metric(
    "tacit_deadlines_missed_total",
    "counter",
    "requests",
    "Requests answered 503 because their deadline had come.",
    "serving",
    {"priority": PRIORITIES},
)
LOOP_LAG = Metric(
    "tacit_event_loop_lag_seconds",
    "histogram",
    "seconds",
    "How late the event loop is for what it has to do, ten times a second.",
    "serving",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0),
)
CLIENTS_LEFT = Metric(
    "tacit_clients_left_total", "counter", "requests", "Requests whose sender left before the answer.", "serving"
)
SLOW_CONNECTIONS = Metric(
    "tacit_slow_connections_closed_total",
    "counter",
    "connections",
    "Connections closed because their other end was too slow, by what it was slow at.",
    "serving",
    {"reason": ("head", "body", "answer")},
)
BREAKER_OPEN = Metric(
    "tacit_breaker_open",
    "gauge",
    "boolean",
    "1 while calls to a dependency are spared the waiting, else 0.",
    "serving",
    {"dependency": DEPENDENCIES},
)
MEMORY_STEP = Metric(
    "tacit_memory_step",
    "gauge",
    "step",
    "How scarce memory is: 1 warned, 2 lists given up and jobs refused, 3 only what is missed most is answered.",
    "serving",
)

OVERLOAD_METRICS = (
    SHED,
    AT_WORK,
    CONCURRENCY_LIMIT,
    PRESSURE,
    DEADLINES_MISSED,
    LOOP_LAG,
    CLIENTS_LEFT,
    SLOW_CONNECTIONS,
    BREAKER_OPEN,
    MEMORY_STEP,
)
