"""What several rules, panels and people look at, worked out once under a name of its own."""

from __future__ import annotations

from tacit.monitoring import metrics as catalogue
from tacit.monitoring.alerting.choices import AlertChoices, WorkloadLimits
from tacit.monitoring.alerting.rules import RecordingRule
from tacit.monitoring.alerting.series import ANSWERING, JOB, OUR_FAULT, PROBES, number, rate, risen, select

SLO_WINDOWS = {"5m": 300, "30m": 1_800, "1h": 3_600, "6h": 21_600, "3d": 259_200}
"""Windows that budgets burn over, by the end of the recording's name, in seconds."""


def recording_rules(choices: AlertChoices) -> tuple[RecordingRule, ...]:
    """Every recording, in an order in which none reads a later one."""
    return (*_traffic(choices), *_latency(choices), *_unavailability(choices))


def failures(choices: AlertChoices, workload: WorkloadLimits, seconds: float) -> tuple[str, str]:
    """PromQL of how many requests of a workload failed by our fault, and of how many there were."""
    window = choices.span(seconds)
    if workload.routes is None:
        # Kinds of error are known beforehand, so that not even the first failure is missed.
        failed = risen(catalogue.API_ERRORS, window, kind=f"=~{OUR_FAULT}")
        return failed, risen(catalogue.HTTP_REQUESTS, window, route=f"!~{PROBES}")
    routes = f"=~{workload.routes}"
    failed = risen(catalogue.HTTP_REQUESTS, window, route=routes, status="=~5..")
    return failed, risen(catalogue.HTTP_REQUESTS, window, route=routes)


def _traffic(choices: AlertChoices) -> tuple[RecordingRule, ...]:
    short = choices.span(300)
    events = rate(catalogue.EVENTS, choices.span(1_800), outcome="received")
    return (
        RecordingRule(
            "tacit:requests_per_second:rate5m",
            rate(catalogue.HTTP_REQUESTS, short, route=f"!~{PROBES}"),
            "Requests a second, without those of probes.",
        ),
        RecordingRule("tacit:events_per_second:rate30m", events, "Events that came in, a second."),
        *(_error_ratio(choices, workload) for workload in choices.workloads),
    )


def _error_ratio(choices: AlertChoices, workload: WorkloadLimits) -> RecordingRule:
    failed, asked = failures(choices, workload, 300)
    expr = f"({failed} or vector(0)) / ({asked} >= {choices.min_requests})"
    said = "Share of requests that failed by our fault; absent where there were too few to tell."
    return RecordingRule(f"tacit:errors_{workload.name}:ratio5m", expr, said)


def _latency(choices: AlertChoices) -> tuple[RecordingRule, ...]:
    window, routes = choices.span(300), f"=~{ANSWERING}"
    spent, asked = (
        rate(f"{catalogue.HTTP_DURATION.name}_{end}", window, route=routes) for end in ("sum", "count")
    )  # fmt: skip
    return (
        RecordingRule("tacit:latency_seconds:mean5m", f"{spent} / ({asked} > 0)", "Mean time of an answer."),
        RecordingRule("tacit:latency_seconds:p95_5m", quantile(0.95, routes, window), "95 % of answers take less."),
        RecordingRule("tacit:latency_seconds:p99_5m", quantile(0.99, routes, window), "99 % of answers take less."),
    )


def quantile(share: float, routes: str, window: str) -> str:
    """PromQL of the seconds within which a share of the answers on some routes was given."""
    buckets = select(f"{catalogue.HTTP_DURATION.name}_bucket", window, route=routes)
    return f"histogram_quantile({number(share)}, sum by (le) (rate({buckets})))"


def _unavailability(choices: AlertChoices) -> tuple[RecordingRule, ...]:
    return tuple(
        RecordingRule(
            f"tacit:unavailability:ratio{name}",
            _unavailable(choices, seconds),
            f"Share of the last {name} in which we were away, or of requests that failed by our fault.",
        )
        for name, seconds in SLO_WINDOWS.items()
    )


def _unavailable(choices: AlertChoices, seconds: float) -> str:
    """Both ways to be unavailable, added: requests fail only while somebody is there to fail them."""
    away = f'1 - avg(avg_over_time(up{{job="{JOB}"}}[{choices.span(seconds)}]))'
    failed, asked = failures(choices, choices.workloads[0], seconds)
    return f"clamp_max(({away}) + ({failed} / ({asked} >= {choices.min_requests}) or vector(0)), 1)"
