"""What is due, from the time and from what was done: pure, in UTC, and a run that was missed is made once."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from tacit.jobs.interfaces import Tally
from tacit.jobs.job import ALIVE, Kind, Why

Cadence = Literal["daily", "weekly", "monthly", "quarterly", "off"]
_DAY_MS = 86_400_000
_LEARNING: frozenset[Kind] = frozenset({"train", "full_refit"})


@dataclass(frozen=True)
class ScheduleRules:
    """When what is done by itself.

    Attributes:
        refresh: How often a candidate is trained on what is new.
        full_refit: How often one is trained from nothing.
        search: How often better settings are looked for.
        precompute: How often everybody's list is made beforehand.
        hour: From which hour of such a day, UTC; a week begins on Monday.
        stale_days: Age of the newest version at which one is trained out of turn; `None` for never.
        drift_trigger: Drift score above which one is trained out of turn.
        cooldown_hours: How long after a training none is begun out of turn, but by a person.
        drift_minutes: How often somebody looks for drift; 0 for never.
    """

    refresh: Cadence = "weekly"
    full_refit: Cadence = "monthly"
    search: Cadence = "quarterly"
    precompute: Cadence = "daily"
    hour: int = 3
    stale_days: float | None = 30.0
    drift_trigger: float = 0.6
    cooldown_hours: float = 24.0
    drift_minutes: float = 0.0


@dataclass(frozen=True)
class Past:
    """What was done until now, as far as it matters for what is due.

    Attributes:
        tallies: Of the jobs there were, by kind and state.
        first_version_ms: When the first version came into being; `None` if there is none yet, and nothing is due.
        newest_version_ms: When the newest did.
    """

    tallies: tuple[Tally, ...] = ()
    first_version_ms: int | None = None
    newest_version_ms: int | None = None

    def asked_ms(self, *kinds: Kind) -> int:
        """When a job of these kinds was asked for last; 0 for never."""
        return max((each.last_queued_ms for each in self.tallies if each.kind in kinds), default=0)

    def touched_ms(self, *kinds: Kind) -> int:
        """When a job of these kinds was asked for, or ended, last."""
        ends = (each.last_ended_ms or 0 for each in self.tallies if each.kind in kinds)
        return max(self.asked_ms(*kinds), *ends, 0)

    @property
    def in_flight(self) -> frozenset[Kind]:
        """Kinds of which a job waits or runs."""
        return frozenset(each.kind for each in self.tallies if each.state in ALIVE and each.jobs)


@dataclass(frozen=True)
class Due:
    """A job that should be asked for now."""

    kind: Kind
    why: Why
    facts: tuple[tuple[str, object], ...] = field(default=())


def due(now_ms: int, past: Past, rules: ScheduleRules) -> tuple[Due, ...]:
    """What should be asked for at a time; asked for, it is due no more until its next turn."""
    if past.first_version_ms is None or past.newest_version_ms is None:
        return ()
    found = list(_on_schedule(now_ms, past, rules))
    learns = any(each.kind in _LEARNING for each in found) or past.in_flight & _LEARNING
    if not learns and _is_stale(now_ms, past, rules) and not in_cooldown(now_ms, past, rules):
        found.append(Due("train", "staleness"))
    return tuple(found)


def in_cooldown(now_ms: int, past: Past, rules: ScheduleRules) -> bool:
    """Whether a training was asked for, or ended, so recently that only a person begins another."""
    return now_ms - past.touched_ms("train", "full_refit") < rules.cooldown_hours * 3_600_000


def latest_turn(now_ms: int, cadence: Cadence, hour: int) -> int | None:
    """The last moment not after now at which the turn of a cadence began; `None` where it is off."""
    if cadence == "off":
        return None
    now = datetime.fromtimestamp(now_ms / 1_000, UTC)
    start = _began(now, cadence, hour)
    if start > now:
        start = _began(start - timedelta(days=1), cadence, hour)
    return calendar.timegm(start.utctimetuple()) * 1_000


def _began(at: datetime, cadence: Cadence, hour: int) -> datetime:
    """The hour of the first day of the period that a moment lies in."""
    day = at.replace(hour=hour, minute=0, second=0, microsecond=0)
    if cadence == "weekly":
        return day - timedelta(days=day.weekday())
    if cadence == "monthly":
        return day.replace(day=1)
    if cadence == "quarterly":
        return day.replace(day=1, month=(day.month - 1) // 3 * 3 + 1)
    return day


def _on_schedule(now_ms: int, past: Past, rules: ScheduleRules) -> Iterator[Due]:
    first, newest = past.first_version_ms or 0, past.newest_version_ms or 0
    is_full = _is_due(now_ms, rules.full_refit, rules.hour, since=max(past.asked_ms("full_refit"), first))
    if is_full and "full_refit" not in past.in_flight:
        yield Due("full_refit", "schedule")
    since = max(past.asked_ms("train", "full_refit"), newest)
    if not is_full and not past.in_flight & _LEARNING and _is_due(now_ms, rules.refresh, rules.hour, since=since):
        yield Due("train", "schedule")
    since = max(past.asked_ms("search"), first)
    if "search" not in past.in_flight and _is_due(now_ms, rules.search, rules.hour, since=since):
        yield Due("search", "schedule")
    since = max(past.asked_ms("precompute"), first)
    if "precompute" not in past.in_flight and _is_due(now_ms, rules.precompute, rules.hour, since=since):
        yield Due("precompute", "schedule")
    pause_ms = rules.drift_minutes * 60_000
    if pause_ms and "drift" not in past.in_flight and now_ms - max(past.asked_ms("drift"), first) >= pause_ms:
        yield Due("drift", "schedule")


def _is_due(now_ms: int, cadence: Cadence, hour: int, *, since: int) -> bool:
    turn = latest_turn(now_ms, cadence, hour)
    return turn is not None and since < turn


def _is_stale(now_ms: int, past: Past, rules: ScheduleRules) -> bool:
    if rules.stale_days is None or past.newest_version_ms is None:
        return False
    return now_ms - past.newest_version_ms > rules.stale_days * _DAY_MS
