"""What is due when: on the calendar of UTC, once however often it was missed, and never in a crowd."""

from __future__ import annotations

import calendar
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.jobs.interfaces import Tally
from tacit.jobs.job import Kind, State
from tacit.jobs.schedule import Cadence, Due, Past, ScheduleRules, due, in_cooldown, latest_turn

RULES = ScheduleRules(precompute="off")
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


def at(text: str) -> int:
    return calendar.timegm(datetime.fromisoformat(text).replace(tzinfo=UTC).utctimetuple()) * 1_000


def past(born: str, *tallies: Tally, newest: str | None = None) -> Past:
    return Past(tallies, at(born), at(newest or born))


def tally(kind: Kind, when: str, state: State = "succeeded") -> Tally:
    ended = None if state in ("queued", "running") else at(when)
    return Tally(kind, state, 1, at(when), ended)


@pytest.mark.parametrize(
    ("cadence", "now", "turn"),
    [
        ("daily", "2026-11-21T02:59", "2026-11-20T03:00"),
        ("daily", "2026-11-21T03:00", "2026-11-21T03:00"),
        ("weekly", "2026-11-21T12:00", "2026-11-16T03:00"),
        ("weekly", "2026-11-16T02:00", "2026-11-09T03:00"),
        ("monthly", "2026-03-01T00:00", "2026-02-01T03:00"),
        ("monthly", "2026-03-31T23:00", "2026-03-01T03:00"),
        ("quarterly", "2026-01-01T02:00", "2025-10-01T03:00"),
        ("quarterly", "2026-06-30T23:59", "2026-04-01T03:00"),
    ],
)
def test_a_turn_begins_at_its_hour_on_the_first_day_of_its_period(cadence: Cadence, now: str, turn: str) -> None:
    assert latest_turn(at(now), cadence, 3) == at(turn)


@given(st.integers(at("1990-01-01"), at("2090-01-01")), st.sampled_from(["daily", "weekly", "monthly", "quarterly"]))
def test_the_latest_turn_is_past_and_no_period_away(now_ms: int, cadence: Cadence) -> None:
    turn = latest_turn(now_ms, cadence, 3)
    longest = {"daily": 1, "weekly": 7, "monthly": 31, "quarterly": 92}[cadence]

    assert turn is not None
    assert 0 <= now_ms - turn < longest * DAY_MS
    assert latest_turn(turn, cadence, 3) == turn


@pytest.mark.requirement("RETR-002")
def test_a_refresh_is_due_once_a_week() -> None:
    before = past("2026-11-10T12:00")

    assert due(at("2026-11-15T23:00"), before, RULES) == ()
    assert due(at("2026-11-16T03:00"), before, RULES) == (Due("train", "schedule"),)
    asked = past("2026-11-10T12:00", tally("train", "2026-11-16T03:00", "failed"))
    assert due(at("2026-11-16T04:00"), asked, RULES) == ()


@pytest.mark.requirement("RETR-001")
@pytest.mark.requirement("RETR-003")
def test_a_full_refit_is_due_once_a_month_and_a_search_once_a_quarter() -> None:
    before = past("2026-12-15T12:00", tally("train", "2026-12-28T03:00"), newest="2026-12-28T03:10")

    found = due(at("2027-01-01T03:00"), before, RULES)

    assert found == (Due("full_refit", "schedule"), Due("search", "schedule"))


def test_a_full_refit_takes_the_place_of_the_refresh_of_its_day() -> None:
    monday_the_first = at("2026-06-01T03:00")
    before = past("2026-05-20T12:00", tally("search", "2026-05-21T12:00"))

    assert due(monday_the_first, before, RULES) == (Due("full_refit", "schedule"),)
    done = past("2026-05-20T12:00", tally("full_refit", "2026-06-01T03:00"), tally("search", "2026-05-21T12:00"))
    assert due(monday_the_first + HOUR_MS, done, RULES) == ()


def test_a_run_that_was_missed_many_times_is_made_once() -> None:
    rules = replace(RULES, full_refit="off", search="off")
    asleep = past("2026-01-07T12:00")

    assert due(at("2026-11-21T12:00"), asleep, rules) == (Due("train", "schedule"),)
    awake = past("2026-01-07T12:00", tally("train", "2026-11-21T12:00", "queued"))
    assert due(at("2026-11-21T12:01"), awake, rules) == ()


