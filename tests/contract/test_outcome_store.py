"""What every `OutcomeReports` promises: an event counts once, for the list it names, or nowhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event as listening

from tacit.adapters.memory import MemoryExposureLog
from tacit.adapters.memory_outcomes import MemoryOutcomeStore
from tacit.adapters.memory_store import MemoryEventStore
from tacit.adapters.sql.engine import Database
from tacit.adapters.sql.events import SqlEventStore
from tacit.adapters.sql.exposures import SqlExposureLog
from tacit.adapters.sql.outcomes import SqlOutcomeStore
from tacit.data.event_effects import MILLIONTHS, Effect
from tacit.data.events import Event, LoggedEvent
from tacit.data.ingestion import EventStore
from tacit.rollout.outcomes import CLOCK_SKEW_MS, OutcomeReports, Outcomes
from tacit.rollout.traffic import Place
from tacit.serving.exposures import Exposure, ExposureLog
from tests.event_stores import in_columns

MOMENT = 1_767_355_200_000
HOUR = 3_600_000
HERE = Place("ab-1", "ab", "a")


@dataclass
class Board:
    """What is shown and what is done, and what is said of it."""

    exposures: ExposureLog
    events: EventStore
    outcomes: OutcomeReports
    applied: int = 0

    def show(self, *shown: Exposure) -> None:
        self.exposures.write(shown)

    def do(self, *events: Event, weight: float = 1.0) -> None:
        first = self.applied + 1
        self.applied += len(events)
        effects = [
            Effect(LoggedEvent(number, MOMENT, "api", event), round(weight * MILLIONTHS))
            for number, event in enumerate(events, start=first)
        ]
        self.events.apply(in_columns(effects), offset=self.applied)

    def of_source(self) -> dict[str, Outcomes]:
        return dict(self.outcomes.by_source(since_ms=0))


def over(database: Database | None) -> Board:
    if database is None:
        log, events = MemoryExposureLog(), MemoryEventStore()
        return Board(log, events, MemoryOutcomeStore(log, events))
    return Board(SqlExposureLog(database), SqlEventStore(database), SqlOutcomeStore(database, lists_at_once=2))


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def board(request: pytest.FixtureRequest) -> Board:
    return over(None if request.param == "memory" else request.getfixturevalue(f"{request.param}_database"))


def shown(number: int, **changes: Any) -> Exposure:
    """The list `r<number>` of `i1` and `i2`, to Ann."""
    plain = Exposure(f"r{number}", "recommender/7", "ann", "personal", False, ("i1", "i2"), MOMENT + number)
    return replace(plain, **changes)


def done(number: int, **changes: Any) -> Event:
    """Ann's play of `i1` from the list `r<number>`, a second later."""
    plain = Event(f"e{number}", "ann", "i1", "play", None, MOMENT + number + 1_000, f"r{number}")
    return replace(plain, **changes)


def test_a_store_that_knows_nothing_says_nothing(board: Board) -> None:
    assert board.of_source() == {}
    assert board.outcomes.by_arm("ab-1", since_ms=0) == {}
    assert board.outcomes.by_user("ab-1", since_ms=0) == {}
    assert board.outcomes.of_users(since_ms=0, until_ms=MOMENT).user_ids == ()


def test_lists_clicks_and_watch_time_are_counted_by_source(board: Board) -> None:
    board.show(shown(1), shown(2), shown(3, source="popular", user_id="bob"))
    board.do(done(1), done(2, event_id="w1", type="watch_time", value=30.5), done(2, event_id="w2", item_id="i2"))

    assert board.of_source() == {
        "personal": Outcomes(lists=2, clicked=2, clicks=3, watch_seconds=30.5, users=1),
        "popular": Outcomes(lists=1, clicked=0, clicks=0, watch_seconds=0.0, users=1),
    }


def test_an_event_sent_twice_or_before_its_list_is_written_counts_once(board: Board) -> None:
    board.do(done(1))
    board.do(done(1), done(1))
    board.show(shown(1))
    board.show(shown(1))

    assert board.of_source() == {"personal": Outcomes(1, 1, 1, 0.0, 1)}


