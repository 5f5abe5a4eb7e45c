"""Whom an alert reaches, by how much it presses and what it is about, as Alertmanager reads it (pure)."""

from __future__ import annotations

from typing import Any

from tacit.monitoring.alerting.choices import Receivers, duration

HEARTBEAT, WARNING, CRITICAL, TEXTED, TEXTED_WARNING = "heartbeat", "warning", "critical", "p0", "security-warning"
"""Receivers: the dead man's; and warnings, critical alerts, those that send a short message too, warnings of security.
"""


def routing(receivers: Receivers) -> dict[str, Any]:
    """Alertmanager's whole configuration.

    A warning goes to Slack and mail; a critical alert to PagerDuty too; one of P0 or of security to a telephone too.
    While a critical alert of a concern fires, nobody is told of its warnings.
    """
    chat, page, text = _chat(receivers), _paged(receivers), _texted(receivers)
    return {
        **_mail_server(receivers),
        "route": _routes(receivers),
        "inhibit_rules": [
            {
                "source_matchers": ['severity=~"critical|p0"'],
                "target_matchers": ['severity="warning"'],
                "equal": ["concern"],
            },
            {"source_matchers": ['severity="p0"'], "target_matchers": ['severity="critical"'], "equal": ["concern"]},
        ],
        "receivers": [
            {"name": WARNING, **_joined(receivers, chat)},
            {"name": CRITICAL, **_joined(receivers, chat | page)},
            {"name": TEXTED, **_joined(receivers, chat | page, text)},
            {"name": TEXTED_WARNING, **_joined(receivers, chat, text)},
            {"name": HEARTBEAT, **_heartbeat(receivers)},
        ],
    }


def _routes(receivers: Receivers) -> dict[str, Any]:
    urgent = 'severity=~"critical|p0"'
    return {
        "receiver": WARNING,
        "group_by": ["concern", "workload"],
        "group_wait": duration(receivers.group_seconds),
        "group_interval": duration(max(receivers.group_seconds, 1.0)),
        "repeat_interval": duration(receivers.repeat_seconds),
        "routes": [
            {
                "receiver": HEARTBEAT,
                "matchers": ['severity="heartbeat"'],
                "group_wait": "0s",
                "group_interval": duration(min(receivers.group_seconds, receivers.heartbeat_seconds)),
                "repeat_interval": duration(receivers.heartbeat_seconds),
            },
            {"receiver": TEXTED, "matchers": ['severity="p0"']},
            {"receiver": TEXTED, "matchers": ['category="security"', urgent]},
            {"receiver": TEXTED_WARNING, "matchers": ['category="security"']},
            {"receiver": CRITICAL, "matchers": ['severity="critical"']},
        ],
    }


def _joined(receivers: Receivers, channels: dict[str, Any], text: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """The channels, with every webhook that is told of all alerts."""
    hooks = [{"url": url, "send_resolved": True} for url in receivers.webhooks] + (text or [])
    return {**channels, **({"webhook_configs": hooks} if hooks else {})}


def _chat(receivers: Receivers) -> dict[str, Any]:
    channels: dict[str, Any] = {}
    address = _secret("api_url", receivers.slack_url, receivers.slack_url_file)
    if address:
        channels["slack_configs"] = [{**address, **_SLACK, **_named("channel", receivers.slack_channel)}]
    if receivers.email_to:
        channels["email_configs"] = [{"to": to, "send_resolved": True} for to in receivers.email_to]
    return channels


_SLACK: dict[str, Any] = {
    "send_resolved": True,
    "title": "{{ .Status | toUpper }} {{ .CommonLabels.severity }}: {{ .CommonLabels.alertname }}",
    "text": "{{ range .Alerts }}{{ .Annotations.summary }}\n{{ .Annotations.runbook_url }}\n{{ end }}",
}


def _paged(receivers: Receivers) -> dict[str, Any]:
    key = _secret("routing_key", receivers.pagerduty_key, receivers.pagerduty_key_file)
    if not key:
        return {}
    told = {"description": "{{ .CommonLabels.alertname }}: {{ (index .Alerts 0).Annotations.summary }}"}
    return {
        "pagerduty_configs": [{**key, **told, **_named("url", receivers.pagerduty_url or ""), "send_resolved": True}]
    }


def _texted(receivers: Receivers) -> list[dict[str, Any]]:
    """Short messages tell of the beginning alone: nobody is to be woken to hear that all is well."""
    return [{"url": receivers.sms_url, "send_resolved": False}] if receivers.sms_url else []


def _heartbeat(receivers: Receivers) -> dict[str, Any]:
    if receivers.dead_man_url is None:
        return {}
    return {"webhook_configs": [{"url": receivers.dead_man_url, "send_resolved": False}]}


def _mail_server(receivers: Receivers) -> dict[str, Any]:
    if not receivers.email_to:
        return {}
    server: dict[str, Any] = {
        "smtp_smarthost": receivers.smarthost,
        "smtp_from": receivers.email_from,
        "smtp_require_tls": receivers.email_tls,
        **_named("smtp_auth_username", receivers.email_user),
        **_secret("smtp_auth_password", receivers.email_password, receivers.email_password_file),
    }
    return {"global": server}


def _secret(name: str, value: str | None, path: str | None) -> dict[str, str]:
    """A secret's entry; where it lies in a file, the file is named, and the secret stands nowhere else."""
    if path is not None:
        return {f"{name}_file": path}
    return {} if value is None else {name: value}


def _named(name: str, value: str) -> dict[str, str]:
    return {name: value} if value else {}
