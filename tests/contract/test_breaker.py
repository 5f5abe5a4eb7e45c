"""What a circuit breaker promises: it opens soon, lets one through at a time, and counts nothing that it refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.adapters.breaker import Breaker, Share, spared
from tacit.errors import BadInput, NotFound, Unavailable


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(failures=3, within_seconds=1, cooldown_seconds=0.25, longest_cooldown_seconds=1, clock=clock)


def admitted(breaker: Breaker) -> int:
    found = breaker.admit()
    assert found is not None
    return found


def opened(breaker: Breaker) -> Breaker:
    for _ in range(3):
        breaker.failed(admitted(breaker))
    return breaker


def test_failures_in_a_row_open_it_and_nobody_is_admitted(breaker: Breaker) -> None:
    breaker.failed(admitted(breaker))
    breaker.failed(admitted(breaker))
    before = breaker.state
    breaker.failed(admitted(breaker))

    assert (before, breaker.state, breaker.is_closed) == ("closed", "open", False)
    assert [breaker.admit() for _ in range(20)] == [None] * 20


def test_a_success_ends_the_row(breaker: Breaker) -> None:
    for _ in range(10):
        breaker.failed(admitted(breaker))
        breaker.failed(admitted(breaker))
        breaker.succeeded(admitted(breaker))

    assert breaker.state == "closed"


def test_rare_calls_open_it_with_the_second_failure_after_a_second(breaker: Breaker, clock: Clock) -> None:
    breaker.failed(admitted(breaker))
    clock.now += 1
    breaker.failed(admitted(breaker))

    assert breaker.state == "open"


def test_after_the_cooldown_one_call_is_let_through_and_no_other_until_it_reports(
    breaker: Breaker, clock: Clock
) -> None:
    opened(breaker)
    clock.now += 0.25
    probe = breaker.admit()

    assert probe is not None
    assert breaker.state == "half_open"
    assert [breaker.admit() for _ in range(20)] == [None] * 20


def test_of_twenty_who_ask_at_once_one_is_let_through(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.now += 0.25
    barrier = threading.Barrier(20)

    def ask(_: int) -> int | None:
        barrier.wait()
        return breaker.admit()

    with ThreadPoolExecutor(20) as pool:
        let_through = [found for found in pool.map(ask, range(20)) if found is not None]

    assert len(let_through) == 1


def test_a_probe_that_comes_back_closes_it(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.now += 0.25
    breaker.succeeded(admitted(breaker))

    assert breaker.state == "closed"
    assert breaker.admit() is not None


def test_each_probe_that_fails_doubles_the_wait_up_to_the_longest(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    waits = []
    for _ in range(4):
        began = clock.now
        while (probe := breaker.admit()) is None:
            clock.now += 0.125
        waits.append(clock.now - began)
        breaker.failed(probe)

    assert waits == [0.25, 0.5, 1.0, 1.0]


def test_a_probe_that_never_reports_is_given_up(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.now += 0.25
    lost = admitted(breaker)
    clock.now += 0.25
    second = admitted(breaker)
    breaker.succeeded(lost)
    still = breaker.state
    breaker.succeeded(second)

    assert (still, breaker.state) == ("half_open", "closed")


def test_calls_that_come_back_late_count_for_nothing(breaker: Breaker, clock: Clock) -> None:
    late = [admitted(breaker) for _ in range(10)]
    opened(breaker)
    breaker.succeeded(late[0])
    after_success = breaker.state
    clock.now += 0.25
    breaker.succeeded(admitted(breaker))
    for each in late[1:]:
        breaker.failed(each)

    assert (after_success, breaker.state) == ("open", "closed")


def test_refusals_are_not_counted_as_failures(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    for _ in range(1_000):
        assert breaker.admit() is None
    clock.now += 0.25

    assert breaker.admit() is not None


def test_what_is_tripped_waits_for_its_probe_like_any_other(breaker: Breaker, clock: Clock) -> None:
    breaker.trip()
    refused = breaker.admit()
    clock.now += 0.25

    assert refused is None
    assert breaker.admit() is not None


@given(steps=st.lists(st.sampled_from(["call_ok", "call_bad", "wait", "late_ok", "late_bad"]), max_size=60))
def test_it_is_closed_only_after_a_success_of_the_last_probe(steps: list[str]) -> None:
    clock = Clock()
    breaker = Breaker(failures=2, clock=clock)
    stale = admitted(breaker)
    breaker.trip()
    for step in steps:
        was_closed = breaker.is_closed
        if step == "wait":
            clock.now += 0.3
        elif step.startswith("late"):
            (breaker.succeeded if step == "late_ok" else breaker.failed)(stale)
        elif (found := breaker.admit()) is not None:
            (breaker.succeeded if step == "call_ok" else breaker.failed)(found)
        assert was_closed or not breaker.is_closed or step == "call_ok"


def test_asking_an_open_breaker_costs_microseconds() -> None:
    breaker = opened(Breaker(cooldown_seconds=60))
    began = time.thread_time()
    for _ in range(1_000):
        breaker.admit()

    assert (time.thread_time() - began) / 1_000 < 0.001


def test_it_opens_when_half_of_enough_calls_fail_and_not_before(clock: Clock) -> None:
    breaker = Breaker(rule=Share(0.5, calls=20, seconds=10), cooldown_seconds=1, clock=clock)
    for call in range(19):
        (breaker.failed if call % 2 else breaker.succeeded)(admitted(breaker))
    assert breaker.is_closed
    breaker.failed(admitted(breaker))
    assert breaker.state == "open"


def test_calls_of_long_ago_speak_for_nothing(clock: Clock) -> None:
    breaker = Breaker(rule=Share(0.5, calls=20, seconds=10), clock=clock)
    for _ in range(19):
        breaker.failed(admitted(breaker))
    clock.now += 11
    breaker.failed(admitted(breaker))
    assert breaker.is_closed


def test_a_call_that_came_back_too_late_is_a_failure(clock: Clock) -> None:
    breaker = Breaker(failures=2, slow_seconds=0.5, clock=clock)
    for seconds in (0.5, 2.0):
        breaker.succeeded(admitted(breaker), seconds=seconds)
    assert breaker.state == "open"


def test_who_is_spared_hears_so_and_a_refusal_of_the_dependency_is_no_failure() -> None:
    breaker = Breaker(failures=1, cooldown_seconds=60)

    def raising(error: Exception) -> Callable[[], None]:
        def call() -> None:
            raise error

        return call

    for answer in (BadInput("odd", "Odd."), Unavailable("database_conflict", "Another."), NotFound("none", "None.")):
        with pytest.raises(type(answer)):
            spared(breaker, "events", raising(answer))
    assert breaker.is_closed
    with pytest.raises(Unavailable):
        spared(breaker, "events", raising(Unavailable("events_timeout", "Late.")))
    with pytest.raises(Unavailable) as told:
        spared(breaker, "events", raising(AssertionError()))
    assert told.value.code == "events_spared"
