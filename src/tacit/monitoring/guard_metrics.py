"""What is measured of guards: limits, blocks, abuse, what is written down, secrets."""

from __future__ import annotations

from tacit.monitoring.metric import Metric

LIMIT_CHECKS = Metric(
    "tacit_limit_checks_total",
    "counter",
    "requests",
    "Requests that were counted against a limit, by whose, and whether they were within it.",
    "security",
    {"tier": ("anonymous", "authenticated", "session", "allowed"), "outcome": ("passed", "refused")},
)
LIMITS_LOCAL = Metric(
    "tacit_limits_local_total",
    "counter",
    "requests",
    "Requests that this process counted by itself because Redis did not answer.",
    "security",
)
BLOCKED_REQUESTS = Metric(
    "tacit_blocked_requests_total", "counter", "requests", "Requests of callers that are kept out.", "security"
)
BLOCKS_MADE = Metric(
    "tacit_blocks_made_total", "counter", "blocks", "Callers whom a rule of this process kept out.", "security"
)
ABUSE = Metric(
    "tacit_abuse_patterns_total",
    "counter",
    "callers",
    "Callers who asked about very many users, mostly in vain, or in bursts; each once in a quarter of an hour.",
    "security",
    {"pattern": ("scraping", "probing", "burst")},
)
ACCESSES = Metric(
    "tacit_accesses_total",
    "counter",
    "rows",
    "Rows of the trail of accesses: taken, written, and dropped because too many waited; lost ones have a row too.",
    "security",
    {"outcome": ("recorded", "written", "dropped")},
)
SECRET_AGE = Metric(
    "tacit_secret_age_seconds",
    "gauge",
    "seconds",
    "Age of the file that a secret is read from; rotate it before it is 90 days old.",
    "security",
    {"setting": ()},
)

GUARD_METRICS: tuple[Metric, ...] = (
    LIMIT_CHECKS,
    LIMITS_LOCAL,
    BLOCKED_REQUESTS,
    BLOCKS_MADE,
    ABUSE,
    ACCESSES,
    SECRET_AGE,
)
