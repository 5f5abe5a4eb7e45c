"""Questions that several panels ask, said once."""

from __future__ import annotations

JOB = 'job="tacit"'
PROBES = 'route!~"/livez|/readyz|/health|/live|/ready|/startupz"'
"""Leaves out what machines ask to see whether we are alive."""
OUR_FAULT = 'kind=~"unavailable|misconfigured|unexpected"'
"""Errors that a caller could not have avoided; the same that the alerts count."""

REQUESTS = f"sum(rate(http_requests_total{{{PROBES}}}[5m]))"
MEAN_SECONDS = (
    "sum(rate(http_request_duration_seconds_sum[5m])) / (sum(rate(http_request_duration_seconds_count[5m])) > 0)"
)
ERROR_SHARE = f"sum(rate(api_errors_total{{{OUR_FAULT}}}[5m])) / ({REQUESTS} > 0)"
DEGRADED_SHARE = "sum(rate(tacit_degraded_answers_total[5m])) / (sum(rate(recommendations_total[5m])) > 0)"
CLICK_RATE = "sum by (source) (tacit_clicked_lists) / (sum by (source) (tacit_attributed_lists) > 0)"
UPTIME = f"avg(avg_over_time(up{{{JOB}}}[1d]))"


def http_quantile(share: float, matchers: str = PROBES) -> str:
    """Seconds within which a share of the requests is answered."""
    return f"histogram_quantile({share:g}, sum by (le) (rate(http_request_duration_seconds_bucket{{{matchers}}}[5m])))"


def serving_quantile(share: float, by: str = "le") -> str:
    """Seconds that the serving room needs for a share of its answers."""
    return f"histogram_quantile({share:g}, sum by ({by}) (rate(recommendation_latency_seconds_bucket[5m])))"


def a_minute(expr: str) -> str:
    """How much a counter rises in a minute."""
    return f"{expr} * 60"
