"""Alerts and silences over HTTP and from a shell: a platform as it is wired, and an Alertmanager that a test plays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tacit.bootstrap import App, build, load_settings, serving
from tacit.entrypoints.api.operations import further_routes
from tests.apis import api_of
from tests.event_servers import Told, ToldServer, told_server
from tests.shells import within
from tests.stages import listening

FOUND = [
    {
        "labels": {"alertname": "EventLagHigh", "severity": "warning", "category": "data"},
        "annotations": {
            "summary": "5,120 events wait.",
            "description": "Lists are behind.",
            "runbook_url": "event-lag.md",
        },
        "startsAt": "2026-11-22T05:01:12.345Z",
        "receivers": [{"name": "warning"}],
        "status": {"state": "suppressed", "silencedBy": ["s1"], "inhibitedBy": []},
    }
]
SILENCED = [
    {
        "id": "s1",
        "matchers": [{"name": "alertname", "value": "EventLagHigh", "isRegex": False, "isEqual": True}],
        "startsAt": "2026-11-22T05:00:00Z",
        "endsAt": "2026-11-22T07:00:00Z",
        "createdBy": "ann",
        "comment": "import",
        "status": {"state": "active"},
    }
]
ASKED = {"alert": "EventLagHigh", "hours": 2, "reason": "import of last year's events"}


@dataclass(frozen=True)
class Desk:
    """A platform that answers, and the Alertmanager that it asks."""

    app: App
    home: Path
    client: httpx2.Client
    alertmanager: ToldServer

    def tell(self, *bodies: object, status: int = 200) -> None:
        """What Alertmanager answers next, the last for ever."""
        self.alertmanager.answers[:] = [Told(status, json.dumps(each).encode()) for each in bodies]
        self.alertmanager.asked.clear()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    home = tmp_path_factory.mktemp("home")
    with ExitStack() as stack:
        alertmanager = stack.enter_context(told_server(Told(200, b"[]")))
        flags = {"home": home, "als.engine": "numpy", "monitoring.alertmanager_url": alertmanager.address}
        app = stack.enter_context(build(load_settings(flags=flags, environ={})))
        parts = stack.enter_context(serving(app))
        client = stack.enter_context(listening(api_of(parts, extra_routers=further_routes(app, parts))))
        yield Desk(app, home, client, alertmanager)


@pytest.mark.requirement("MON-041")
def test_what_is_wrong_is_told_with_who_is_silent_and_every_rule(desk: Desk) -> None:
    desk.tell(FOUND, SILENCED)

    told = desk.client.get("/api/v1/alerts").json()

    assert told["state"] == "watched"
    assert [(each["name"], each["state"], each["silence_ids"]) for each in told["alerts"]] == [
        ("EventLagHigh", "silenced", ["s1"])
    ]
    assert [(each["silence_id"], each["alert"], each["by"]) for each in told["silences"]] == [
        ("s1", "EventLagHigh", "ann")
    ]
    assert {"DeadMansSwitch", "TacitDown"} <= {each["name"] for each in told["rules"]}


@pytest.mark.parametrize(("body", "status"), [([], 500), ({"odd": 1}, 200), ([{"odd": 1}], 200)])
def test_an_alertmanager_that_makes_no_sense_is_called_unreachable(desk: Desk, body: object, status: int) -> None:
    desk.tell(body, status=status)

    answer = desk.client.get("/api/v1/alerts")

    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["alerts"]) == ("unreachable", [])


def test_a_silence_is_passed_on_with_its_reason_and_stands_in_the_trail(desk: Desk) -> None:
    desk.tell({"silenceID": "s7"})

    answer = desk.client.post("/api/v1/alerts/silences", json=ASKED)

    assert (answer.status_code, answer.json()["silence_id"]) == (201, "s7")
    method, path, sent = desk.alertmanager.asked[0]
    assert (method, path) == ("POST", "/api/v2/silences")
    assert json.loads(sent)["matchers"] == [
        {"name": "alertname", "value": "EventLagHigh", "isRegex": False, "isEqual": True}
    ]
    assert json.loads(sent)["comment"] == ASKED["reason"]
    newest = desk.app.audit.entries(limit=1)[0]
    assert (newest.action, newest.subject, newest.facts["silence_id"]) == ("alert_silenced", "EventLagHigh", "s7")


def test_a_silence_is_ended_before_its_time(desk: Desk) -> None:
    desk.tell(SILENCED, {})

    answer = desk.client.delete("/api/v1/alerts/silences/s1")

    assert (answer.status_code, answer.json()["alert"]) == (200, "EventLagHigh")
    assert desk.alertmanager.asked[-1][:2] == ("DELETE", "/api/v2/silence/s1")


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"alert": "Nonsense"}, 404, "alert_unknown"),
        ({"alert": 1}, 422, "type"),
        ({"hours": True}, 422, "type"),
        ({"hours": 1_000}, 422, "hours_range"),
        ({"labels": {"a": 1}}, 422, "type"),
        ({"for": "ever"}, 422, "field_unknown"),
        ({"alert": "DeadMansSwitch"}, 409, "heartbeat_silenced"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused(desk: Desk, changed: object, status: int, code: str) -> None:
    desk.tell({"silenceID": "s7"})

    answer = desk.client.post("/api/v1/alerts/silences", json={**ASKED, **changed})  # type: ignore[dict-item]

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert desk.alertmanager.asked == []


def test_the_shell_shows_and_silences_what_the_interface_does(desk: Desk) -> None:
    asked = ("--set", f"monitoring.alertmanager_url={desk.alertmanager.address}", "--set", "als.engine=numpy")
    desk.tell(FOUND, SILENCED)
    listed = within("alerts", *asked, home=desk.home)
    desk.tell({"silenceID": "s8"})
    words = ("EventLagHigh", "--hours", "1", "--reason", "drill", "--label", "workload=recommender", "--json")
    silenced = within("alerts", "silence", *words, *asked, home=desk.home)
    alone = within("alerts", "list", "--rules", "--set", "als.engine=numpy", home=desk.home)

    assert (listed.code, silenced.code, alone.code) == (0, 0, 0)
    assert listed.out.startswith("watched: 0 firing, 1 quiet")
    assert silenced.answer["labels"] == {"workload": "recommender"}
    assert alone.out.startswith("unwatched: There is no Alertmanager")
    assert "TacitDown" in alone.out
