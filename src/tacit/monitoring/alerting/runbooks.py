"""The part of a runbook that follows from its rules: what fires, when, whom it reaches, and the query (pure)."""

from __future__ import annotations

from collections.abc import Iterable

from tacit.monitoring.alerting.choices import duration
from tacit.monitoring.alerting.rules import AlertRule

BEGIN = "<!-- rules: written by `python -m tools.alerting` -->"
END = "<!-- end of rules -->"
TOLD = {
    "heartbeat": "the dead man's receiver, once a minute",
    "warning": "Slack and e-mail",
    "critical": "Slack, e-mail and PagerDuty",
    "p0": "Slack, e-mail, PagerDuty and SMS",
}


def skeleton(rules: Iterable[AlertRule]) -> str:
    """What is said of the rules of one runbook, between its marks."""
    parts = "\n".join(_of_rule(rule) for rule in rules)
    return f"{BEGIN}\n{parts}{END}\n"


def index(rules: Iterable[AlertRule]) -> str:
    """A table of every alert, with its runbook, between the same marks."""
    rows = "".join(
        f"| {rule.name}{'' if rule.workload == 'recommender' else f' ({rule.workload})'} | {rule.severity} "
        f"| {rule.threshold} | {rule.owner} | [{rule.runbook}]({rule.runbook}.md) |\n"
        for rule in rules
    )
    return f"{BEGIN}\n| alert | severity | threshold | owner | runbook |\n|---|---|---|---|---|\n{rows}{END}\n"


def renewed(page: str, written: str) -> str:
    """A page with what is written between its marks as it is now; the rest is left as people wrote it.

    Raises:
        ValueError: The page has no place for it.
    """
    before, begun, rest = page.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not begun or not ended:
        raise ValueError("the page has no marks between which rules stand")
    return before + written + after.removeprefix("\n")


def whom(rule: AlertRule) -> str:
    """Who is told of a rule's alerts, for a person."""
    also = " and SMS" if rule.category == "security" and rule.severity in ("warning", "critical") else ""
    told = TOLD[rule.severity]
    return told.replace(" and ", ", ") + also if also else told


def _of_rule(rule: AlertRule) -> str:
    held = f"after {duration(rule.for_seconds)}" if rule.for_seconds else "at once"
    of_workload = "" if rule.workload == "recommender" else f" (workload {rule.workload})"
    return (
        f"### {rule.name}{of_workload}\n\n"
        f"{rule.description}\n\n"
        f"| threshold | fires | severity | category | owner | told by |\n|---|---|---|---|---|---|\n"
        f"| {rule.threshold} | {held} | {rule.severity} | {rule.category} | {rule.owner} | {whom(rule)} |\n\n"
        f"```promql\n{rule.expr}\n```\n\n"
    )
