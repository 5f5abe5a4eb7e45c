"""Where somebody asks what is wrong now, and has an alert be silent for a while; also where nobody watches."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

from tacit.errors import BadInput, NotFound, Refused, Unavailable
from tacit.monitoring.alerting.rules import AlertRule
from tacit.monitoring.watch import WatchState
from tacit.security.audit import AuditRecorder

MOST_HOURS = 24.0 * 30
"""No silence is longer: what nobody wants to hear of for good is to leave the rules."""
MOST_REASON = 500
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)

Standing = Literal["watched", "unwatched", "unreachable"]


@dataclass(frozen=True)
class ActiveAlert:
    """Something that is wrong now, as Alertmanager has it.

    Attributes:
        name: The rule's.
        state: `silenced` where somebody asked for that, `inhibited` where a graver one speaks for it.
        since: When it began to fire, ISO 8601 in UTC.
        labels: What tells it apart from others of the rule; severity, category and owner are among them.
        summary: One line, with its numbers.
        description: What it means for users.
        runbook: Where to read on; empty where nothing is written.
        receivers: Who was told, by Alertmanager's names.
        silence_ids: The silences that keep it quiet.
    """

    name: str
    severity: str
    state: Literal["firing", "silenced", "inhibited"]
    since: str
    labels: Mapping[str, str]
    summary: str
    description: str
    runbook: str
    receivers: tuple[str, ...]
    silence_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Silence:
    """An agreement that nobody is told of something for a while.

    Attributes:
        alert: The rule it is about; empty where somebody wrote it elsewhere, by labels alone.
        labels: What else an alert must bear to be silent.
        until: ISO 8601 in UTC.
    """

    silence_id: str
    alert: str
    labels: Mapping[str, str]
    since: str
    until: str
    by: str
    reason: str
    is_begun: bool = True


@dataclass(frozen=True)
class AlertState:
    """What is wrong now, as far as anybody knows.

    Attributes:
        state: `watched` where Alertmanager told what follows; `unreachable` where there is one that does not answer;
            `unwatched` where there is none.  Without it nothing is known of alerts, which is not the same as none.
        detail: That as a sentence.
        alerts: What is wrong, the gravest and then the oldest first; the heartbeat, which always fires, is not among
            them.
        silences: Those that hold or will, the one that ends first first.
        watch: How the server finds itself watched; `None` while none runs on this home.
        rules: Everything that can be wrong, with its threshold.
        prometheus: Where the figures behind it can be looked at; `None` where nobody knows.
    """

    state: Standing
    detail: str
    alerts: tuple[ActiveAlert, ...]
    silences: tuple[Silence, ...]
    watch: WatchState | None
    rules: tuple[AlertRule, ...]
    prometheus: str | None = None


class Alertmanager(Protocol):
    """Who is told of alerts, and tells others.  Each method raises `Unavailable` where it does not answer in time."""

    def alerts(self) -> Sequence[ActiveAlert]: ...
    def silences(self) -> Sequence[Silence]:
        """Those that hold or will."""
        ...

    def add(self, silence: Silence) -> str:
        """Begin a silence, whose id is of no matter; returns the one it has."""
        ...

    def end(self, silence_id: str) -> None: ...


@dataclass(frozen=True)
class AlertDesk:
    """What operators ask and do about alerts.

    Attributes:
        alertmanager: Finds who knows what is wrong, as things are now; `None` where nobody does.
        prometheus: Finds where its figures are.
        watch: Reads how the server finds itself watched.
        rules: Everything that can be wrong.
        audit: Where silences are written down.
        clock: The time.
        name: Writes a moment as the trail has it.
    """

    alertmanager: Callable[[], Alertmanager | None]
    prometheus: Callable[[], str | None]
    watch: Callable[[], WatchState | None]
    rules: tuple[AlertRule, ...]
    audit: AuditRecorder
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def state(self) -> AlertState:
        """How things stand; never raises because somebody is away."""
        found: tuple[Standing, str, Sequence[ActiveAlert], Sequence[Silence]]
        alertmanager = self.alertmanager()
        if alertmanager is None:
            found = ("unwatched", "There is no Alertmanager: nobody is told of anything.", (), ())
        else:
            try:
                found = ("watched", "Alertmanager answers.", alertmanager.alerts(), alertmanager.silences())
            except Unavailable as problem:
                found = ("unreachable", f"What is wrong nobody can say: {problem.detail}", (), ())
        state, detail, alerts, silences = found
        return AlertState(
            state,
            detail,
            tuple(sorted((each for each in alerts if each.severity != "heartbeat"), key=_gravity)),
            tuple(sorted(silences, key=lambda each: each.until)),
            self.watch(),
            self.rules,
            self.prometheus(),
        )

    def silence(
        self, alert: str, *, hours: float, reason: str, actor: str, labels: Mapping[str, str] | None = None
    ) -> Silence:
        """Have nobody be told of an alert for a while; it goes on to be shown.

        Args:
            alert: The rule.
            hours: How long, up to 720.
            reason: Why; it stands beside the silence and in the trail.
            actor: Who asks.
            labels: What else an alert must bear to be silent; without any, all of the rule are.

        Raises:
            NotFound: `alert_unknown`.
            BadInput: `hours_range`, `reason_missing`, `label_invalid`.
            Refused: `heartbeat_silenced`: its silence is what people are told of; `alertmanager_missing`.
            Unavailable: `alertmanager_unreachable`.
        """
        self._check(alert, hours=hours)
        now = self.clock()
        asked = Silence(
            "", alert, _checked_labels(labels or {}), _text(now), _text(now + timedelta(hours=hours)), actor,
            _checked_reason(reason),
        )  # fmt: skip
        made = Silence(**{**vars(asked), "silence_id": self._reached().add(asked)})
        facts = {"until": made.until, "reason": made.reason, "silence_id": made.silence_id, "labels": dict(made.labels)}
        self.audit.record("alert_silenced", actor=actor, subject=alert, at=_text(now), facts=facts)
        return made

    def unsilence(self, silence_id: str, *, actor: str) -> Silence:
        """End a silence before its time.

        Raises:
            NotFound: `silence_unknown`.
            Refused: `alertmanager_missing`: there is none.
            Unavailable: `alertmanager_unreachable`.
        """
        reached = self._reached()
        found = next((each for each in reached.silences() if each.silence_id == silence_id), None)
        if found is None:
            fix = "`tacit alerts` lists those there are."
            raise NotFound("silence_unknown", "There is no such silence now.", field="silence_id", fix=fix)
        reached.end(silence_id)
        now = _text(self.clock())
        self.audit.record(
            "alert_unsilenced", actor=actor, subject=found.alert, at=now, facts={"silence_id": silence_id}
        )
        return found

    def _reached(self) -> Alertmanager:
        found = self.alertmanager()
        if found is None:
            # Not for now: without one there never will be anything to silence, so asking again does not help.
            raise Refused(
                "alertmanager_missing",
                "There is no Alertmanager.",
                fix="Start with --with-monitoring, or set monitoring.alertmanager_url.",
            )
        return found

    def _check(self, alert: str, *, hours: float) -> None:
        rule = next((each for each in self.rules if each.name == alert), None)
        if rule is None:
            fix = "`tacit alerts list --rules` lists those there are."
            raise NotFound("alert_unknown", "There is no rule of this name.", field="alert", fix=fix)
        if rule.severity == "heartbeat":
            detail = "This one always fires, to show that alerts arrive; silenced, it would look like an outage."
            raise Refused("heartbeat_silenced", detail, field="alert", fix="Leave it as it is.")
        if not 0 < hours <= MOST_HOURS:
            detail = "A silence is longer than nothing and at most 720 hours long."
            raise BadInput("hours_range", detail, field="hours", fix="Send more than 0, up to 720.")


def _gravity(alert: ActiveAlert) -> tuple[int, str, str]:
    order = ("p0", "critical", "warning")
    return (order.index(alert.severity) if alert.severity in order else len(order), alert.since, alert.name)


def _checked_reason(reason: str) -> str:
    text = reason.strip()
    if not text or len(text) > MOST_REASON or not text.isprintable():
        detail = f"A silence needs a reason, in one line of at most {MOST_REASON} characters."
        raise BadInput("reason_missing", detail, field="reason", fix="Say why.")
    return text


def _checked_labels(labels: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in labels.items():
        is_name = _LABEL.fullmatch(name) is not None and name != "alertname"
        if not is_name or not value or len(value) > MOST_REASON or not value.isprintable():
            detail = "A label has a name of letters, digits and underscores, and a value in one line."
            raise BadInput("label_invalid", detail, field="labels", fix="Send labels that the alert bears.")
    return dict(labels)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def described(state: AlertState) -> dict[str, object]:
    """How things stand as plain values: what the interface answers, and `tacit alerts --json`."""
    rules = [
        {
            "name": each.name,
            "severity": each.severity,
            "category": each.category,
            "owner": each.owner,
            "summary": each.summary,
            "threshold": each.threshold,
            "for_seconds": each.for_seconds,
            "runbook": each.runbook,
            "workload": each.workload,
        }
        for each in state.rules
    ]
    return {**asdict(state), "rules": rules}
