"""What an installation chose of its alerts: thresholds, owners, receivers (values; bootstrap makes them)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tacit.monitoring.alerting.rules import Category

DAY = 86_400.0
_LEAST_SCRAPES = 4
"""Scrapes that a window must hold, so that a rate over it has two samples whatever goes astray."""


@dataclass(frozen=True)
class Pair:
    """From where on somebody is warned, and from where on it is critical."""

    warning: float
    critical: float


@dataclass(frozen=True)
class WorkloadLimits:
    """What is too much for the requests of one workload.

    Attributes:
        name: Of the workload.
        routes: What matches its routes, as RE2; all of an installation's requests where it is `None`.
        error_rate: Shares of its requests that failed by our fault.
        p99: Seconds of the slowest hundredth, where that has a limit of its own.
        accuracy_floor: Score below which somebody is told, where its score is a share of right answers.
    """

    name: str
    error_rate: Pair
    routes: str | None = None
    p99: float | None = None
    accuracy_floor: float | None = None


@dataclass(frozen=True)
class AlertChoices:
    """Thresholds, in the units of their metrics; the defaults are those of the settings.

    Attributes:
        scrape_seconds: Between two looks at a metric.
        time_scale: What all durations are multiplied by; below 1 for drills alone.
        workloads: Whose requests are watched.
        owners: Who sees to alerts of a category.
        runbook_url: Where runbooks lie, with a `/` at the end.
    """

    scrape_seconds: float = 10.0
    time_scale: float = 1.0
    workloads: tuple[WorkloadLimits, ...] = (WorkloadLimits("recommender", Pair(0.01, 0.05)),)
    min_requests: int = 20
    low_traffic_errors: int = 5
    availability: float = 0.99
    latency_avg: Pair = Pair(0.5, 2.0)
    latency_p95: Pair = Pair(0.8, 1.0)
    memory: tuple[float, float, float] = (0.80, 0.85, 0.90)
    volume_per_minute: float = 100.0
    volume_multiple: float | None = None
    degraded_share: Pair = Pair(0.05, 0.50)
    shed_requests: int = 10
    missed_deadlines: int = 5
    loop_lag: float = 0.25
    worker_restarts: int = 3
    event_lag: int = 1_000
    reader_lag: int = 1_000
    quarantine_share: float = 0.05
    quarantine_events: int = 20
    event_drop: float = 0.10
    data_age_days: float = 7.0
    model_age_days: Pair = Pair(90.0, 365.0)
    quality_drop: float = 0.10
    drift: Pair = Pair(0.3, 0.6)
    job_overdue_seconds: Mapping[str, float] = field(default_factory=lambda: {"train": 14 * DAY})
    sign_in_failures: int = 50
    blocks: int = 10
    secret_age_days: float = 90.0
    cpu: float = 0.90
    disk_free: Pair = Pair(0.15, 0.05)
    open_files: float = 0.80
    owners: Mapping[Category, str] = field(default_factory=dict)
    runbook_url: str = "docs/runbooks/"

    def owner(self, category: Category) -> str:
        """Who sees to a category."""
        return self.owners.get(category, DEFAULT_OWNERS[category])

    def held(self, seconds: float) -> float:
        """How long something must hold, scaled."""
        return seconds * self.time_scale

    def span(self, seconds: float) -> str:
        """A window of PromQL, scaled, and long enough to hold a few scrapes."""
        return duration(max(seconds * self.time_scale, _LEAST_SCRAPES * self.scrape_seconds))


DEFAULT_OWNERS: Mapping[Category, str] = {
    "service": "on-call",
    "data": "on-call",
    "model": "ml-lead",
    "rollout": "ml-lead",
    "security": "security",
    "capacity": "devops-lead",
    "watch": "devops-lead",
}
"""The five of the escalation path, as far as alerts are theirs."""


@dataclass(frozen=True)
class Receivers:
    """Where alerts go; what is unset is left out.

    A secret is given as itself or as the file it lies in; the file is better, since nothing else then holds it.

    Attributes:
        webhooks: URLs that are told of every alert, in Alertmanager's JSON.
        slack_url: Address of a Slack webhook.
        email_to: Addresses.
        smarthost: `host:port` of the mail server.
        pagerduty_key: Routing key of PagerDuty's Events API v2.
        pagerduty_url: Where that API is, if not at PagerDuty.
        sms_url: Webhook of whoever sends short messages.
        dead_man_url: Who misses the heartbeat when it stays away.
        group_seconds: How long alerts of one concern are gathered before the first message.
        repeat_seconds: After how long whoever was told is told again.
        heartbeat_seconds: How often the heartbeat is sent.
    """

    webhooks: tuple[str, ...] = ()
    slack_url: str | None = None
    slack_url_file: str | None = None
    slack_channel: str = ""
    email_to: tuple[str, ...] = ()
    email_from: str = "tacit@localhost"
    smarthost: str = "localhost:25"
    email_user: str = ""
    email_password: str | None = None
    email_password_file: str | None = None
    email_tls: bool = True
    pagerduty_key: str | None = None
    pagerduty_key_file: str | None = None
    pagerduty_url: str | None = None
    sms_url: str | None = None
    dead_man_url: str | None = None
    group_seconds: float = 10.0
    repeat_seconds: float = 4 * 3_600.0
    heartbeat_seconds: float = 60.0


def duration(seconds: float) -> str:
    """Seconds as Prometheus writes them: the largest unit that leaves nothing over."""
    millis = round(seconds * 1_000)
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)):
        if millis and millis % size == 0:
            return f"{millis // size}{unit}"
    return f"{millis}ms"
