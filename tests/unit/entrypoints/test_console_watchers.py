"""What the console says of alerts and drift: what a desk knows, and where there is none, that nobody looks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from tacit.entrypoints.api.checkpoints import PRINCIPAL
from tacit.entrypoints.console.alerts_pages import AlertPages, AlertWatch
from tacit.entrypoints.console.drift_pages import DriftPages
from tacit.entrypoints.console.forms import Form
from tacit.entrypoints.console.frame import ConsolePages
from tacit.errors import BadInput
from tacit.security.principals import LOCAL, Principal

NOW = 1_795_300_000_000
LOOKER = Principal("key", "key:looker", frozenset({"operations:read"}))


@dataclass(frozen=True)
class Alert:
    name: str = "AnswersSlow"
    severity: str = "critical"
    state: str = "firing"
    since: str = "2026-11-22T05:00:00.000Z"
    labels: dict[str, str] = field(default_factory=dict)
    summary: str = "<b>p95</b> is 1.2 s"
    description: str = "Users wait."
    runbook: str = "docs/runbooks/answers-slow.md"
    receivers: tuple[str, ...] = ("oncall",)


@dataclass(frozen=True)
class State:
    state: str = "watched"
    detail: str = "Alertmanager answers."
    alerts: tuple[Alert, ...] = (Alert(), Alert(name="Behind", severity="warning", state="silenced"))
    silences: tuple[Any, ...] = ()
    watch: Any = None
    rules: tuple[Any, ...] = (
        SimpleNamespace(
            name="AnswersSlow", severity="critical", category="service", threshold="p95 above 1 s", for_seconds=300.0,
            owner="platform", runbook="answers-slow", description="Users wait.",
        ),
        SimpleNamespace(name="Heartbeat", severity="heartbeat", category="watch"),
    )  # fmt: skip
    prometheus: str | None = None


@dataclass
class Desk:
    """Somebody who knows, and writes down what is asked of them."""

    known: State = field(default_factory=State)
    asked: list[Any] = field(default_factory=list)

    def state(self) -> State:
        self.asked.append("state")
        return self.known

    def silence(self, alert: str, **said: Any) -> Any:
        if said["hours"] > 720:
            raise BadInput("hours_range", "A silence is at most 720 hours long.", field="hours")
        self.asked.append((alert, said))
        return SimpleNamespace(until="2026-11-22T09:00:00.000Z")

    def unsilence(self, silence_id: str, *, actor: str) -> None:
        self.asked.append((silence_id, actor))


def request_of(principal: Principal = LOCAL, cookie: str = "") -> Request:
    app = SimpleNamespace(state=SimpleNamespace())
    return Request({"type": "http", "method": "GET", "headers": [], "app": app, PRINCIPAL: principal})


def text_of(page: Any) -> str:
    main = bytes(page.body).decode().split('<main id="main"')[1]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main))


@pytest.fixture
def frame() -> ConsolePages:
    return ConsolePages(clock_ms=lambda: NOW)


def test_what_fires_is_shown_with_who_was_told_and_where_to_read_on(frame: ConsolePages) -> None:
    page = AlertPages(frame, AlertWatch(Desk(), "https://wiki/")).alerts(request_of())
    said = text_of(page)

    assert "AnswersSlow" in said
    assert "Told: oncall" in said
    assert "p95 above 1 s" in said
    assert "Heartbeat" not in said
    assert b"https://wiki/answers-slow.md" in page.body
    assert b"<b>p95</b>" not in page.body


def test_who_may_only_look_is_offered_no_silence(frame: ConsolePages) -> None:
    pages = AlertPages(frame, AlertWatch(Desk()))
    forms = [bytes(pages.alerts(request_of(who)).body).count(b"/alerts/silences") for who in (LOCAL, LOOKER)]

    assert forms[0] >= 2
    assert forms[1] == 0


def test_where_nobody_watches_the_page_says_so_and_not_that_all_is_well(frame: ConsolePages) -> None:
    absent = text_of(AlertPages(frame, None).alerts(request_of()))
    state = State("unwatched", "There is no Alertmanager: nobody is told of anything.", (), rules=())
    unwatched = text_of(AlertPages(frame, AlertWatch(Desk(state))).alerts(request_of()))

    assert "Nobody watches this installation" in absent
    assert "nobody is told of anything" in unwatched
    assert all("Nothing is wrong" not in said for said in (absent, unwatched))


def test_a_desk_is_asked_once_for_all_that_look_within_a_moment_and_anew_after_an_act() -> None:
    desk, now = Desk(), [0.0]
    watch = AlertWatch(desk, clock=lambda: now[0])
    for _ in range(5):
        watch.state()
    now[0] = 3.5
    assert [each.name for each in watch.firing() or ()] == ["AnswersSlow"]
    watch.forget()
    watch.state()

    assert desk.asked == ["state"] * 3


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (State(), None),
        (State("unreachable", "Alertmanager is away."), "Alerts may reach nobody: Alertmanager is away."),
        (
            replace(State(), watch=SimpleNamespace(troubles=[SimpleNamespace(detail="Nobody reads /metrics.")])),
            "Nobody may be watching: Nobody reads /metrics.",
        ),
    ],
)
def test_every_page_says_that_alerts_reach_nobody_while_that_is_so(state: State, said: str | None) -> None:
    assert AlertWatch(Desk(state)).banner() == said


def test_an_alert_is_silenced_by_whoever_asks_and_a_wrong_wish_is_said_on_the_page(frame: ConsolePages) -> None:
    desk = Desk()
    pages = AlertPages(frame, AlertWatch(desk))
    said = {"alert": "AnswersSlow", "hours": "4", "reason": "known"}
    done = pages.silence(request_of(), Form(tuple(said.items())))
    refused = pages.silence(request_of(), Form(tuple({**said, "hours": "9999"}.items())))

    assert desk.asked[0] == ("AnswersSlow", {"hours": 4.0, "reason": "known", "actor": "local"})
    assert [(each.status_code, each.headers["location"]) for each in (done, refused)] == [(303, "/console/alerts")] * 2


@dataclass(frozen=True)
class Drifts:
    """Somebody who looked, or did not."""

    report: Any = None
    thresholds: Any = field(default_factory=lambda: SimpleNamespace(warn=0.3, retrain=0.6))

    def latest(self) -> Any:
        return self.report

    def history(self, *, limit: int = 200) -> list[Any]:
        return [SimpleNamespace(at_ms=NOW + at, overall=at / 10) for at in range(3)]


REPORT = SimpleNamespace(
    at_ms=NOW, from_ms=NOW - 3_600_000, to_ms=NOW, reference_from_ms=NOW - 86_400_000, version=3, overall=0.45,
    state="warn", retraining="none", job_id=None, rates=(), bursts=(),
    features=(
        SimpleNamespace(
            name="popularity", title="How popular what is chosen is", state="warn", units=500, score=0.45, effect=0.12,
            measure="ks", chance=0.02, p_value=0.0001, bars=(SimpleNamespace(label="below 0.1", before=0.2, now=0.35),),
        ),
        SimpleNamespace(
            name="values", title="Ratings and amounts", state="not_enough_data", units=3, score=None, effect=None,
            measure="", chance=None, p_value=None, bars=(),
        ),
    ),
    quality=(
        SimpleNamespace(
            metric="ctr", baseline=0.1, estimated=0.09, measured=0.08, low=0.07, high=0.1, units=500, state="ok"
        ),
    ),
)  # fmt: skip


def test_drift_stands_beside_estimated_and_measured_quality_with_its_p_value(frame: ConsolePages) -> None:
    said = text_of(DriftPages(frame, Drifts(REPORT)).drift(request_of()))

    assert "ctr 0.45 0.1000 0.0900 0.0800 0.0700 – 0.1000 500" in said
    assert "&lt; 0.001" in said
    assert "not enough data" in said
    assert "+15.0 points" in said


def test_where_nobody_looked_for_drift_the_page_says_so(frame: ConsolePages) -> None:
    assert "Nobody looks for drift here" in text_of(DriftPages(frame, None).drift(request_of()))
    assert "Nobody has looked yet" in text_of(DriftPages(frame, Drifts()).drift(request_of()))


def test_the_chart_of_drift_goes_through_every_look_beside_its_limits(frame: ConsolePages) -> None:
    body = bytes(DriftPages(frame, Drifts(REPORT)).figures().body).decode()

    assert '"values":[[0.0,0.1,0.2],[0.3,0.3,0.3],[0.6,0.6,0.6]]' in body
