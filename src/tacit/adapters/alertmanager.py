"""Alertmanager, asked through its API (version 2) with a deadline of our own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import httpx2

from tacit.errors import Unavailable
from tacit.monitoring.alert_desk import ActiveAlert, Silence

TIMEOUT_SECONDS = 2.0
MOST_BYTES = 8_000_000
_FAILURES = (httpx2.HTTPError, httpx2.InvalidURL, ValueError, KeyError, TypeError, AttributeError)


class HttpAlertmanager:
    """An `Alertmanager` (of `tacit.monitoring.alert_desk`) over HTTP.

    Args:
        address: Where it is, as `http://127.0.0.1:9093`; a path may follow.
        seconds: How long one question is waited for.
    """

    def __init__(self, address: str, *, seconds: float = TIMEOUT_SECONDS) -> None:
        self._address, self._seconds = address.rstrip("/"), seconds

    def alerts(self) -> Sequence[ActiveAlert]:
        return self._read("/api/v2/alerts", {"unprocessed": "true"}, _alert)

    def silences(self) -> Sequence[Silence]:
        found: list[tuple[str, Silence]] = self._read("/api/v2/silences", {}, _silence)
        return [silence for state, silence in found if state != "expired"]

    def add(self, silence: Silence) -> str:
        matched = {"alertname": silence.alert, **silence.labels}
        body = {
            "matchers": [
                {"name": name, "value": value, "isRegex": False, "isEqual": True} for name, value in matched.items()
            ],
            "startsAt": silence.since,
            "endsAt": silence.until,
            "createdBy": silence.by,
            "comment": silence.reason,
        }
        answer = self._ask("POST", "/api/v2/silences", json=body)
        try:
            return str(answer["silenceID"])
        except (KeyError, TypeError) as problem:
            raise _unreachable(f"it answers oddly ({type(problem).__name__})") from problem

    def end(self, silence_id: str) -> None:
        self._ask("DELETE", f"/api/v2/silence/{silence_id}")

    def has_heartbeat(self) -> bool:
        """Whether an alert fires that always does while its Prometheus lives.

        Raises:
            Unavailable: `alertmanager_unreachable`.
        """
        params = {"active": "true", "filter": 'severity="heartbeat"'}
        return bool(self._read("/api/v2/alerts", params, _alert))

    def _read(self, path: str, params: Mapping[str, str], read: Any) -> list[Any]:
        found = self._ask("GET", path, params=params)
        try:
            return [read(each) for each in found]
        except _FAILURES as problem:
            raise _unreachable(f"it answers oddly ({type(problem).__name__})") from problem

    def _ask(self, method: str, path: str, **sent: Any) -> Any:
        try:
            answer = httpx2.request(method, self._address + path, timeout=self._seconds, trust_env=False, **sent)
            answer.raise_for_status()
            if len(answer.content) > MOST_BYTES:
                raise ValueError("too much")
            return answer.json() if answer.content else None
        except httpx2.HTTPStatusError as problem:
            raise _unreachable(f"it answers {problem.response.status_code}") from problem
        except _FAILURES as problem:
            raise _unreachable(type(problem).__name__) from problem


def _alert(said: Mapping[str, Any]) -> ActiveAlert:
    status, labels, notes = said["status"], dict(said["labels"]), dict(said.get("annotations") or {})
    state: Literal["firing", "silenced", "inhibited"] = "firing"
    if status.get("silencedBy"):
        state = "silenced"
    elif status.get("inhibitedBy"):
        state = "inhibited"
    return ActiveAlert(
        name=labels.pop("alertname", ""),
        severity=labels.get("severity", ""),
        state=state,
        since=said["startsAt"],
        labels=labels,
        summary=notes.get("summary", ""),
        description=notes.get("description", ""),
        runbook=notes.get("runbook_url", ""),
        receivers=tuple(each["name"] for each in said.get("receivers") or ()),
        silence_ids=tuple(status.get("silencedBy") or ()),
    )


def _silence(said: Mapping[str, Any]) -> tuple[str, Silence]:
    matched = {each["name"]: each["value"] for each in said["matchers"] if each.get("isEqual", True)}
    state = str(said["status"]["state"])
    return state, Silence(
        silence_id=said["id"],
        alert=matched.pop("alertname", ""),
        labels=matched,
        since=said["startsAt"],
        until=said["endsAt"],
        by=said["createdBy"],
        reason=said["comment"],
        is_begun=state == "active",
    )


def _unreachable(problem: str) -> Unavailable:
    return Unavailable(
        "alertmanager_unreachable",
        f"Alertmanager cannot be asked: {problem}.",
        fix="See whether it runs, and whether monitoring.alertmanager_url leads to it.",
    )
