"""The settings of alerts: what is promised, what is too much, who sees to it, and where they are told."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

_FROZEN = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)


class Rising(BaseModel):
    """Two limits, the second above the first."""

    model_config = _FROZEN

    warning: float
    """Above it, somebody is warned."""
    critical: float
    """Above it, somebody is paged."""

    @model_validator(mode="after")
    def _critical_is_more(self) -> Rising:
        if self.critical < self.warning:
            raise ValueError("critical is below warning; set it to no less")
        return self


class Falling(BaseModel):
    """Two limits, the second below the first."""

    model_config = _FROZEN

    warning: float
    """Below it, somebody is warned."""
    critical: float
    """Below it, somebody is paged."""

    @model_validator(mode="after")
    def _critical_is_less(self) -> Falling:
        if self.critical > self.warning:
            raise ValueError("critical is above warning; set it to no more")
        return self


class RecommenderErrors(Rising):
    """Share of all requests that fail by our fault; several workloads together are held to this, the stricter pair."""

    warning: float = Field(default=0.01, gt=0)
    """Above it, somebody is warned."""
    critical: float = Field(default=0.05, gt=0)
    """Above it, somebody is paged."""


class VisionErrors(Rising):
    """Share of requests on `alerts.vision_routes` that fail by our fault."""

    warning: float = Field(default=0.05, gt=0)
    """Above it, somebody is warned."""
    critical: float = Field(default=0.1, gt=0)
    """Above it, somebody is paged."""


class DegradedShare(Rising):
    """Share of lists that are not those we wanted to give."""

    warning: float = Field(default=0.05, gt=0)
    """Above it, somebody is warned."""
    critical: float = Field(default=0.5, gt=0)
    """Above it, somebody is paged."""


class ModelAge(Rising):
    """Days since the version that answers was trained."""

    warning: float = Field(default=90.0, gt=0)
    """Above it, somebody is warned."""
    critical: float = Field(default=365.0, gt=0)
    """Above it, somebody is paged."""


class MeanLatency(Rising):
    """Seconds that answers take on average."""

    warning: float = Field(default=0.5, gt=0)
    """Above it, somebody is warned."""
    critical: float = Field(default=2.0, gt=0)
    """Above it, somebody is paged."""


class TailLatency(Rising):
    """Seconds that 95 % of the answers keep to."""

    warning: float = Field(default=0.8, gt=0)
    """Above it, somebody is warned."""
    critical: float = Field(default=1.0, gt=0)
    """Above it, somebody is paged."""


class DiskFree(Falling):
    """Share of the home's disk that is free."""

    warning: float = Field(default=0.15, gt=0)
    """Below it, somebody is warned."""
    critical: float = Field(default=0.05, gt=0)
    """Below it, somebody is paged."""


class ErrorRates(BaseModel):
    """Shares of requests that fail by our fault, by workload."""

    model_config = _FROZEN

    recommender: RecommenderErrors = RecommenderErrors()
    vision: VisionErrors = VisionErrors()


class RequestVolume(BaseModel):
    """How many requests are many."""

    model_config = _FROZEN

    measure: Literal["auto", "absolute", "multiple"] = "auto"
    """`absolute` is more than `per_minute`; `multiple` is that, and more than so many times the mean of a day.

    `auto` is absolute while `auth.mode` is `open`, as where somebody tries things out, else multiple.
    """
    per_minute: float = Field(default=100.0, gt=0)
    """Requests of everybody in a minute, for five minutes; below it nothing is too many."""
    multiple: float = Field(default=3.0, gt=1)
    """How many times the mean of the last day."""


class Owners(BaseModel):
    """Who sees to alerts, by what they are about; a name that people know, such as a team's."""

    model_config = _FROZEN

    service: str = Field(default="on-call", min_length=1)
    """Answers: errors, latency, degraded lists."""
    data: str = Field(default="on-call", min_length=1)
    """Events and what they are kept in."""
    model: str = Field(default="ml-lead", min_length=1)
    """Quality, drift, trainings."""
    rollout: str = Field(default="ml-lead", min_length=1)
    """Rollouts and A/B tests."""
    security: str = Field(default="security", min_length=1)
    """Attacks, secrets, trails."""
    capacity: str = Field(default="devops-lead", min_length=1)
    """Memory, processors, disk, load, and what we depend on."""
    watch: str = Field(default="devops-lead", min_length=1)
    """Prometheus, Alertmanager, and whether they see anything."""


