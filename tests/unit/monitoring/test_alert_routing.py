"""Whom an alert reaches: severity × category, as the real Alertmanager's own tool reads the file."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tacit.monitoring.alerting.catalogue import alert_rules
from tacit.monitoring.alerting.choices import AlertChoices, Receivers
from tacit.monitoring.alerting.files import alertmanager_file
from tacit.monitoring.alerting.runbooks import whom

ALL = Receivers(
    webhooks=("http://all.example/",),
    slack_url_file="/run/secrets/slack",
    email_to=("ann@example.org", "bob@example.org"),
    email_password_file="/run/secrets/mail",
    email_user="tacit",
    pagerduty_key_file="/run/secrets/pagerduty",
    sms_url="http://sms.example/",
    dead_man_url="http://alive.example/",
)
WARNED = {"slack", "email", "webhook"}
PAGED = WARNED | {"pagerduty"}
TABLE = [
    ("warning", "service", WARNED),
    ("warning", "model", WARNED),
    ("critical", "service", PAGED),
    ("critical", "data", PAGED),
    ("p0", "capacity", PAGED | {"sms"}),
    ("warning", "security", WARNED | {"sms"}),
    ("critical", "security", PAGED | {"sms"}),
    ("heartbeat", "watch", {"alive"}),
]


def channels(receiver: dict[str, Any]) -> set[str]:
    """What a receiver is told by."""
    named = {"sms": "http://sms.example/", "alive": "http://alive.example/", "webhook": "http://all.example/"}
    hooks = {each["url"] for each in receiver.get("webhook_configs", ())}
    apart = {key.removesuffix("_configs") for key in receiver if key.endswith("_configs")} - {"webhook"}
    return apart | {name for name, url in named.items() if url in hooks}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("routing") / "alertmanager.yml"
    path.write_text(alertmanager_file(ALL), "utf-8")
    return path


@pytest.mark.requirement("ALERT-023")
@pytest.mark.requirement("ALERT-024")
@pytest.mark.requirement("ALERT-025")
@pytest.mark.requirement("ALERT-026")
@pytest.mark.requirement("ALERT-027")
@pytest.mark.requirement("ALERT-028")
@pytest.mark.requirement("ALERT-031")
@pytest.mark.parametrize(("severity", "category", "told"), TABLE)
def test_severity_and_category_decide_who_is_told(config: Path, severity: str, category: str, told: set[str]) -> None:
    amtool = shutil.which("amtool")
    if amtool is None:
        pytest.skip("amtool is not installed (Debian: prometheus-alertmanager)")
    labels = [f"severity={severity}", f"category={category}"]

    ran = subprocess.run(
        [amtool, "config", "routes", "test", f"--config.file={config}", *labels],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )

    receivers = {each["name"]: each for each in yaml.safe_load(config.read_text("utf-8"))["receivers"]}
    assert channels(receivers[ran.stdout.strip()]) == told


def test_no_secret_that_lies_in_a_file_stands_in_the_configuration() -> None:
    text = alertmanager_file(ALL)

    assert "routing_key_file: /run/secrets/pagerduty" in text
    assert "api_url_file: /run/secrets/slack" in text
    assert "smtp_auth_password_file: /run/secrets/mail" in text
    assert "api_url:" not in text


def test_a_grave_alert_has_the_warnings_of_its_concern_be_silent() -> None:
    rules = yaml.safe_load(alertmanager_file(Receivers()))["inhibit_rules"]
    concerns: dict[tuple[str, str], set[str]] = {}
    for rule in alert_rules(AlertChoices()):
        concerns.setdefault((rule.labels["concern"], rule.workload), set()).add(rule.severity)

    assert [each["equal"] for each in rules] == [["concern"], ["concern"]]
    assert concerns["ErrorRate-recommender", "recommender"] == {"warning", "critical"}
    assert concerns["Memory", "recommender"] == {"warning", "critical", "p0"}
    assert concerns["Presence", "recommender"] == {"critical", "p0"}


def test_a_runbook_says_of_each_alert_who_is_told() -> None:
    told = {rule.name: whom(rule) for rule in alert_rules(AlertChoices())}

    assert told["ErrorRateHigh"] == "Slack and e-mail"
    assert told["ErrorRateCritical"] == "Slack, e-mail and PagerDuty"
    assert told["SignInAttack"] == "Slack, e-mail and SMS"
    assert told["TrailBroken"] == "Slack, e-mail, PagerDuty and SMS"
    assert told["TacitDown"] == "Slack, e-mail, PagerDuty and SMS"