@pytest.mark.parametrize(
    "changes",
    [
        {"item_id": "i3"},
        {"user_id": "bob"},
        {"recommendation_id": "unknown"},
        {"recommendation_id": None},
        {"occurred_at_ms": MOMENT + 1 + 24 * HOUR + 1},
        {"occurred_at_ms": MOMENT + 1 - CLOCK_SKEW_MS - 1},
    ],
)
def test_an_event_that_does_not_belong_to_the_list_counts_nowhere(board: Board, changes: dict[str, Any]) -> None:
    board.show(shown(1), shown(2, user_id="bob"))
    board.do(done(1, **changes))

    assert board.of_source() == {"personal": Outcomes(2, 0, 0, 0.0, 2)}


@pytest.mark.parametrize("late", [24 * HOUR, -CLOCK_SKEW_MS])
def test_an_event_at_the_very_end_of_the_window_counts(board: Board, late: int) -> None:
    board.show(shown(1))
    board.do(done(1, occurred_at_ms=MOMENT + 1 + late))

    assert board.of_source()["personal"].clicked == 1


@pytest.mark.parametrize("weight", [-1.0, 0.0])
def test_an_event_against_its_item_is_no_click(board: Board, weight: float) -> None:
    board.show(shown(1))
    board.do(done(1, type="skip"), weight=weight)

    assert board.of_source()["personal"].clicks == 0


def test_lists_shown_to_nobody_known_count_apart(board: Board) -> None:
    board.show(shown(1, user_id=None, source="similar", place=HERE), shown(2))
    board.do(done(1, user_id="whoever"))

    assert board.of_source() == {"personal": Outcomes(1, 0, 0, 0.0, 1)}
    assert board.outcomes.anonymous(since_ms=0) == {"similar": Outcomes(1, 1, 1, 0.0, 0)}
    assert board.outcomes.by_arm("ab-1", since_ms=0) == {}


@pytest.mark.requirement("EVAL-019")
def test_a_splits_arms_are_counted_apart_and_other_splits_not_at_all(board: Board) -> None:
    elsewhere = replace(HERE, split_id="ab-2")
    board.show(shown(1, place=HERE), shown(2, place=replace(HERE, arm="b")), shown(3, place=elsewhere), shown(4))
    board.do(done(2), done(3), done(4))

    assert board.outcomes.by_arm("ab-1", since_ms=0) == {
        "a": Outcomes(1, 0, 0, 0.0, 1),
        "b": Outcomes(1, 1, 1, 0.0, 1),
    }


def test_lists_are_counted_by_the_version_that_answered(board: Board) -> None:
    board.show(shown(1), shown(2, model_version="recommender/8"))
    board.do(done(2))

    assert board.outcomes.by_version(since_ms=0) == {
        "recommender/7": Outcomes(1, 0, 0, 0.0, 1),
        "recommender/8": Outcomes(1, 1, 1, 0.0, 1),
    }


def test_only_lists_shown_within_the_time_asked_for_are_counted(board: Board) -> None:
    board.show(*(shown(number, place=HERE) for number in (1, 2, 3)))
    when = {"since_ms": MOMENT + 2, "until_ms": MOMENT + 3}

    assert board.outcomes.by_source(**when)["personal"].lists == 1
    assert board.outcomes.by_version(**when)["recommender/7"].lists == 1
    assert board.outcomes.by_arm("ab-1", **when)["a"].lists == 1
    assert board.outcomes.of_users(**when).lists.tolist() == [1]


def test_users_are_counted_each_in_their_arm_in_the_order_of_their_ids(board: Board) -> None:
    board.show(shown(1, place=HERE), shown(2, place=HERE, user_id="Zoë"), shown(3, place=HERE), shown(4, user_id="zoë"))
    board.do(done(1), done(3, event_id="w", type="watch_time", value=12.0))

    users = board.outcomes.by_user("ab-1", since_ms=0)["a"]

    assert users.user_ids == ("Zoë", "ann")
    assert (users.lists.tolist(), users.clicked.tolist(), users.watch_seconds.tolist()) == ([1, 2], [0, 2], [0.0, 12.0])
    assert board.outcomes.of_users(since_ms=0, until_ms=MOMENT + 9).user_ids == ("Zoë", "ann", "zoë")


