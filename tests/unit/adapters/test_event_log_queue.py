"""Who shares a commit with whom, how long that may take, and what happens to calls that spoil it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tacit.adapters.event_log import SqliteEventLog
from tacit.adapters.event_log_queue import Call, CallQueue
from tacit.data.events import Event
from tacit.errors import BadInput, Unavailable

LONG = 30.0


def play(number: int, **changes: object) -> Event:
    return Event(**{  # type: ignore[arg-type]
        "event_id": f"e{number}", "user_id": "ann", "item_id": "song", "type": "play", "value": 1.0,
        "occurred_at_ms": number, **changes,
    })  # fmt: skip


def call_of(events: int, *, bytes_each: int = 0) -> Call:
    return Call([play(number, properties="x" * bytes_each) for number in range(events)], "api")


def queue_of(**limits: int) -> CallQueue:
    return CallQueue(**{"wait_s": LONG, "enough_events": 200, "most_events": 1_000, "most_bytes": 1 << 20, **limits})  # type: ignore[arg-type]


def test_somebody_alone_waits_for_nobody() -> None:
    queue = queue_of()
    began = time.monotonic()
    for _ in range(3):
        queue.put(call_of(1))
        assert len(queue.gather(LONG) or []) == 1

    assert time.monotonic() - began < LONG / 3


def test_those_who_were_answered_together_are_waited_for_together() -> None:
    queue = queue_of()
    for _ in range(3):
        queue.put(call_of(1))
    assert len(queue.gather(LONG) or []) == 3
    with ThreadPoolExecutor(1) as pool:
        gathering = pool.submit(queue.gather, LONG)
        queue.put(call_of(1))
        queue.put(call_of(1))
        time.sleep(0.05)
        was_waiting = not gathering.done()
        queue.put(call_of(1))

        assert len(gathering.result(LONG) or []) == 3
    assert was_waiting


@pytest.mark.parametrize("limits", [{"wait_s": 0.01}, {"enough_events": 2}])
def test_waiting_for_company_ends_with_time_or_with_enough_events(limits: dict[str, int]) -> None:
    queue = queue_of(**limits)
    for _ in range(5):
        queue.put(call_of(1))
    queue.gather(LONG)
    queue.put(call_of(2))

    began = time.monotonic()

    assert len(queue.gather(LONG) or []) == 1
    assert time.monotonic() - began < LONG / 3


@pytest.mark.parametrize(
    ("limits", "size"),
    [({"most_events": 10}, {"events": 4}), ({"most_bytes": 10_000}, {"events": 1, "bytes_each": 4_000})],
)
def test_more_than_may_wait_is_refused_at_once(limits: dict[str, int], size: dict[str, int]) -> None:
    queue = queue_of(**limits)
    queue.put(call_of(**size))
    queue.put(call_of(**size))

    with pytest.raises(Unavailable) as refused:
        queue.put(call_of(**size))
    assert refused.value.code == "overloaded"
    assert len(queue.gather(0) or []) == 2
    queue.put(call_of(**size))


def test_a_call_that_is_larger_than_the_queue_is_taken_when_nobody_waits() -> None:
    queue = queue_of(most_events=10)

    queue.put(call_of(50))

    assert len(queue.gather(0) or []) == 1


def test_what_waits_is_still_gathered_after_closing_and_then_it_ends() -> None:
    queue = queue_of()
    queue.put(call_of(1))
    queue.close()

    assert len(queue.gather(LONG) or []) == 1
    assert queue.gather(LONG) is None


@pytest.fixture
def gate() -> threading.Event:
    return threading.Event()


@pytest.fixture
def held_log(tmp_path: Path, gate: threading.Event) -> Iterator[SqliteEventLog]:
    """A log whose commits wait until the gate is opened."""

    def crash(point: str) -> None:
        if point == "before_commit":
            gate.wait(LONG)

    log = SqliteEventLog(tmp_path, clock=lambda: datetime(2026, 1, 2, tzinfo=UTC), crash=crash)
    yield log
    gate.set()
    log.close()


def sent_in_one_commit(
    log: SqliteEventLog, gate: threading.Event, pool: ThreadPoolExecutor, *, calls: list[list[Event]]
) -> list[Future[object]]:
    """Calls that queue up behind a first one, whose commit is held until all are there."""
    pool.submit(log.append, [play(0)])
    while log._queue._calls or log._queue._expected != 1:
        time.sleep(0.01)
    time.sleep(0.05)
    sent: list[Future[object]] = [pool.submit(log.append, call) for call in calls]
    while len(log._queue._calls) < len(calls):
        time.sleep(0.01)
    gate.set()
    return sent


@pytest.mark.parametrize("spoilt", [{"occurred_at_ms": 2**70}, {"item_id": "\ud800"}])
def test_an_event_that_cannot_be_stored_costs_nobody_but_its_sender(
    held_log: SqliteEventLog, gate: threading.Event, spoilt: dict[str, object]
) -> None:
    calls = [[play(1)], [play(2), play(3, **spoilt)], [play(4)]]
    with pytest.raises(BadInput) as refused:
        held_log.append(calls[1])
    assert refused.value.code == "event_unstorable"
    with ThreadPoolExecutor(5) as pool:
        first, last = sent_in_one_commit(held_log, gate, pool, calls=[calls[0], calls[2]])

        assert [first.exception(), last.exception()] == [None, None]
    assert {logged.event.event_id for logged in held_log.read(0, limit=10)} == {"e0", "e1", "e4"}
    assert held_log.last_sequence == 3
    assert held_log.fault is None


def test_a_value_that_is_not_a_number_is_refused(held_log: SqliteEventLog) -> None:
    with pytest.raises(BadInput) as refused:
        held_log.append([play(1, value=float("nan"))])
    assert refused.value.code == "number_not_finite"


def test_closing_commits_what_waits(tmp_path: Path, held_log: SqliteEventLog, gate: threading.Event) -> None:
    with ThreadPoolExecutor(4) as pool:
        sent = sent_in_one_commit(held_log, gate, pool, calls=[[play(1)], [play(2)]])
        held_log.close()
        assert [call.exception(LONG) for call in sent] == [None, None]

    again = SqliteEventLog(tmp_path, clock=lambda: datetime(2026, 1, 2, tzinfo=UTC))
    assert again.last_sequence == 3
    again.close()
