"""What is old, applied and learnt from is removed, in order; the rest, every place and every sum stay exact."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.event import listen

from tacit.adapters.event_log import SqliteEventLog
from tacit.adapters.memory_events import MemoryEventLog
from tacit.adapters.memory_store import MemoryEventStore
from tacit.adapters.sql.engine import Database, open_database
from tacit.adapters.sql.events import SqlEventStore
from tacit.data.event_effects import Effect
from tacit.data.events import EventLog
from tacit.data.ingestion import EventStore
from tests.conservation import unaccounted
from tests.event_stores import effect, everything, play
from tests.stages import wait_until

NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Clock:
    """Shows the day it is set to."""

    day = 0

    def __call__(self) -> datetime:
        return NOW + timedelta(days=self.day)

    def ms(self, day: float) -> int:
        return int((NOW + timedelta(days=day)).timestamp() * 1_000)


def opened(kind: str, folder: Path, clock: Clock) -> EventLog:
    return MemoryEventLog(clock=clock) if kind == "memory" else SqliteEventLog(folder, clock=clock)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite"])
def log(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[EventLog]:
    log = opened(request.param, tmp_path / "events", clock)
    yield log
    log.close()


def fill(log: EventLog, clock: Clock, *days: int) -> None:
    """Three events a day."""
    for day in days:
        clock.day = day
        log.append([play(3 * day + number) for number in range(3)])


def places(log: EventLog) -> list[int]:
    return [logged.sequence for logged in log.read(0, limit=10_000)]


def test_what_is_old_is_removed_up_to_the_place_that_is_given(log: EventLog, clock: Clock) -> None:
    fill(log, clock, 0, 1, 2)
    log.prune(5, before_ms=clock.ms(9))
    wait_until(lambda: places(log) == [6, 7, 8, 9])
    log.prune(9, before_ms=clock.ms(1.5))
    wait_until(lambda: places(log) == [7, 8, 9])

    assert log.read(7, limit=1)[0].sequence == 8
    assert log.last_sequence == 9


def test_the_last_event_stays_so_that_no_place_is_given_out_twice(log: EventLog, clock: Clock) -> None:
    fill(log, clock, 0)
    log.prune(3, before_ms=clock.ms(9))
    wait_until(lambda: places(log) == [3])

    assert log.append([play(77)])[0].sequence == 4


def test_an_event_whose_age_is_over_is_another_one_when_it_is_sent_again(log: EventLog, clock: Clock) -> None:
    fill(log, clock, 0, 1)
    log.prune(2, before_ms=clock.ms(9))
    wait_until(lambda: places(log) == [3, 4, 5, 6])
    receipts = log.append([play(0), play(2)])

    assert [(each.outcome, each.sequence) for each in receipts] == [("stored", 7), ("duplicate", 3)]


def test_a_pruned_log_is_opened_read_and_rescued_without_a_word_of_damage(tmp_path: Path, clock: Clock) -> None:
    with structlog.testing.capture_logs() as said:
        log = SqliteEventLog(tmp_path / "events", clock=clock)
        fill(log, clock, 0, 1, 2)
        log.prune(6, before_ms=clock.ms(9))
        wait_until(lambda: places(log) == [7, 8, 9])
        log.close()
        log = SqliteEventLog(tmp_path / "events", clock=clock)
        reopened = places(log)
        shutil.rmtree(tmp_path / "events")
        log.append([play(99)])
        (tmp_path / "events" / "suspect").write_text('{"file": "events_0002.db", "reason": "somebody said so"}')
        log.close()
        log = SqliteEventLog(tmp_path / "events", clock=clock)

    assert (reopened, places(log), log.damaged) == ([7, 8, 9], [7, 8, 9, 10], [])
    assert {line["event"]: line.get("damaged") for line in said} == {"event_log_vanished": 0, "event_log_mended": 0}
    assert unaccounted(log) == []
    log.close()


def test_many_events_are_removed_while_others_come_in(tmp_path: Path, clock: Clock) -> None:
    log = SqliteEventLog(tmp_path / "events", clock=clock)
    for start in range(0, 12_000, 500):
        log.append([play(number) for number in range(start, start + 500)])
    clock.day = 5
    log.prune(12_000, before_ms=clock.ms(1))
    number = 12_000
    while log.read(0, limit=1)[0].sequence <= 12_000:
        number += 1
        log.append([play(number)])

    assert places(log) == list(range(12_001, number + 1))
    assert (log.damaged, log.fault) == ([], None)
    log.close()


def received(number: int, at_ms: int, **changes: Any) -> Effect:
    made = effect(number, **changes)
    return replace(made, logged=replace(made.logged, received_at_ms=at_ms))


def test_events_of_many_users_are_forgotten_with_a_few_statements(sqlite_database: Database) -> None:
    store, statements = SqlEventStore(sqlite_database), list[str]()
    store.apply([received(number, at_ms=number, user_id=f"u{number}") for number in range(1, 501)], offset=500)
    listen(sqlite_database.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    gone = [store.prune(500, before_ms=9_999, limit=250) for _ in range(3)]

    assert gone == [250, 250, 0]
    assert len(statements) < 30


def sums(store: EventStore) -> list[tuple[str, float, int, int, float | None]]:
    found = store.interactions_of("ann")
    return [(each.item_id, each.weight, each.count, each.last_ms, each.rating) for each in found]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10**6),
    upto=st.integers(0, 22),
    before=st.integers(0, 25),
    limit=st.sampled_from([1, 3, 1_000]),
)
def test_after_pruning_every_store_holds_what_the_events_left_amount_to(
    seed: int, upto: int, before: int, limit: int, empty_file: Path, tmp_path: Path
) -> None:
    rng = random.Random(seed)
    effects = [
        received(
            number,
            at_ms=number,
            weight=rng.choice([-0.5, 1.0, 3.0]),
            item_id=rng.choice(["i1", "i2"]),
            type=rng.choice(["play", "rating"]),
            value=rng.choice([1.0, 4.0]),
            occurred_at_ms=rng.randrange(9),
        )
        for number in range(1, 21)
    ]
    shutil.copy(empty_file, tmp_path / "tacit.db")
    database = open_database(f"sqlite:///{tmp_path}/tacit.db")
    try:
        store, plain = SqlEventStore(database), MemoryEventStore()
        for each in (store, plain):
            each.apply(effects, offset=20)
            while each.prune(upto, before_ms=before, limit=limit):
                pass
        gone = min(upto, max(0, before - 1), 20)
        whole = MemoryEventStore()
        whole.apply(effects[gone:], offset=20)

        assert [applied.turn for applied in store.applied(0, limit=99)] == list(range(gone + 1, 21))
        assert everything(store) == everything(plain)
        assert sums(store) == sums(whole)
        assert store.last_turn == plain.last_turn == 20
        again = [received(30, at_ms=30, event_id="e1"), received(31, at_ms=31, event_id="e20", item_id="i9")]
        assert [len(each.apply(again, offset=31).stored) for each in (store, plain)] == [(gone >= 1) + (gone >= 20)] * 2
        assert everything(store) == everything(plain)
    finally:
        database.close()
