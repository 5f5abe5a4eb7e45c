"""What every `EventLog` promises."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.adapters.event_log import SqliteEventLog
from tacit.adapters.memory_events import MemoryEventLog
from tacit.data.events import Event, EventLog, Receipt
from tacit.errors import Unavailable

NOW = datetime(2026, 1, 2, tzinfo=UTC)
KINDS = ("memory", "sqlite")


def opened(kind: str, folder: Path) -> EventLog:
    return MemoryEventLog(clock=lambda: NOW) if kind == "memory" else SqliteEventLog(folder, clock=lambda: NOW)


@pytest.fixture(params=KINDS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventLog]:
    log = opened(request.param, tmp_path / "events")
    yield log
    log.close()


def play(number: int) -> Event:
    """Something played at `number` milliseconds after some moment far beyond 32 bits."""
    return Event(f"e{number}", "ann", f"song-{number}", "play", 1.0, 1_767_312_000_000 + number)


def all_of(log: EventLog) -> list[Event]:
    return [logged.event for logged in log.read(0, limit=1_000_000)]


def test_an_event_comes_back_as_it_went_in_with_place_time_and_source(log: EventLog) -> None:
    odd = Event("ü\x00'", "", "\u2028", "rating", 0.1, -1, "r-1", '{"a":"\\u0000"}')
    log.append([play(1), odd], source="kafka")

    first, second = log.read(0, limit=10)

    assert (first.event, second.event) == (play(1), odd)
    assert (first.sequence, second.sequence) == (1, 2)
    assert (second.received_at_ms, second.source) == (1_767_312_000_000, "kafka")


def test_an_event_without_a_value_keeps_none(log: EventLog) -> None:
    log.append([replace(play(1), value=None)])

    assert log.read(0, limit=1)[0].event.value is None


def test_places_are_counted_from_one_without_gaps_whatever_is_repeated(log: EventLog) -> None:
    log.append([play(1)])
    log.append([play(1), play(2), play(2)])
    log.append([play(2), play(3)])

    assert [logged.sequence for logged in log.read(0, limit=10)] == [1, 2, 3]
    assert log.last_sequence == 3


def test_a_repeat_is_a_duplicate_and_names_the_place_of_the_first(log: EventLog) -> None:
    log.append([play(1), play(2)])

    assert list(log.append([play(2)])) == [Receipt("duplicate", 2)]
    assert all_of(log) == [play(1), play(2)]


@pytest.mark.parametrize(
    "changed",
    [
        {"user_id": "bob"},
        {"item_id": "x"},
        {"type": "skip"},
        {"value": 2.0},
        {"value": None},
        {"occurred_at_ms": 5},
        {"recommendation_id": "r"},
        {"properties": '{"a":1}'},
    ],
)
def test_an_id_with_other_content_is_a_conflict_and_the_first_counts(log: EventLog, changed: dict[str, object]) -> None:
    log.append([play(1)])

    assert list(log.append([replace(play(1), **changed)])) == [Receipt("conflict", 1)]
    assert all_of(log) == [play(1)]


def test_an_event_sent_again_without_a_time_is_a_duplicate_though_it_was_received_later(log: EventLog) -> None:
    untimed = replace(play(1), timed=False)
    log.append([untimed])

    assert list(log.append([replace(untimed, occurred_at_ms=untimed.occurred_at_ms + 5)])) == [Receipt("duplicate", 1)]
    assert list(log.append([play(1)])) == [Receipt("conflict", 1)]
    assert all_of(log) == [untimed]


def test_within_one_call_too_the_first_of_an_id_counts(log: EventLog) -> None:
    receipts = log.append([play(1), play(1), replace(play(1), user_id="bob"), play(2)])

    assert [receipt.outcome for receipt in receipts] == ["stored", "duplicate", "conflict", "stored"]
    assert [receipt.sequence for receipt in receipts] == [1, 1, 1, 2]


def test_appending_nothing_changes_nothing(log: EventLog) -> None:
    assert list(log.append([])) == []
    assert log.last_sequence == 0


def test_reading_starts_behind_a_place_and_stops_at_the_limit(log: EventLog) -> None:
    log.append([play(number) for number in range(10)])

    assert [logged.sequence for logged in log.read(3, limit=2)] == [4, 5]
    assert [logged.sequence for logged in log.read(8, limit=100)] == [9, 10]
    assert [logged.sequence for logged in log.read(-5, limit=1)] == [1]
    assert list(log.read(10, limit=5)) == list(log.read(99, limit=5)) == list(log.read(0, limit=0)) == []


def test_many_threads_lose_nothing_and_keep_each_its_own_order(log: EventLog) -> None:
    def send(user: int) -> list[Receipt]:
        events = [replace(play(number), event_id=f"{user}/{number}", user_id=str(user)) for number in range(50)]
        return [receipt for start in range(0, 50, 5) for receipt in log.append(events[start : start + 5])]

    with ThreadPoolExecutor(8) as pool:
        receipts = [receipt for sent in pool.map(send, range(8)) for receipt in sent]

    assert sorted(receipt.sequence for receipt in receipts) == list(range(1, 401))
    for user in range(8):
        mine = [event.occurred_at_ms for event in all_of(log) if event.user_id == str(user)]
        assert mine == sorted(mine)
        assert len(mine) == 50


def test_one_id_sent_by_many_threads_at_once_is_stored_once(log: EventLog) -> None:
    together = threading.Barrier(8)

    def send(_: int) -> Receipt:
        together.wait(10)
        return log.append([play(1)])[0]

    with ThreadPoolExecutor(8) as pool:
        outcomes = sorted(receipt.outcome for receipt in pool.map(send, range(8)))

    assert outcomes == ["duplicate"] * 7 + ["stored"]
    assert all_of(log) == [play(1)]


def test_a_reader_may_follow_while_others_append(log: EventLog) -> None:
    seen: list[int] = []
    with ThreadPoolExecutor(2) as pool:
        sending = pool.submit(lambda: [log.append([play(number)]) for number in range(100)])
        while not sending.done() or len(seen) < 100:
            seen += [logged.sequence for logged in log.read(len(seen), limit=7)]
        sending.result()

    assert seen == list(range(1, 101))


def test_a_closed_log_takes_nothing_and_may_be_closed_again(log: EventLog) -> None:
    log.close()
    log.close()

    with pytest.raises(Unavailable) as refused:
        log.append([play(1)])
    assert refused.value.code == "storage_unavailable"


def test_what_each_commit_took_is_told_before_its_calls_are_answered(tmp_path: Path) -> None:
    told: list[float] = []
    log = SqliteEventLog(tmp_path, clock=lambda: NOW, committed=told.append)

    for number in range(3):
        log.append([play(number)])
        assert len(told) == number + 1
    log.close()

    assert min(told) > 0


EVENTS = st.builds(
    Event,
    event_id=st.sampled_from("abcdef"),
    user_id=st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
    item_id=st.sampled_from(["x", "y"]),
    type=st.just("play"),
    value=st.none() | st.floats(allow_nan=False),
    occurred_at_ms=st.integers(-(2**63), 2**63 - 1),
    timed=st.booleans(),
)


@settings(max_examples=25, deadline=None)
@given(calls=st.lists(st.lists(EVENTS, max_size=6), max_size=5))
@pytest.mark.parametrize("kind", KINDS)
def test_every_call_is_answered_as_if_events_were_looked_up_one_by_one(kind: str, calls: Sequence[list[Event]]) -> None:
    firsts: dict[str, tuple[int, Event]] = {}
    with TemporaryDirectory() as folder:
        log = opened(kind, Path(folder))
        for call in calls:
            expected = []
            for event in call:
                is_new = event.event_id not in firsts
                place, first = firsts.setdefault(event.event_id, (len(firsts) + 1, event))
                is_same = first.said == event.said
                expected.append(Receipt("stored" if is_new else "duplicate" if is_same else "conflict", place))
            assert list(log.append(call)) == expected
        kept = all_of(log)
        log.close()

    assert kept == [event for _, event in firsts.values()]
