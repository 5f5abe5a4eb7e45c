"""What is wrong now, who was told, and everything that could be: asked of whoever knows it, if anybody does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from fastapi import APIRouter, Request, Response

from tacit.entrypoints.api.callers import actor_of
from tacit.entrypoints.console.forms import Sent
from tacit.entrypoints.console.frame import ROOT, ConsolePages, acted, shown
from tacit.errors import BadInput, NotFound, Refused, TacitError, Unavailable

ALERTS = f"{ROOT}/alerts"
KEPT_SECONDS = 3.0
"""For how long what one page asked is told to others as well."""
HOURS = (("1", "an hour"), ("4", "4 hours"), ("24", "a day"), ("168", "a week"))
"""For how long an alert may be silenced from here."""


class FiringAlert(Protocol):
    """Something that is wrong now; times are ISO 8601."""

    @property
    def name(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def since(self) -> str: ...
    @property
    def labels(self) -> Mapping[str, str]: ...
    @property
    def summary(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def runbook(self) -> str: ...
    @property
    def receivers(self) -> Sequence[str]: ...


class AlertState(Protocol):
    """How things stand, as far as anybody knows: `watched`, `unreachable` or `unwatched`."""

    @property
    def state(self) -> str: ...
    @property
    def detail(self) -> str: ...
    @property
    def alerts(self) -> Sequence[FiringAlert]: ...
    @property
    def silences(self) -> Sequence[Any]: ...
    @property
    def watch(self) -> Any: ...
    @property
    def rules(self) -> Sequence[Any]: ...
    @property
    def prometheus(self) -> str | None: ...


class AlertDesk(Protocol):
    """Where operators ask about alerts, and have one be silent."""

    def state(self) -> AlertState:
        """How things stand; never raises because somebody is away."""
        ...

    def silence(
        self, alert: str, *, hours: float, reason: str, actor: str, labels: Mapping[str, str] | None = None
    ) -> Any:
        """Have nobody be told of an alert for a while."""
        ...

    def unsilence(self, silence_id: str, *, actor: str) -> Any:
        """End a silence before its time."""
        ...


@dataclass
class AlertWatch:
    """A desk that many pages look at, asked at most once every few seconds.

    Args:
        desk: Knows.
        runbooks: Where runbooks lie, with a `/` at the end.
        clock: Passing time in seconds.
    """

    desk: AlertDesk
    runbooks: str = "docs/runbooks/"
    clock: Callable[[], float] = time.monotonic
    _kept: tuple[float, AlertState] | None = field(default=None, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def state(self) -> AlertState:
        """How things stand, or stood a moment ago."""
        with self._lock:
            now = self.clock()
            if self._kept is None or now - self._kept[0] > KEPT_SECONDS:
                self._kept = now, self.desk.state()
            return self._kept[1]

    def forget(self) -> None:
        """Ask anew: something was changed."""
        with self._lock:
            self._kept = None

    def firing(self) -> Sequence[FiringAlert] | None:
        """What fires and is not silent; `None` where nobody knows."""
        state = self.state()
        return [each for each in state.alerts if each.state == "firing"] if state.state == "watched" else None

    def banner(self) -> str | None:
        """What every page must say: that alerts reach nobody, although somebody is to be told."""
        state = self.state()
        if state.state == "unreachable":
            return f"Alerts may reach nobody: {state.detail}"
        troubles = getattr(state.watch, "troubles", ())
        return f"Nobody may be watching: {troubles[0].detail}" if troubles else None

    def runbook(self, name: str) -> str:
        """Where a runbook lies."""
        return f"{self.runbooks}{name}.md"


def alert_pages(frame: ConsolePages, watch: AlertWatch | None) -> APIRouter:
    """The pages over a desk; without one they say that nobody watches."""
    pages, router = AlertPages(frame, watch), frame.router()
    shown(router, "/alerts", pages.alerts)
    shown(router, "/alerts/live", pages.live)
    acted(router, "/alerts/silences", pages.silence)
    acted(router, "/alerts/silences/{silence_id}/end", pages.unsilence)
    return router


class AlertPages:
    """Shows what is wrong and what could be, and silences."""

    def __init__(self, frame: ConsolePages, watch: AlertWatch | None) -> None:
        self._frame, self._watch = frame, watch

    def alerts(self, request: Request) -> Response:
        """What fires, what is silent, and every rule with its threshold."""
        return self._frame.page(
            request, "alerts.html", here="alerts", live=f"{ALERTS}/live" if self._watch else "", **self._facts()
        )

    async def live(self, request: Request) -> Response:
        """The same as it changes."""
        return self._frame.stream(
            request, self._frame.part(request, "alert-state", "_alert_state.html", facts=self._facts)
        )  # fmt: skip

    def silence(self, request: Request, form: Sent) -> Response:
        """Has nobody be told of an alert for a while."""
        alert, hours = form.asked("alert", "The alert"), form.asked("hours", "How long")
        try:
            made = self._desk().silence(
                alert, hours=_hours(hours), reason=form.asked("reason", "The reason"), actor=actor_of(request)
            )
        except (BadInput, NotFound, Refused, Unavailable) as problem:
            return self._frame.refused(ALERTS, problem)
        return self._changed(
            f"{alert} is silent until {made.until[:16].replace('T', ' ')} UTC; it goes on to be shown."
        )

    def unsilence(self, request: Request, silence_id: str, form: Sent) -> Response:
        """Ends a silence before its time."""
        del form  # it has been checked where it came from
        try:
            self._desk().unsilence(silence_id, actor=actor_of(request))
        except (NotFound, Refused, Unavailable) as problem:
            return self._frame.refused(ALERTS, problem)
        return self._changed("It is told again from now on.")

    def _changed(self, said: str) -> Response:
        if self._watch is not None:
            self._watch.forget()
        return self._frame.done(ALERTS, said)

    def _desk(self) -> AlertDesk:
        if self._watch is None:
            raise _unwatched()
        return self._watch.desk

    def _facts(self) -> dict[str, Any]:
        if self._watch is None:
            return {"state": None, "hours": HOURS, "rules": [], "runbook": str}
        state = self._watch.state()
        rules = sorted((each for each in state.rules if each.severity != "heartbeat"), key=_order)
        return {"state": state, "hours": HOURS, "rules": rules, "runbook": self._watch.runbook}


def _order(rule: Any) -> tuple[str, str]:
    return rule.category, rule.name


def _hours(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadInput("hours_range", "That is no number of hours.", field="hours") from None


def _unwatched() -> TacitError:
    return Refused("alertmanager_missing", "Nobody watches this installation, so nothing can be silenced.")
