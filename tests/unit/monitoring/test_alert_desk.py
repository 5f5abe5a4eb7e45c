"""The desk of alerts, over an Alertmanager in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from tacit.adapters.memory import MemoryAuditTrail
from tacit.errors import NotFound, Refused, TacitError, Unavailable
from tacit.monitoring.alert_desk import ActiveAlert, AlertDesk, Silence, described
from tacit.monitoring.alerting.catalogue import alert_rules
from tacit.monitoring.alerting.choices import AlertChoices
from tacit.monitoring.watch import WatchState
from tacit.security.audit import AuditRecorder

RULES = alert_rules(AlertChoices())
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def alert(name: str, severity: str, since: str = "2026-11-22T11:00:00Z") -> ActiveAlert:
    return ActiveAlert(
        name, severity, "firing", since, {"severity": severity}, "says", "means", "page.md", ("warning",)
    )


@dataclass
class Known:
    """An Alertmanager that knows what it is told, and may be away."""

    found: Sequence[ActiveAlert] = ()
    kept: list[Silence] = field(default_factory=list)
    is_away: bool = False

    def alerts(self) -> Sequence[ActiveAlert]:
        if self.is_away:
            raise Unavailable("alertmanager_unreachable", "It is away.")
        return self.found

    def silences(self) -> Sequence[Silence]:
        return self.kept

    def add(self, silence: Silence) -> str:
        self.kept.append(replace(silence, silence_id=f"s{len(self.kept)}"))
        return self.kept[-1].silence_id

    def end(self, silence_id: str) -> None:
        self.kept = [each for each in self.kept if each.silence_id != silence_id]


def desk(known: Known | None, trail: MemoryAuditTrail | None = None) -> AlertDesk:
    watch = WatchState(is_expected=True, scraped_seconds_ago=3.0, alertmanager="absent")
    audit = AuditRecorder(trail or MemoryAuditTrail())
    return AlertDesk(lambda: known, lambda: "http://127.0.0.1:9090", lambda: watch, RULES, audit, lambda: NOON)


@pytest.mark.requirement("MON-041")
def test_the_gravest_and_then_the_oldest_alert_stands_first_and_the_heartbeat_nowhere() -> None:
    found = (
        alert("DeadMansSwitch", "heartbeat"),
        alert("EventLagHigh", "warning", "2026-11-22T09:00:00Z"),
        alert("ErrorRateCritical", "critical"),
        alert("ModelNotLoaded", "critical", "2026-11-22T10:00:00Z"),
        alert("TacitDown", "p0"),
    )

    state = desk(Known(found)).state()

    assert state.state == "watched"
    assert [each.name for each in state.alerts] == ["TacitDown", "ModelNotLoaded", "ErrorRateCritical", "EventLagHigh"]
    assert state.rules == RULES


@pytest.mark.parametrize(("known", "standing"), [(None, "unwatched"), (Known(is_away=True), "unreachable")])
def test_where_nobody_knows_of_alerts_the_desk_says_so_and_shows_rules_and_watch(
    known: Known | None, standing: str
) -> None:
    state = desk(known).state()

    assert state.state == standing
    assert state.alerts == ()
    assert state.watch is not None
    assert len(described(state)["rules"]) == len(RULES)  # type: ignore[arg-type]


def test_a_silence_is_agreed_written_down_and_ended() -> None:
    known, trail = Known(), MemoryAuditTrail()
    at = desk(known, trail)

    made = at.silence(
        "EventLagHigh", hours=2, reason=" import of old events ", actor="ann", labels={"workload": "recommender"}
    )
    at.unsilence(made.silence_id, actor="bob")

    assert (made.until, made.reason, made.by) == ("2026-11-22T14:00:00.000Z", "import of old events", "ann")
    assert known.kept == []
    ended, begun = trail.entries(limit=2)
    assert (begun.action, begun.actor, begun.subject) == ("alert_silenced", "ann", "EventLagHigh")
    assert (ended.action, ended.actor, ended.subject) == ("alert_unsilenced", "bob", "EventLagHigh")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"alert": "Nonsense"}, "alert_unknown"),
        ({"alert": "DeadMansSwitch"}, "heartbeat_silenced"),
        ({"hours": 0}, "hours_range"),
        ({"hours": 721}, "hours_range"),
        ({"hours": float("nan")}, "hours_range"),
        ({"reason": "  "}, "reason_missing"),
        ({"reason": "a\nb"}, "reason_missing"),
        ({"labels": {"a-b": "x"}}, "label_invalid"),
        ({"labels": {"alertname": "x"}}, "label_invalid"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused_and_nothing_is_written(said: dict[str, object], code: str) -> None:
    known, trail = Known(), MemoryAuditTrail()
    asked = {"alert": "EventLagHigh", "hours": 1, "reason": "why", **said}

    with pytest.raises(TacitError) as caught:
        desk(known, trail).silence(str(asked.pop("alert")), actor="ann", **asked)  # type: ignore[arg-type]

    assert caught.value.code == code
    assert known.kept == []
    assert trail.entries() == []


def test_without_an_alertmanager_nothing_can_be_silenced() -> None:
    for ask in (
        lambda: desk(None).silence("EventLagHigh", hours=1, reason="why", actor="ann"),
        lambda: desk(None).unsilence("s1", actor="ann"),
    ):
        with pytest.raises(Refused) as caught:
            ask()
        assert caught.value.code == "alertmanager_missing"


def test_a_silence_that_is_not_there_cannot_be_ended() -> None:
    with pytest.raises(NotFound) as caught:
        desk(Known()).unsilence("s9", actor="ann")

    assert caught.value.code == "silence_unknown"
