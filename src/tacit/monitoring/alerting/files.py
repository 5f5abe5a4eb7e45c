"""What Prometheus and Alertmanager read, as texts (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import yaml

from tacit.monitoring.alerting.catalogue import alert_rules
from tacit.monitoring.alerting.choices import AlertChoices, Receivers, duration
from tacit.monitoring.alerting.recordings import recording_rules
from tacit.monitoring.alerting.routing import routing
from tacit.monitoring.alerting.rules import AlertRule
from tacit.monitoring.alerting.series import JOB

_HEAD = "# Written by `tacit monitoring files`; what is changed here by hand is lost when it is written again.\n"


def rule_file(choices: AlertChoices) -> str:
    """Recordings and alerts, as Prometheus' `rule_files` take them.

    Durations below a second are kept: drills look often.
    """
    groups: list[dict[str, Any]] = [
        {
            "name": "tacit-recordings",
            "rules": [{"record": each.name, "expr": each.expr} for each in recording_rules(choices)],
        }
    ]
    for category, rules in groupby(alert_rules(choices), lambda rule: rule.category):
        groups.append({"name": f"tacit-{category}", "rules": [_alert(rule, choices) for rule in rules]})
    return _text({"groups": groups})


def prometheus_file(
    targets: Sequence[str],
    *,
    rule_paths: Sequence[str],
    alertmanager: str | None = None,
    prometheus: str | None = None,
    scrape_seconds: float = 10.0,
) -> str:
    """What Prometheus scrapes and how often, which rules it follows, and whom it tells.

    Args:
        targets: Where `/metrics` is, each as `host:port`.
        rule_paths: Files of rules; relative ones count from this file.
        alertmanager: Its `host:port`; unset, nobody is told of alerts, and only those who look see them.
        prometheus: Prometheus' own `host:port`, to be looked at too.
        scrape_seconds: Between two looks, and between two evaluations.
    """
    every = duration(scrape_seconds)
    config: dict[str, Any] = {
        "global": {
            "scrape_interval": every,
            "scrape_timeout": duration(min(scrape_seconds, 10.0)),
            "evaluation_interval": every,
        },
        "rule_files": list(rule_paths),
        "scrape_configs": [_scraped(JOB, targets)],
    }
    others = {"alertmanager": alertmanager, "prometheus": prometheus}
    config["scrape_configs"] += [_scraped(name, (where,)) for name, where in others.items() if where is not None]
    if alertmanager is not None:
        config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    return _text(config)


def alertmanager_file(receivers: Receivers) -> str:
    """Who is told of what: severity × category, as `routing` has it; the heartbeat has a receiver of its own."""
    return _text(routing(receivers))


def _alert(rule: AlertRule, choices: AlertChoices) -> dict[str, Any]:
    held = {"for": duration(rule.for_seconds)} if rule.for_seconds > 0 else {}
    notes = {
        "summary": rule.summary,
        "description": rule.description,
        "threshold": rule.threshold,
        "runbook_url": f"{choices.runbook_url}{rule.runbook}.md",
    }
    return {"alert": rule.name, "expr": rule.expr, **held, "labels": rule.labels, "annotations": notes}


def _scraped(job: str, targets: Iterable[str]) -> dict[str, Any]:
    return {"job_name": job, "static_configs": [{"targets": list(targets)}]}


def _text(content: Mapping[str, Any]) -> str:
    text: str = yaml.safe_dump(_spelt(content), sort_keys=False, allow_unicode=True, width=1_000)
    return _HEAD + text


def _spelt(content: Any) -> Any:
    """The same with nothing in it twice, since YAML would refer from one to the other, and people read these files."""
    if isinstance(content, Mapping):
        return {name: _spelt(value) for name, value in content.items()}
    return [_spelt(value) for value in content] if isinstance(content, list) else content
