"""What is wrong with rules is found before anything happens; with those that are shipped, nothing is."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tacit.adapters.prometheus import PrometheusSink
from tacit.monitoring.alerting.catalogue import alert_rules
from tacit.monitoring.alerting.choices import AlertChoices, Pair
from tacit.monitoring.alerting.lint import lint
from tacit.monitoring.alerting.promql import grouped_by, selections
from tacit.monitoring.alerting.recordings import recording_rules
from tacit.monitoring.alerting.rules import AlertRule
from tacit.monitoring.alerting.series import ANSWERING, PROBES
from tacit.monitoring.alerting.watch_alerts import OF_PROMETHEUS, WATCHED
from tacit.monitoring.metrics import CATALOGUE
from tests.route_table import TABLE

USUAL = AlertChoices()
SECRETS_AND_LISTENERS = {"tacit_secret_age_seconds", "tacit_model_info"}
"""What has no series before there is something to tell: a secret in a file, a version that answers."""


def found(rule: AlertRule, runbooks: frozenset[str] | None = None) -> list[str]:
    """What is wrong with one rule among those that are shipped."""
    others = [each for each in alert_rules(USUAL) if each.name != rule.name]
    return [each.detail for each in lint((*others, rule), recording_rules(USUAL), CATALOGUE, runbooks=runbooks)]


def rule(name: str) -> AlertRule:
    return next(each for each in alert_rules(USUAL) if each.name == name)


@pytest.mark.requirement("MON-039")
def test_the_rules_that_are_shipped_can_all_work() -> None:
    pages = frozenset(each.runbook for each in alert_rules(USUAL))

    assert lint(alert_rules(USUAL), recording_rules(USUAL), CATALOGUE, runbooks=pages) == ()


@pytest.mark.requirement("MON-038")
@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"expr": 'tacit_event_lagg{job="tacit"} > 1'}, "It reads tacit_event_lagg, which nobody measures."),
        ({"expr": "tacit_event_lagg > 1"}, "It reads tacit_event_lagg, which nobody measures."),
        ({"expr": 'tacit_event_lag{job="tacit",queue="a"} > 1'}, "tacit_event_lag has no label queue."),
        ({"summary": "{{ $labels.queue }} waits."}, "Its text shows the label queue, which no series has."),
        ({"owner": " "}, "Nobody owns it."),
        ({"description": ""}, "Its description is empty."),
        ({"for_seconds": -1}, "It would have to hold for less than no time."),
    ],
)
def test_a_rule_that_cannot_do_what_it_is_for_is_found(change: dict[str, object], detail: str) -> None:
    assert found(replace(rule("EventLagHigh"), **change)) == [detail]


def test_a_runbook_that_is_missing_is_found() -> None:
    pages = frozenset(each.runbook for each in alert_rules(USUAL)) - {"event-lag"}

    assert found(rule("EventLagHigh"), pages) == ["There is no runbook event-lag."]


def test_a_grave_alert_with_the_more_lenient_limit_is_found() -> None:
    """Whoever swaps two thresholds is told, of limits that rise and of those that fall."""
    swapped = replace(USUAL, latency_avg=Pair(2.0, 0.5), disk_free=Pair(0.05, 0.15))
    problems = lint(alert_rules(swapped), recording_rules(swapped), CATALOGUE)

    assert [each.rule for each in problems] == ["LatencyCritical", "DiskNearlyFull"]
    assert problems[0].detail == "Its limit, 0.5, is reached before the milder one's, 2."


def test_a_rule_that_stands_there_twice_and_a_heartbeat_that_is_missing_are_found() -> None:
    rules = [*(each for each in alert_rules(USUAL) if each.severity != "heartbeat"), rule("EventLagHigh")]

    assert [each.rule for each in lint(rules, recording_rules(USUAL), CATALOGUE)] == ["EventLagHigh", "DeadMansSwitch"]


def test_each_series_that_an_alert_reads_is_there_on_a_fresh_start() -> None:
    """A rule over a series that is not there yet would be blind until the first of what it is to tell."""
    fresh = PrometheusSink().text().decode()
    told = {line.partition("{")[0].partition(" ")[0] for line in fresh.splitlines() if not line.startswith("#")}
    rules = alert_rules(USUAL)
    read = {each.name for one in (*rules, *recording_rules(USUAL)) for each in selections(one.expr)}
    ours = {name for name in read if ":" not in name} - OF_PROMETHEUS - {"process_cpu_seconds_total"}

    # Of requests, every route is there with its first 200; see the test of the application.
    of_routes = {name for name in ours if name.startswith("http_request")}
    assert ours - told - of_routes <= SECRETS_AND_LISTENERS
    assert {each.name for each in WATCHED} <= told


def test_what_a_query_reads_is_found_in_it() -> None:
    expr = 'sum by (le) (rate(a_bucket{job="x",le=~"1|2{}"}[5m] offset 1d)) / on (instance) b > bool 5e3 unless c[1m]'

    assert [(each.name, set(each.labels)) for each in selections(expr)] == [
        ("a_bucket", {"job", "le"}), ("b", set()), ("c", set())
    ]  # fmt: skip
    assert grouped_by(expr) == {"le", "instance"}


def test_latency_is_that_of_routes_on_which_somebody_waits_for_an_answer() -> None:
    rows = [line.split() for line in TABLE.splitlines() if len(line.split()) == 4]
    asked = {route for scope, _, _, route in rows if scope in ("lists:read", "events:write")}
    others = {route for scope, _, _, route in rows if scope.startswith(("operations:", "security:"))}

    waited_for = {route for route in asked if re.fullmatch(ANSWERING, route)}
    assert asked - waited_for <= {"/openapi.json", "/docs"}
    assert not {route for route in others if re.fullmatch(ANSWERING, route)}
    assert not re.fullmatch(ANSWERING, "/api/v1/recommendations/bulk")
    assert {"/livez", "/readyz", "/health", "/live", "/ready", "/startupz"} == set(PROBES.split("|"))
