"""Receivers of alerts on loopback: what Slack, PagerDuty, a webhook, a mail server and a telephone's gateway take.

Each refuses what the real one would refuse, and remembers what it took.
"""

from __future__ import annotations

import email
import email.policy
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from aiosmtpd.controller import Controller

from tacit.monitoring.alerting.choices import Receivers
from tests.shells import free_port

Channel = Literal["slack", "pagerduty", "webhook", "mail", "sms", "dead_man"]
Status = Literal["firing", "resolved"]

SLACK_PATH = "/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
ROUTING_KEY = "0123456789abcdef0123456789abcdef"
ON_CALL = "on-call@tacit.test"


@dataclass(frozen=True)
class Arrival:
    """One message.

    Attributes:
        alert: The rule's name.
        at: When it came, in seconds of the monotonic clock.
        said: All of it.
    """

    channel: Channel
    alert: str
    status: Status
    at: float
    said: Any
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass
class AlertReceivers:
    """What came; `refuses` names channels that answer with an error now."""

    http: str
    smtp: str
    arrivals: list[Arrival] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    refuses: set[Channel] = field(default_factory=set)

    def choices(self, **more: Any) -> Receivers:
        """What an installation says to have all of them told, soon."""
        return Receivers(
            **{
                "webhooks": (f"{self.http}/hook",),
                "slack_url": self.http + SLACK_PATH,
                "slack_channel": "#alerts",
                "email_to": (ON_CALL,),
                "email_tls": False,
                "smarthost": self.smtp,
                "pagerduty_key": ROUTING_KEY,
                "pagerduty_url": f"{self.http}/v2/enqueue",
                "sms_url": f"{self.http}/sms",
                "dead_man_url": f"{self.http}/dead-man",
                "group_seconds": 0.1,
                "heartbeat_seconds": 1.0,
                **more,
            }
        )

    def first(
        self, channel: Channel, alert: str, status: Status, *, since: float = 0.0, **labels: str
    ) -> Arrival | None:
        """The first such message since a moment."""
        wanted = labels.items()
        return next(
            (
                each
                for each in list(self.arrivals)
                if (each.channel, each.alert, each.status) == (channel, alert, status)
                and each.at >= since
                and wanted <= each.labels.items()
            ),
            None,
        )

    def take(self, channel: Channel, said: Any) -> None:
        """Remember every alert of a message of Alertmanager's own form."""
        now = time.monotonic()
        for each in said["alerts"]:
            labels = each["labels"]
            self.arrivals.append(Arrival(channel, labels["alertname"], each["status"], now, said, labels))


@contextmanager
def alert_receivers() -> Iterator[AlertReceivers]:
    """All of them, listening."""
    smtp_port = free_port()
    listener = ThreadingHTTPServer(("127.0.0.1", 0), _Door)
    listener.daemon_threads = True
    made = AlertReceivers(f"http://127.0.0.1:{listener.server_address[1]}", f"127.0.0.1:{smtp_port}")
    listener.receivers = made  # type: ignore[attr-defined]
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    mail = Controller(_MailBox(made), hostname="127.0.0.1", port=smtp_port)
    mail.start()
    try:
        yield made
    finally:
        mail.stop()
        listener.shutdown()
        thread.join()
        listener.server_close()


class _MailBox:
    def __init__(self, receivers: AlertReceivers) -> None:
        self._receivers = receivers

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
        if "mail" in self._receivers.refuses:
            return "451 try again later"
        said = email.message_from_bytes(envelope.content, policy=email.policy.default)
        subject = str(said["Subject"])
        status: Status = "resolved" if "RESOLVED" in subject.upper() else "firing"
        body = said.get_body(("plain", "html"))
        text = subject + "\n" + ("" if body is None else body.get_content())
        for name in sorted(
            {*re.findall(r"alertname\W{1,40}?([A-Z]\w+)", text), *re.findall(r"\b[A-Z]\w{5,}\b", subject)}
        ):
            self._receivers.arrivals.append(Arrival("mail", name, status, time.monotonic(), text))
        return "250 taken"


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        receivers: AlertReceivers = self.server.receivers  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        ways = {
            SLACK_PATH: ("slack", _take_slack),
            "/v2/enqueue": ("pagerduty", _take_page),
            "/hook": ("webhook", _take_hook),
            "/sms": ("sms", _take_hook),
            "/dead-man": ("dead_man", _take_hook),
        }
        channel, take = ways.get(self.path, ("", None))
        if take is None or channel in receivers.refuses:
            self._answer(404, "no")
            return
        try:
            status, text = take(receivers, channel, json.loads(body))
        except (KeyError, ValueError, TypeError, AssertionError) as problem:
            receivers.odd.append(f"{channel}: {problem!r} in {body[:500]!r}")
            status, text = 400, "invalid_payload"
        self._answer(status, text)

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Nobody listens."""


def _take_slack(receivers: AlertReceivers, channel: Channel, said: Any) -> tuple[int, str]:
    """An incoming webhook: attachments, each with a title, a text and a colour."""
    for each in said["attachments"]:
        assert each["fallback"], "an attachment needs a fallback"
        assert each["color"], "an attachment needs a colour"
        status: Status = "resolved" if each["title"].upper().startswith("RESOLVED") else "firing"
        name = each["title"].rpartition(":")[2].strip()
        receivers.arrivals.append(Arrival(channel, name, status, time.monotonic(), said))
    return 200, "ok"


def _take_page(receivers: AlertReceivers, channel: Channel, said: Any) -> tuple[int, str]:
    """PagerDuty's Events API, version 2."""
    assert len(said["routing_key"]) == 32, "a routing key has 32 characters"
    assert said["event_action"] in ("trigger", "resolve")
    assert said["payload"]["severity"] in ("critical", "error", "warning", "info")
    assert said["payload"]["source"]
    status: Status = "resolved" if said["event_action"] == "resolve" else "firing"
    name = said["payload"]["summary"].partition(":")[0].strip()
    receivers.arrivals.append(Arrival(channel, name, status, time.monotonic(), said))
    return 202, json.dumps({"status": "success", "message": "Event processed", "dedup_key": said["dedup_key"]})


def _take_hook(receivers: AlertReceivers, channel: Channel, said: Any) -> tuple[int, str]:
    """Alertmanager's own form, version 4."""
    assert said["version"] == "4"
    receivers.take(channel, said)
    return 200, "ok"
