"""Rules of alerts, worked out by the real promtool: each fires when it should, and is silent just below that."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tacit.monitoring.alerting.catalogue import alert_rules
from tacit.monitoring.alerting.choices import AlertChoices, Pair, Receivers, WorkloadLimits
from tacit.monitoring.alerting.files import alertmanager_file, prometheus_file, rule_file
from tests.alert_cases import CASES, NEVER_SILENT, Case, Series

VISION = WorkloadLimits("vision", Pair(0.05, 0.10), "/api/v1/vision/.*", 0.5, 0.85)
USUAL = AlertChoices(workloads=(*AlertChoices().workloads, VISION))
CHOICES = {"usual": USUAL, "multiple": replace(USUAL, volume_multiple=3.0)}
RULES = {name: yaml.safe_load(rule_file(choices))["groups"] for name, choices in CHOICES.items()}
CHANNELS = Receivers(
    webhooks=("http://127.0.0.1:1/all",),
    slack_url_file="/run/secrets/slack",
    slack_channel="#alerts",
    email_to=("ann@example.org",),
    smarthost="mail.example.org:587",
    pagerduty_key_file="/run/secrets/pagerduty",
    sms_url="http://127.0.0.1:1/sms",
    dead_man_url="http://127.0.0.1:1/alive",
)


def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent() -> None:
    ruled = {(rule.name, rule.workload) for rule in alert_rules(USUAL)}
    shown = {(case.alert, case.workload) for case in CASES}

    assert ruled - shown == {(name, "recommender") for name in NEVER_SILENT}
    assert shown <= ruled
    assert all(case.silent for case in CASES)


# What promtool shows of these alerts, this test shows: without the rule, or with another limit, it fails.
@pytest.mark.requirement("ALERT-001")
@pytest.mark.requirement("ALERT-002")
@pytest.mark.requirement("ALERT-003")
@pytest.mark.requirement("ALERT-004")
@pytest.mark.requirement("ALERT-005")
@pytest.mark.requirement("ALERT-006")
@pytest.mark.requirement("ALERT-007")
@pytest.mark.requirement("ALERT-008")
@pytest.mark.requirement("ALERT-009")
@pytest.mark.requirement("ALERT-010")
@pytest.mark.requirement("ALERT-011")
@pytest.mark.requirement("ALERT-012")
@pytest.mark.requirement("ALERT-013")
@pytest.mark.requirement("ALERT-014")
@pytest.mark.requirement("ALERT-015")
@pytest.mark.requirement("ALERT-016")
@pytest.mark.requirement("ALERT-017")
@pytest.mark.requirement("ALERT-020")
@pytest.mark.requirement("ALERT-021")
@pytest.mark.requirement("MON-034")
@pytest.mark.requirement("MON-037")
@pytest.mark.requirement("SEC-033")
def test_each_alert_fires_when_it_should_and_is_silent_just_below(tmp_path: Path) -> None:
    promtool = _program("promtool")
    files = [_written(tmp_path, number, case) for number, case in enumerate(CASES)]

    ran = _run([promtool, "test", "rules", *files], tmp_path)

    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.requirement("MON-038")
def test_prometheus_and_alertmanager_accept_every_file(tmp_path: Path) -> None:
    promtool, amtool = _program("promtool"), _program("amtool")
    (tmp_path / "tacit.rules.yml").write_text(rule_file(USUAL), "utf-8")
    scraped = prometheus_file(
        ["127.0.0.1:9000"], rule_paths=["tacit.rules.yml"], alertmanager="127.0.0.1:9093", prometheus="127.0.0.1:9090"
    )
    (tmp_path / "prometheus.yml").write_text(scraped, "utf-8")
    for name, receivers in (("none.yml", Receivers()), ("all.yml", CHANNELS)):
        (tmp_path / name).write_text(alertmanager_file(receivers), "utf-8")

    for command in ([promtool, "check", "config", "prometheus.yml"], [amtool, "check-config", "none.yml", "all.yml"]):
        ran = _run(command, tmp_path)
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_rule_file_for_drills_is_the_same_in_quick_time() -> None:
    usual, quick = (
        {each["alert"]: each for group in yaml.safe_load(rule_file(choices))["groups"][1:] for each in group["rules"]}
        for choices in (AlertChoices(), AlertChoices(time_scale=0.05, scrape_seconds=1))
    )

    assert usual.keys() == quick.keys()
    assert (usual["TacitDown"]["for"], quick["TacitDown"]["for"]) == ("5m", "15s")
    assert "[5m]" in usual["RequestsShed"]["expr"]
    assert "[15s]" in quick["RequestsShed"]["expr"]
    assert "[4s]" in quick["EventLoopLagging"]["expr"]  # no window is too short for a rate


def _written(folder: Path, number: int, case: Case) -> str:
    """A file of promtool's for one case, over its rule and what that reads; returns its name.

    A file for each: promtool works out every rule of a file at every step of every test.
    """
    recordings, *groups = RULES[case.choices]
    asked = (case.alert, case.workload)
    rule = next(
        each for group in groups for each in group["rules"] if (each["alert"], each["labels"]["workload"]) == asked
    )
    read = [each for each in recordings["rules"] if each["record"] in rule["expr"]]
    one = {"groups": [{"name": "first", "rules": read}, {"name": "then", "rules": [rule]}]}
    (folder / f"{number}.rules.yml").write_text(yaml.safe_dump(one), "utf-8")
    tests = [_test(case, case.fires, fires=rule["labels"])]
    tests += [_test(case, series, fires=None) for series in (case.silent, *case.also_silent)]
    content = {"rule_files": [f"{number}.rules.yml"], "evaluation_interval": case.evaluated, "tests": tests}
    (folder / f"{number}.{case.alert}.test.yml").write_text(yaml.safe_dump(content), "utf-8")
    return f"{number}.{case.alert}.test.yml"


def _test(case: Case, series: Series, *, fires: dict[str, str] | None) -> dict[str, Any]:
    """Firing, it is asked for at a moment, with what it is routed by; silent, for all of the time until then."""
    alerts = f'ALERTS{{alertname="{case.alert}",alertstate="firing"}}'
    asked = {"expr": f"count_over_time({alerts}[400d])", "eval_time": case.at, "exp_samples": []}
    if fires is not None:
        told = ",".join(f'{name}="{fires[name]}"' for name in ("category", "owner", "severity"))
        expr = f"group by (category, owner, severity) ({alerts})"
        asked |= {"expr": expr, "exp_samples": [{"labels": f"{{{told}}}", "value": 1}]}
    return {
        "interval": case.every,
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [asked],
    }


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    scratch = {"TMPDIR": "/dev/shm"} if Path("/dev/shm").is_dir() else {}  # noqa: S108 -- a disk would only be waited for
    return subprocess.run(
        command, check=False, cwd=folder, capture_output=True, text=True, timeout=110, env={**os.environ, **scratch}
    )


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed (Debian: prometheus, prometheus-alertmanager)")
    return path