def test_nothing_is_due_where_no_version_is() -> None:
    assert due(at("2026-11-21T12:00"), Past(), RULES) == ()


def test_nothing_is_due_beside_a_job_of_its_kind() -> None:
    for state in ("queued", "running"):
        busy = past("2026-01-07T12:00", *(tally(kind, "2026-01-08", state) for kind in ("full_refit", "search")))
        assert due(at("2026-11-21T12:00"), busy, replace(RULES, full_refit="off", search="off")) == ()


def test_a_version_grown_old_is_replaced_out_of_turn_but_not_within_the_cooldown() -> None:
    rules = replace(RULES, refresh="off", full_refit="off", search="off", stale_days=30, cooldown_hours=24)
    old = past("2026-10-01T00:00")
    tried = past("2026-10-01T00:00", tally("train", "2026-11-01T00:00", "failed"))

    assert due(at("2026-10-30T00:00"), old, rules) == ()
    assert due(at("2026-11-01T00:00"), old, rules) == (Due("train", "staleness"),)
    assert due(at("2026-11-01T23:59"), tried, rules) == ()
    assert due(at("2026-11-02T00:00"), tried, rules) == (Due("train", "staleness"),)


@pytest.mark.requirement("SERV-036")
def test_everybodys_lists_are_due_once_a_day_beside_whatever_else_is_and_not_while_they_are_made() -> None:
    rules = replace(RULES, refresh="off", full_refit="off", search="off", precompute="daily")
    for state in ("queued", "running"):
        assert due(at("2026-11-02T04:00"), past("2026-10-20", tally("precompute", "2026-10-30", state)), rules) == ()
    made = past("2026-10-20T00:00", tally("precompute", "2026-11-01T03:00"), tally("train", "2026-11-02T01:00"))

    assert due(at("2026-11-02T02:59"), made, rules) == ()
    assert due(at("2026-11-02T03:00"), made, rules) == (Due("precompute", "schedule"),)
    assert due(at("2026-11-02T03:00"), made, ScheduleRules(stale_days=None))[-1] == Due("precompute", "schedule")


def test_drift_is_looked_for_every_so_often_once_there_is_a_version_and_not_while_somebody_looks() -> None:
    rules = ScheduleRules("off", "off", "off", "off", stale_days=None, drift_minutes=60)
    looked = past("2026-11-01T00:00", tally("drift", "2026-11-02T10:00", "failed"))
    looking = past("2026-11-01T00:00", tally("drift", "2026-11-02T10:00", "running"))

    assert due(at("2026-11-01T00:59"), past("2026-11-01T00:00"), rules) == ()
    assert due(at("2026-11-01T01:00"), past("2026-11-01T00:00"), rules) == (Due("drift", "schedule"),)
    assert due(at("2026-11-02T10:59"), looked, rules) == ()
    assert due(at("2026-11-02T11:00"), looked, rules) == (Due("drift", "schedule"),)
    assert due(at("2026-11-02T12:00"), looking, rules) == ()
    assert due(at("2026-11-02T12:00"), looked, replace(rules, drift_minutes=0)) == ()


def test_a_training_that_was_asked_for_or_ended_lately_keeps_the_next_one_back() -> None:
    began = past("2026-10-01T00:00", tally("full_refit", "2026-11-01T00:00", "running"))

    assert in_cooldown(at("2026-11-01T23:59"), began, RULES)
    assert not in_cooldown(at("2026-11-02T00:00"), began, RULES)


@given(st.lists(st.integers(0, 40 * 24), max_size=60), st.sampled_from(["daily", "weekly", "monthly"]))
def test_however_the_clock_jumps_a_turn_is_asked_for_once_at_most(hours: list[int], cadence: Cadence) -> None:
    rules = ScheduleRules(refresh=cadence, full_refit="off", search="off", precompute="off", stale_days=None)
    born, asked = at("2026-01-07T12:00"), []
    for hour in sorted(hours):
        now = born + hour * HOUR_MS
        tallies = tuple(Tally("train", "succeeded", 1, when, when) for when in asked)
        asked += [now for _ in due(now, Past(tallies, born, born), rules)]

    turns = [latest_turn(when, cadence, rules.hour) for when in asked]
    assert len(turns) == len(set(turns))