class AlertReceivers(BaseModel):
    """Where alerts go; what is unset is left out, and without any of them only those who look see alerts.

    Give secrets in the environment or as files (`file:/path`), rather than where others read.
    """

    model_config = _FROZEN

    webhook: SecretStr | None = None
    """URL that is told of every alert, in Alertmanager's JSON."""
    slack: SecretStr | None = None
    """Address of a Slack webhook: warnings and worse."""
    slack_channel: str = ""
    """Its channel, as `#alerts`; empty, the webhook's own."""
    email_to: tuple[str, ...] = ()
    """Addresses that are written to: warnings and worse."""
    email_from: str = "tacit@localhost"
    """Whom these mails are from."""
    smarthost: str = "localhost:25"
    """Mail server, as `host:port`."""
    email_user: str = ""
    """Name to sign in with there; empty, nobody signs in."""
    email_password: SecretStr | None = None
    """And its password."""
    email_tls: bool = True
    """Whether mail goes out only where the server encrypts."""
    pagerduty: SecretStr | None = None
    """Routing key of PagerDuty's Events API v2: critical and worse."""
    pagerduty_url: str | None = None
    """Where that API is, for what speaks it beside PagerDuty."""
    sms: SecretStr | None = None
    """Webhook of whoever sends short messages: P0 and security."""
    dead_man: SecretStr | None = None
    """URL that the heartbeat is sent to once a minute; whoever is there raises the alarm when it stays away."""
    group_seconds: float = Field(default=10.0, gt=0, le=3_600)
    """How long alerts of one concern are gathered into one message."""
    repeat_hours: float = Field(default=4.0, gt=0, le=168)
    """After how long whoever was told is told again, while it lasts."""


class Alerts(BaseModel):
    """What somebody is told of. Shares are from 0 to 1."""

    model_config = _FROZEN

    error_rate: ErrorRates = ErrorRates()
    min_requests: int = Field(default=20, ge=1)
    """Requests within the window below which a share of them tells nothing: one of three is no incident."""
    low_traffic_errors: int = Field(default=5, ge=1)
    """Failures within six hours that are told although too few asked."""
    vision_routes: str | None = None
    """What matches the routes of the vision workload (RE2); unset, there is none and no rule for it."""
    accuracy_floor: float = Field(default=0.85, gt=0, lt=1)
    """Share of right answers of the vision workload below which somebody is paged."""
    request_volume: RequestVolume = RequestVolume()
    degraded_share: DegradedShare = DegradedShare()
    shed_requests: int = Field(default=10, ge=0)
    """Requests refused for want of room in 5 minutes."""
    missed_deadlines: int = Field(default=5, ge=0)
    """Requests given up at their deadline in 5 minutes."""
    loop_lag_seconds: float = Field(default=0.25, gt=0, le=2)
    """How late the event loop may be, in one of a hundred cases."""
    worker_restarts: int = Field(default=3, ge=0)
    """Workers that may end unasked in 10 minutes."""
    event_lag: int = Field(default=1_000, ge=1)
    """Events that may wait to be applied."""
    reader_lag: int = Field(default=1_000, ge=1)
    """Writes that one process may be behind another."""
    quarantine_share: float = Field(default=0.05, gt=0, le=1)
    """Share of events that may be set aside, and as many refused, in 15 minutes."""
    quarantine_events: int = Field(default=20, ge=1)
    """How many those must be at least."""
    event_drop: float = Field(default=0.10, gt=0, lt=1)
    """Share of the same hour's events of the day before below which a sender must have stopped."""
    data_age_days: float = Field(default=7.0, gt=0)
    """How long no event may be applied."""
    model_age_days: ModelAge = ModelAge()
    quality_drop: float = Field(default=0.10, gt=0, lt=1)
    """How far below its score on the hold-out a version may fall, relative to it."""
    sign_in_failures: int = Field(default=50, ge=1)
    """Attempts to sign in that may fail in 15 minutes."""
    blocks: int = Field(default=10, ge=1)
    """Callers that rules may keep out in 15 minutes."""
    secret_age_days: float = Field(default=90.0, gt=0)
    """Age at which a secret is to be exchanged."""
    cpu: float = Field(default=0.90, gt=0, le=1)
    """Share of the processors' time."""
    disk_free: DiskFree = DiskFree()
    open_files: float = Field(default=0.80, gt=0, le=1)
    """Share of the files that a process may open."""
    owners: Owners = Owners()
    receivers: AlertReceivers = AlertReceivers()
    runbook_url: str = "docs/runbooks/"
    """Where runbooks lie for those who are told, with a `/` at the end."""
    time_scale: float = Field(default=1.0, gt=0, le=1)
    """What every duration of a rule is multiplied by; less than 1 is for drills alone."""


class Latency(BaseModel):
    """Seconds that answers may take."""

    model_config = _FROZEN

    avg: MeanLatency = MeanLatency()
    p95: TailLatency = TailLatency()
    p99: float = Field(default=0.5, gt=0)
    """Of the vision workload alone: below p95 it would make no sense on the same routes."""


class Slo(BaseModel):
    """What is promised."""

    model_config = _FROZEN

    availability: float = Field(default=0.99, gt=0, lt=1)
    """Share of the time, and of requests, in which we answer."""
    latency: Latency = Latency()
