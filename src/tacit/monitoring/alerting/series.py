"""What rules read: series by name and labels, as PromQL selects them."""

from __future__ import annotations

from tacit.monitoring.metric import Metric

JOB = "tacit"
"""What Prometheus calls us."""

PROBES = "/livez|/readyz|/health|/live|/ready|/startupz"
"""Routes that machines ask to see whether we are alive; they say nothing of how users fare."""
OUR_FAULT = "unavailable|misconfigured|unexpected"
"""Kinds of error that a caller could not have avoided."""
ANSWERING = (
    "/|/start|/acts|/opinion|/you|/you/forget|/search|/listener.*|/alike.*|/moods.*|/charts|/discover|/item/.*|/recommend/.*|/mood/.*|/similar/.*|/top-charts|/random|"
    "/api/v1/(popular|discover|events|rerank|recommendations|recommendations/user/.*)|"
    "/api/v1/(items|moods|charts|sessions|users).*"
)
"""Routes on which somebody waits for an answer of ours; streams and work of minutes are not among them."""


def select(metric: Metric | str, window: str = "", /, **labels: str) -> str:
    """Select our series of a metric.

    Args:
        metric: Which.
        window: How far back, as `5m`; a range vector then.
        labels: What their labels are; a value that begins with `=~`, `!~` or `!=` brings its own comparison.
    """
    name = metric if isinstance(metric, str) else metric.name
    matchers = [f'job="{JOB}"', *(_matcher(label, value) for label, value in labels.items())]
    return f"{name}{{{','.join(matchers)}}}" + (f"[{window}]" if window else "")


def rate(metric: Metric | str, window: str, /, **labels: str) -> str:
    """How fast our counters rise together, per second."""
    return f"sum(rate({select(metric, window, **labels)}))"


def risen(metric: Metric | str, window: str, /, **labels: str) -> str:
    """By how much our counters rose together."""
    return f"sum(increase({select(metric, window, **labels)}))"


def _matcher(label: str, value: str) -> str:
    for sign in ("=~", "!~", "!="):
        if value.startswith(sign):
            return f'{label}{sign}"{value.removeprefix(sign)}"'
    return f'{label}="{value}"'


def number(value: float) -> str:
    """A threshold as PromQL writes it."""
    return f"{value:.10g}"
