"""Who writes the rules of one category: what all of them share is said once."""

from __future__ import annotations

from dataclasses import dataclass

from tacit.monitoring.alerting.choices import AlertChoices
from tacit.monitoring.alerting.rules import AlertRule, Category, Severity


@dataclass(frozen=True)
class Author:
    """Writes rules of one category, each with the owner that the installation chose for it."""

    choices: AlertChoices
    category: Category

    def alert(
        self,
        name: str,
        expr: str,
        *,
        says: tuple[str, str],
        runbook: str,
        threshold: str,
        severity: Severity = "warning",
        held: float = 0,
        concern: str = "",
        workload: str = "recommender",
    ) -> AlertRule:
        """One rule.

        Args:
            name: As pagers show it.
            expr: PromQL.
            says: The summary, and what it means.
            runbook: Name of its page.
            threshold: What is too much, for a person.
            severity: How much it presses.
            held: Seconds for which it must hold, before they are scaled.
            concern: What it warns of.
            workload: Whose it is.
        """
        return AlertRule(
            name=name,
            expr=expr,
            for_seconds=self.choices.held(held),
            severity=severity,
            category=self.category,
            owner=self.choices.owner(self.category),
            summary=says[0],
            description=says[1],
            runbook=runbook,
            threshold=threshold,
            concern=concern,
            workload=workload,
        )


def share(value: float) -> str:
    """A share, for a person."""
    return f"{value * 100:.4g} %"
