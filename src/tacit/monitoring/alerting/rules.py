"""One rule: what is computed beforehand, or what somebody is told of, how soon, and where they read on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["heartbeat", "warning", "critical", "p0"]
Category = Literal["service", "data", "model", "security", "capacity", "rollout", "watch"]

SEVERITIES: tuple[Severity, ...] = ("heartbeat", "warning", "critical", "p0")
"""From what always fires to show that telling works, to what wakes people whatever the hour."""
CATEGORIES: tuple[Category, ...] = ("service", "data", "model", "security", "capacity", "rollout", "watch")
WORKLOADS = ("recommender", "vision")


@dataclass(frozen=True)
class RecordingRule:
    """A figure that Prometheus works out at every evaluation, under a name of its own.

    Attributes:
        name: `level:what:operation`, as Prometheus' own guide asks.
        expr: PromQL.
        help: One sentence.
    """

    name: str
    expr: str
    help: str


@dataclass(frozen=True)
class AlertRule:
    """Something that somebody is told of.

    Attributes:
        name: As pagers show it.
        expr: PromQL; whatever it returns is told, one alert for each series.
        for_seconds: How long it must hold.
        severity: How much it presses.
        category: What it is about; with the severity it decides who is told, and how.
        owner: Who sees to it.
        summary: One line, in which Prometheus fills in `{{ $labels… }}` and `{{ $value }}`.
        description: What it means for users, in a sentence or two.
        runbook: Name of its page in docs/runbooks, without the ending.
        threshold: What is too much, for a person.
        concern: What it warns of: while a critical alert of a concern fires, its warnings are silent.
        workload: Whose it is, where several workloads have the same rule.
    """

    name: str
    expr: str
    for_seconds: float
    severity: Severity
    category: Category
    owner: str
    summary: str
    description: str
    runbook: str
    threshold: str
    concern: str = ""
    workload: str = "recommender"

    @property
    def labels(self) -> dict[str, str]:
        """What Alertmanager routes and inhibits by."""
        return {
            "severity": self.severity,
            "category": self.category,
            "owner": self.owner,
            "concern": self.concern or self.name,
            "workload": self.workload,
        }
