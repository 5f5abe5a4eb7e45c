"""Whoever waits stops at the deadline, and only so many calls can hang."""

from __future__ import annotations

import math
import threading
import time

import pytest
from sqlalchemy.engine import make_url

from tacit.adapters.deadlines import Bulkhead, remaining, within
from tacit.adapters.sql.postgresql import PostgresqlBackend
from tacit.errors import Unavailable
from tests.lateness import lateness_measured
from tests.stages import wait_until

GRACE = 0.05


def test_a_thread_has_no_deadline_until_it_is_given_one() -> None:
    assert remaining() == math.inf


def test_a_deadline_within_another_is_never_later_than_that_one() -> None:
    with within(5):
        with within(60):
            assert remaining() <= 5
        with within(0.5):
            assert remaining() <= 0.5
        assert remaining() > 1


def test_nothing_remains_once_the_deadline_has_passed() -> None:
    with within(-1):
        assert remaining() == 0


def test_a_deadline_is_of_the_thread_that_set_it_alone() -> None:
    seen: list[float] = []
    with within(5):
        other = threading.Thread(target=lambda: seen.append(remaining()))
        other.start()
        other.join()

    assert seen == [math.inf]


def test_a_call_in_time_gives_its_answer() -> None:
    assert Bulkhead("database", threads=1).run(lambda: 7, 5) == 7
    assert Bulkhead("database", threads=1).run(lambda: 7, math.inf) == 7


def test_a_call_that_fails_fails_as_if_it_had_been_made_here() -> None:
    def fail() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Bulkhead("database", threads=1).run(fail, 5)


def test_a_call_that_hangs_is_left_at_the_deadline_and_its_answer_discarded() -> None:
    over, discarded = threading.Event(), list[int]()

    def hang() -> int:
        over.wait(10)
        return 7

    began = time.monotonic()
    with lateness_measured() as lateness, pytest.raises(Unavailable) as refusal:
        Bulkhead("database", threads=1).run(hang, 0.1, discard=discarded.append)
    took = time.monotonic() - began
    over.set()

    assert refusal.value.code == "database_timeout"
    assert 0.1 <= took <= 0.1 + GRACE + lateness.seconds
    wait_until(lambda: discarded == [7])


def test_when_as_many_calls_hang_as_may_the_next_fails_at_once_and_later_ones_work_again() -> None:
    over, bulkhead = threading.Event(), Bulkhead("database", threads=2)
    for _ in range(2):
        with pytest.raises(Unavailable):
            bulkhead.run(lambda: over.wait(10), 0.01)

    began = time.monotonic()
    with lateness_measured() as lateness, pytest.raises(Unavailable) as refusal:
        bulkhead.run(lambda: 7, 5)
    took = time.monotonic() - began
    over.set()

    assert (refusal.value.code, took < GRACE + lateness.seconds) == ("database_timeout", True)
    wait_until(lambda: works(bulkhead))


def works(bulkhead: Bulkhead) -> bool:
    try:
        return bulkhead.run(lambda: True, 5)
    except Unavailable:
        return False


def test_a_request_is_told_at_once_that_the_database_is_away_also_by_what_reads_for_long() -> None:
    backend = PostgresqlBackend(make_url("postgresql://nobody@127.0.0.1:1/nothing"))
    backend.breaker.trip()

    with within(2), pytest.raises(Unavailable) as refusal, backend.lane(is_patient=True):
        pass
    assert refusal.value.code == "database_unavailable"
    with within(backend.patience.patient_seconds), backend.lane(is_patient=True):
        pass  # whoever has a minute may find out
