"""Whether anybody watches: who reads what is measured, and whether an alert could arrive; the in-process dead-man."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

REGULAR = 3
"""So many readings one after another are somebody's habit, and their end is told; fewer may have been anybody's."""
LONG_TURN_SECONDS = 10.0
"""A pause between two looks that was not ours: the process was stopped, and silence meanwhile says nothing."""

Reach = Literal["absent", "reachable", "unreachable"]


@dataclass(frozen=True)
class WatchRules:
    """When nobody watches.

    Attributes:
        is_expected: Whether somebody is to read from the start, not only once they did so regularly.
        has_alertmanager: Whether there is an Alertmanager to ask.
        unscraped_seconds: How long nobody may read.
        unreachable_seconds: How long Alertmanager may be silent, or not have heard from its Prometheus.
    """

    is_expected: bool = False
    has_alertmanager: bool = False
    unscraped_seconds: float = 60.0
    unreachable_seconds: float = 30.0


@dataclass(frozen=True)
class Trouble:
    """One way in which nobody watches.

    Attributes:
        name: `metrics_unscraped`, `alertmanager_unreachable` or `heartbeat_missing`.
        detail: What was found, as a sentence.
        lasts_seconds: For how long it has been so.
    """

    name: str
    detail: str
    lasts_seconds: float


@dataclass(frozen=True)
class WatchState:
    """How a server is watched, as it finds itself.

    Attributes:
        is_expected: Whether somebody is expected to read its metrics.
        scraped_seconds_ago: When they were last read; `None` if they never were.
        alertmanager: Whether there is an Alertmanager, and whether it answers.
        troubles: What is wrong with that; empty while all is well.
    """

    is_expected: bool
    scraped_seconds_ago: float | None
    alertmanager: Reach
    troubles: tuple[Trouble, ...] = ()


class Watch:
    """Takes note of readings and of what Alertmanager answers; any thread may tell or look.

    Args:
        rules: When nobody watches.
        clock: Seconds, never going back.
    """

    def __init__(self, rules: WatchRules, clock: Callable[[], float] = time.monotonic) -> None:
        self._rules, self._clock = rules, clock
        self._lock = threading.Lock()
        now = clock()
        self._looked_at = now
        self._in_row, self._is_habit = 0, rules.is_expected
        self._scraped_at: float | None = None
        # Whoever is expected has from now on to come for the first time.
        self._counted_from = self._reached_at = self._heartbeat_at = now
        self._answers = True

    def scraped(self) -> None:
        """Somebody reads what is measured, just now."""
        with self._lock:
            now = self._clock()
            before = self._scraped_at
            is_next = before is not None and now - before <= self._rules.unscraped_seconds
            self._in_row = self._in_row + 1 if is_next else 1
            self._is_habit = self._is_habit or self._in_row >= REGULAR
            self._scraped_at = self._counted_from = now

    def answered(self, *, has_heartbeat: bool) -> None:
        """Alertmanager answers; whether it knows that its Prometheus lives."""
        with self._lock:
            self._answers, self._reached_at = True, self._clock()
            if has_heartbeat:
                self._heartbeat_at = self._reached_at

    def unanswered(self) -> None:
        """Alertmanager does not answer."""
        with self._lock:
            self._answers = False
            # What it knows while it is away nobody can say; it has as long again to hear of it.
            self._heartbeat_at = self._clock()

    def look(self) -> WatchState:
        """How things stand now."""
        with self._lock:
            now = self._clock()
            if now - self._looked_at > LONG_TURN_SECONDS:
                self._counted_from = self._reached_at = self._heartbeat_at = now
            self._looked_at = now
            scraped = None if self._scraped_at is None else now - self._scraped_at
            return WatchState(self._is_habit, scraped, self._reach(), self._troubles(now))

    def _reach(self) -> Reach:
        if not self._rules.has_alertmanager:
            return "absent"
        return "reachable" if self._answers else "unreachable"

    def _troubles(self, now: float) -> tuple[Trouble, ...]:
        found = []
        silent, unreached, unheard = (
            now - since for since in (self._counted_from, self._reached_at, self._heartbeat_at)
        )
        if self._is_habit and silent > self._rules.unscraped_seconds:
            detail = f"Nobody has read /metrics for {silent:.0f} s: no rule sees what happens here."
            found.append(Trouble("metrics_unscraped", detail, silent))
        if self._rules.has_alertmanager and unreached > self._rules.unreachable_seconds:
            detail = f"Alertmanager has not answered for {unreached:.0f} s: no alert arrives."
            found.append(Trouble("alertmanager_unreachable", detail, unreached))
        elif self._rules.has_alertmanager and unheard > self._rules.unreachable_seconds:
            detail = f"Alertmanager has not heard from its Prometheus for {unheard:.0f} s: no rule is evaluated."
            found.append(Trouble("heartbeat_missing", detail, unheard))
        return tuple(found)
