"""Who is let in, who waits, and who is refused first."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.adapters.memory import MemoryMetricSink
from tacit.entrypoints.api.admission import Admission
from tacit.entrypoints.api.admission_rules import AdmissionRules
from tacit.entrypoints.api.checkpoints import BUDGET, DEADLINE, PRIORITY
from tacit.entrypoints.api.concurrency_limit import AdaptiveLimit
from tacit.entrypoints.api.loop_lag import LoopLag
from tacit.entrypoints.api.priorities import (
    HEALTH,
    LAST,
    LISTS,
    OTHERS,
    PAGES,
    VITAL,
    Priority,
    RequestClass,
    class_of,
)
from tacit.errors import BadInput, Unavailable
from tacit.monitoring import overload_metrics as catalogue

LIST = "/api/v1/users/u1/recommendations"
FIVE_AT_ONCE = AdmissionRules(least=4, most=4, queue_seconds=0.03)


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def scope(path: str = LIST, method: str = "GET", **headers: str) -> dict[str, Any]:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "headers": pairs}


def admission(rules: AdmissionRules = FIVE_AT_ONCE) -> Admission:
    return Admission(rules, MemoryMetricSink())


async def refusal(entering: Awaitable[None]) -> Unavailable:
    with pytest.raises(Unavailable) as refused:
        await entering
    return refused.value


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/livez", HEALTH),
        ("GET", "/health", HEALTH),
        ("POST", "/api/v1/events", VITAL),
        ("POST", "/api/v1/auth/token", VITAL),
        ("GET", LIST, LISTS),
        ("POST", "/api/v1/recommendations", LISTS),
        ("POST", "/api/v1/recommendations/bulk", OTHERS),
        ("GET", "/api/v1/items/i1/similar", OTHERS),
        ("GET", "/api/v1/popular", OTHERS),
        ("GET", "/api/v1/users/u1/preferences", OTHERS),
        ("PUT", "/api/v1/items/i1", LAST),
        ("GET", "/api/v1/users", LAST),
        ("GET", "/api/v1/quarantine", LAST),
        ("POST", "/api/v1/rollouts/r1/abort", LAST),
        ("GET", "/", PAGES),
        ("GET", "/listener/u1", PAGES),
    ],
)
def test_how_soon_a_request_is_given_up_is_told_from_its_head(method: str, path: str, expected: RequestClass) -> None:
    assert class_of(method, path) == expected


def test_beyond_the_limit_questions_wait_a_while_and_are_refused_with_when_to_come_again() -> None:
    async def ask() -> None:
        gate = admission()
        let_in = [scope() for _ in range(4)]
        for each in let_in:
            await gate.enter(each)
        error = await refusal(gate.enter(scope()))
        assert error.code == "overloaded"
        assert error.retry_after >= 1
        assert gate.refused_of(Priority.LISTS) == 1

    asyncio.run(ask())


@pytest.mark.requirement("SERV-030")
def test_whoever_waits_is_let_in_by_whoever_leaves() -> None:
    async def ask() -> None:
        gate = admission(AdmissionRules(least=4, most=4, queue_seconds=5))
        let_in = [scope() for _ in range(4)]
        for each in let_in:
            await gate.enter(each)
        waiting = asyncio.create_task(gate.enter(scope()))
        await asyncio.sleep(0)
        gate.leave(let_in[0], status=200, seconds=0.01)
        await asyncio.wait_for(waiting, 1)
        assert gate.at_work("answers") == 4

    asyncio.run(ask())


def test_no_room_is_lost_or_found_whatever_comes_and_goes() -> None:
    async def ask() -> None:
        gate = admission(AdmissionRules(least=2, most=3, queue_seconds=0.005))

        async def one(number: int) -> None:
            asked = scope(LIST if number % 3 else "/api/v1/popular")
            try:
                await gate.enter(asked)
            except Unavailable:
                return
            assert gate.at_work("answers") <= 3
            await asyncio.sleep(0.0005 * (number % 4))
            gate.leave(asked, status=200 if number % 5 else 0, seconds=0.001)

        tasks = [asyncio.create_task(one(number)) for number in range(200)]
        for task in tasks[::7]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # Whoever was ended at work left nothing behind but their own room.
        assert gate.at_work("answers") <= len(tasks[::7])
        assert not gate._line

    asyncio.run(ask())


def test_events_and_health_are_let_in_whatever_the_questions_do() -> None:
    async def ask() -> None:
        gate = admission()
        for _ in range(4):
            await gate.enter(scope())
        for _ in range(50):
            await refusal(gate.enter(scope()))
        for path, method in (("/api/v1/events", "POST"), ("/livez", "GET")):
            entering = gate.enter(scope(path, method))
            with pytest.raises(StopIteration):  # at once: nothing is waited for
                entering.send(None)  # type: ignore[attr-defined]

    asyncio.run(ask())


def test_health_is_let_in_however_many_events_hang() -> None:
    async def ask() -> None:
        gate = admission()
        for _ in range(256):
            await gate.enter(scope("/api/v1/events", "POST"))
        assert gate.turns_away("POST", "/api/v1/events") is Priority.VITAL
        for path in ("/livez", "/readyz", "/health"):
            for _ in range(100):  # and however often it is asked
                assert gate.turns_away("GET", path) is None
                await gate.enter(scope(path))

    asyncio.run(ask())


async def working(gate: Admission, seconds: float) -> None:
    asked = scope()
    await gate.enter(asked)
    await asyncio.sleep(seconds)
    gate.leave(asked, status=200, seconds=seconds)


def test_nobody_is_refused_because_the_event_loop_stood_still() -> None:
    async def ask() -> None:
        gate = admission(AdmissionRules(least=8, most=8, queue_seconds=0.1))
        lag = LoopLag(MemoryMetricSink())
        lag.watch()
        gate.heed(lambda: lag.lateness)
        tasks = [asyncio.create_task(working(gate, 0.01)) for _ in range(12)]
        await asyncio.sleep(0)  # eight are at work, four wait
        time.sleep(0.2)
        tasks += [asyncio.create_task(working(gate, 0.01)) for _ in range(4)]  # what came meanwhile
        await asyncio.gather(*tasks)
        assert gate.refused == 0
        assert gate.at_work("answers") == 0

    asyncio.run(ask())


def test_whoever_waits_in_vain_is_refused_in_time_also_after_the_event_loop_stood_still() -> None:
    async def ask() -> None:
        gate = admission(AdmissionRules(least=4, most=4, queue_seconds=0.05))
        for _ in range(4):
            await gate.enter(scope())
        waiting = asyncio.create_task(gate.enter(scope()))
        await asyncio.sleep(0)
        time.sleep(0.1)
        began = time.monotonic()
        await refusal(waiting)
        assert time.monotonic() - began < 5

    asyncio.run(ask())


def test_the_lowest_are_refused_first_but_never_locked_out() -> None:
    async def ask() -> None:
        gate = admission()
        for _ in range(4):
            await gate.enter(scope())
        for _ in range(20):
            await refusal(gate.enter(scope()))
        assert gate.pressure == 2
        first = scope("/api/v1/rollouts")
        await gate.enter(first)
        await refusal(gate.enter(scope("/api/v1/rollouts")))
        gate.leave(first, status=200, seconds=0.1)
        await gate.enter(scope("/api/v1/rollouts"))

    asyncio.run(ask())


def test_lists_are_shortened_before_they_are_refused() -> None:
    async def ask() -> None:
        gate = admission(AdmissionRules(least=1, most=1, queue_seconds=5, reduced_limit=10))
        asked = scope()
        await gate.enter(asked)
        cut = []
        for _ in range(30):  # each has to wait, none is refused
            waiting = scope()
            task = asyncio.create_task(gate.enter(waiting))
            await asyncio.sleep(0)
            gate.leave(asked, status=200, seconds=0.01)
            await task
            asked = waiting
            cut.append(waiting[BUDGET].fitted(100))
        assert cut[0] == 100
        assert cut[-1] == 10
        assert asked[BUDGET].is_cut
        assert gate.refused == 0

    asyncio.run(ask())


def test_a_sender_may_shorten_the_deadline_and_not_lengthen_it() -> None:
    async def ask() -> None:
        clock = Clock()
        gate = Admission(AdmissionRules(), MemoryMetricSink(), clock=clock)
        usual, sooner, later = scope(), scope(x_request_deadline_ms="250"), scope(x_request_deadline_ms="90000")
        for each in (usual, sooner, later):
            await gate.enter(each)
        assert usual[DEADLINE] == later[DEADLINE] == clock.now + 2
        assert sooner[DEADLINE] == clock.now + 0.25
        assert usual[PRIORITY] is Priority.LISTS
        for odd in ("0", "-1", "1.5", "", "9999999999", "soon"):
            with pytest.raises(BadInput) as wrong:
                await gate.enter(scope(x_request_deadline_ms=odd))
            assert wrong.value.code == "deadline_invalid"

    asyncio.run(ask())


def test_short_memory_refuses_jobs_first_and_others_next() -> None:
    async def ask() -> None:
        gate = admission(AdmissionRules())
        gate.memory_is(2)
        assert (await refusal(gate.enter(scope("/api/v1/training", "POST")))).code == "memory_short"
        await gate.enter(scope("/api/v1/popular"))
        gate.memory_is(3)
        assert (await refusal(gate.enter(scope("/api/v1/popular")))).code == "memory_short"
        await gate.enter(scope())

    asyncio.run(ask())


def test_what_is_refused_is_measured_by_priority() -> None:
    async def ask() -> None:
        metrics = MemoryMetricSink()
        gate = Admission(FIVE_AT_ONCE, metrics)
        for _ in range(4):
            await gate.enter(scope())
        await refusal(gate.enter(scope()))
        assert metrics.value(catalogue.SHED, priority="lists") == 1
        assert metrics.value(catalogue.AT_WORK, pool="answers") == 4
        assert metrics.value(catalogue.CONCURRENCY_LIMIT) == 4

    asyncio.run(ask())


def served(limit: AdaptiveLimit, clock: Clock, seconds: float, latency: Any) -> None:
    """Answers for a while, as many at once as may be, each as late as that many make it."""
    until = clock.now + seconds
    while clock.now < until:
        at_once = limit.now
        for _ in range(at_once):
            limit.ended(latency(at_once), at_once)
        clock.now += latency(at_once)


def test_the_limit_falls_where_more_at_once_only_makes_all_wait() -> None:
    clock = Clock()
    limit = AdaptiveLimit(least=4, most=64, clock=clock)
    served(limit, clock, 60, lambda at_once: 0.005 * at_once)  # one core, 5 ms of work each
    assert 4 <= limit.now <= 12


def test_the_limit_rises_where_more_at_once_are_answered_as_soon() -> None:
    clock = Clock()
    limit = AdaptiveLimit(least=4, most=64, clock=clock)
    served(limit, clock, 30, lambda _: 0.02)
    assert limit.now > 32


def windows(limit: AdaptiveLimit, clock: Clock, number: int, **answer: Any) -> None:
    """So many windows of like answers."""
    for _ in range(number):
        clock.now += 0.11
        for _ in range(8):
            limit.ended(**answer)


@settings(max_examples=30)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=20))
def test_stalls_far_apart_leave_the_limit_where_it_began(stalls: list[int]) -> None:
    clock = Clock()
    limit = AdaptiveLimit(least=4, most=64, clock=clock)
    windows(limit, clock, 5, seconds=0.005, at_work=2)
    for piled_up in stalls:
        windows(limit, clock, 1, seconds=0.15, at_work=piled_up)
        windows(limit, clock, 20, seconds=0.005, at_work=2)
        assert limit.now >= 16


def test_what_takes_long_with_few_at_work_lowers_nothing() -> None:
    clock = Clock()
    limit = AdaptiveLimit(least=4, most=64, clock=clock)
    windows(limit, clock, 5, seconds=0.005, at_work=2)
    windows(limit, clock, 50, seconds=0.5, at_work=8)
    assert limit.now == 16


def test_the_lowest_limit_rises_again_once_answers_are_fast() -> None:
    clock = Clock()
    limit = AdaptiveLimit(least=4, most=64, clock=clock)
    windows(limit, clock, 1, seconds=0.005, at_work=2)
    windows(limit, clock, 40, seconds=0.5, at_work=16)
    assert limit.now == 4
    served(limit, clock, 10, lambda _: 0.005)
    assert limit.now > 16


def test_what_a_late_event_loop_made_wait_lowers_the_limit_only_if_it_stays_late() -> None:
    clock = Clock()
    limit = AdaptiveLimit(least=4, most=64, clock=clock)
    windows(limit, clock, 1, seconds=0.005, at_work=2)
    for _ in range(10):
        windows(limit, clock, 2, seconds=0.2, at_work=16, is_late=True)
        windows(limit, clock, 1, seconds=0.005, at_work=12)
    assert limit.now == 16
    windows(limit, clock, 20, seconds=0.2, at_work=16, is_late=True)
    assert limit.now < 10


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(1, 100), st.floats(0, 1)), max_size=300))
def test_the_limit_stays_between_its_bounds_whatever_is_measured(answers: list[tuple[float, int, float]]) -> None:
    clock = Clock()
    limit = AdaptiveLimit(least=2, most=9, clock=clock)
    for seconds, at_work, passed in answers:
        clock.now += passed
        limit.ended(seconds, at_work)
        assert 2 <= limit.now <= 9