def test_events_that_are_forgotten_no_longer_count(board: Board) -> None:
    board.show(shown(1), shown(2))
    board.do(done(1), done(2))

    board.events.prune(1, before_ms=MOMENT + 1)

    assert board.of_source()["personal"].clicks == 1


def test_lists_shown_at_one_moment_and_many_at_a_time_are_counted_each_once(board: Board) -> None:
    board.show(*(shown(number, place=HERE, at_ms=MOMENT + number // 5) for number in range(23)))
    board.do(done(7), done(22))

    assert board.of_source() == {"personal": Outcomes(23, 2, 2, 0.0, 1)}
    assert board.outcomes.by_arm("ab-1", since_ms=0) == {"a": Outcomes(23, 2, 2, 0.0, 1)}
    assert board.outcomes.of_users(since_ms=0, until_ms=MOMENT + 4).lists.tolist() == [20]


def test_whoever_may_rest_does_so_after_every_reading_and_counts_the_same(sqlite_database: Database) -> None:
    board, rests = over(sqlite_database), list[float]()
    board.show(*(shown(number) for number in range(7)))
    sparing = SqlOutcomeStore(sqlite_database, lists_at_once=2, rest=rests.append)

    assert sparing.by_source(since_ms=0) == board.of_source()
    assert len(rests) >= 3
    assert min(rests) > 0


def test_the_database_goes_to_the_lists_in_time_and_not_through_all_of_them(sqlite_database: Database) -> None:
    plans: list[str] = []

    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT") and "attributed_events" in statement:
            rows = connection.connection.driver_connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.append("; ".join(row[3] for row in rows))

    listening.listen(sqlite_database.engine, "before_cursor_execute", explain)
    outcomes = over(sqlite_database).outcomes
    outcomes.by_source(since_ms=0, until_ms=MOMENT)
    outcomes.by_user("ab-1", since_ms=0)

    assert len(plans) == 2
    assert "SEARCH exposures USING INDEX ix_exposures_at_ms" in plans[0]
    assert "SEARCH exposure_arms USING INDEX ix_exposure_arms_split_id" in plans[1]
    assert all("SEARCH attributed_events USING INDEX" in plan for plan in plans)
    assert not any("SCAN exposure" in plan for plan in plans)


def id_of(exposure: Exposure) -> str:
    return exposure.recommendation_id


LISTS = st.builds(
    shown,
    st.integers(1, 4),
    user_id=st.sampled_from(["ann", "bob", None]),
    source=st.sampled_from(["personal", "popular"]),
    item_ids=st.sampled_from([("i1",), ("i1", "i2"), ()]),
    place=st.sampled_from([None, HERE, replace(HERE, arm="b")]),
)
EVENTS = st.builds(
    done,
    st.integers(1, 5),
    event_id=st.sampled_from("abcdefgh"),
    user_id=st.sampled_from(["ann", "bob"]),
    item_id=st.sampled_from(["i1", "i2"]),
    type=st.sampled_from(["play", "watch_time"]),
    value=st.sampled_from([None, 0.5, 8.0]),
    occurred_at_ms=st.sampled_from([MOMENT, MOMENT + HOUR, MOMENT + 30 * HOUR]),
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lists=st.lists(LISTS, max_size=4, unique_by=id_of), events=st.lists(EVENTS, max_size=8))
def test_the_database_counts_as_the_plain_store_does(
    lists: list[Exposure], events: list[Event], sqlite_database: Database
) -> None:
    with sqlite_database.writing() as connection:
        for table in (
            "exposures",
            "exposure_arms",
            "applied_events",
            "event_keys",
            "attributed_events",
            "interactions",
        ):
            connection.exec_driver_sql(f"DELETE FROM {table}")
        for table in ("event_offset", "event_counts", "event_quarantine"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    boards = [over(None), over(sqlite_database)]
    for each in boards:
        each.show(*lists)
        for event in events:
            each.do(event)

    plain, kept = ([each.of_source(), dict(each.outcomes.anonymous(since_ms=0))] for each in boards)
    arms = [
        {arm: (users.user_ids, users.clicked.tolist()) for arm, users in found.items()}
        for found in (each.outcomes.by_user("ab-1", since_ms=0) for each in boards)
    ]
    assert kept == plain
    assert arms[0] == arms[1]
