"""What every `Limiter` promises: no window holds more than the limit, and no less is given than can be."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.adapters.limiting import Limiter, MemoryLimiter, WindowStorage
from tacit.adapters.memory import MemoryMetricSink
from tacit.adapters.redis_limits import RedisLimiter, RedisWindows
from tacit.monitoring import guard_metrics as catalogue
from tacit.security.limiting import Ask
from tests.redis_server import RedisServer, redis_server


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(params=["memory", "redis"])
def limiter(request: pytest.FixtureRequest) -> Limiter:
    if request.param == "memory":
        return MemoryLimiter()
    return RedisLimiter(
        RedisWindows(request.getfixturevalue("server").url, request.node.name), MemoryLimiter(), MemoryMetricSink()
    )


def taken(limiter: Limiter, *asks: Ask) -> list[tuple[bool, int | None]]:
    async def take_all() -> list[tuple[bool, int | None]]:
        found = [await limiter.take(each) for each in asks]
        await limiter.close()
        return [(each.is_given, each.remaining) for each in found]

    return asyncio.run(take_all())


def test_as_much_is_given_as_there_is_and_then_nothing(limiter: Limiter) -> None:
    ask = Ask("anonymous", "ip:a", 3, 60)

    assert taken(limiter, ask, ask, ask, ask, ask) == [(True, 2), (True, 1), (True, 0), (False, 0), (False, 0)]


def test_costly_requests_count_several_times_and_whole_or_not_at_all(limiter: Limiter) -> None:
    cheap, dear = Ask("anonymous", "ip:a", 10, 60, 1), Ask("anonymous", "ip:a", 10, 60, 6)

    assert taken(limiter, dear, dear, cheap, *[cheap] * 3, cheap) == [
        (True, 4), (False, 4), (True, 3), (True, 2), (True, 1), (True, 0), (False, 0),
    ]  # fmt: skip


def test_one_caller_takes_nothing_from_another(limiter: Limiter) -> None:
    one, other = Ask("anonymous", "ip:a", 1, 60), Ask("anonymous", "ip:b", 1, 60)

    assert [given for given, _ in taken(limiter, one, one, other)] == [True, False, True]


@pytest.mark.requirement("SEC-022")
def test_a_limit_that_is_cut_counts_what_was_taken_before(limiter: Limiter) -> None:
    usual, strict = Ask("anonymous", "ip:a", 100, 60), Ask("anonymous", "ip:a", 10, 60)

    assert [given for given, _ in taken(limiter, *[usual] * 10, strict, usual)] == [True] * 10 + [False, True]


def test_whoever_is_refused_is_told_when_it_makes_sense_to_come_back(limiter: Limiter) -> None:
    async def wait_and_take() -> tuple[float, bool]:
        ask = Ask("anonymous", "ip:a", 2, 1)
        await limiter.take(ask)
        await limiter.take(ask)
        refused = await limiter.take(ask)
        assert not refused.is_given
        assert refused.reset_seconds is not None
        await asyncio.sleep(refused.reset_seconds + 0.02)
        again = await limiter.take(ask)
        await limiter.close()
        return refused.reset_seconds, again.is_given

    seconds, is_given = asyncio.run(wait_and_take())
    assert 0.5 < seconds <= 1
    assert is_given


STEPS = st.lists(st.tuples(st.floats(0, 4), st.integers(1, 4)), max_size=60)


@given(limit=st.integers(1, 12), steps=STEPS)
@settings(max_examples=150, deadline=None)
def test_no_window_ever_holds_more_than_the_limit_and_nothing_is_refused_without_need(
    limit: int, steps: list[tuple[float, int]]
) -> None:
    clock = Clock()
    limiter = MemoryLimiter(storage=WindowStorage(clock=clock))
    given_at: list[float] = []
    for pause, cost in steps:
        clock.now += pause
        cost = min(cost, limit)
        held = sum(each > clock.now - 10 for each in given_at)
        found = limiter.take_now(Ask("anonymous", "a", limit, 10, cost))

        assert found.is_given == (held + cost <= limit)
        given_at += [clock.now] * (cost if found.is_given else 0)
        if not found.is_given:
            clock.now += (found.reset_seconds or 0) + 1e-6  # as far as a clock's digits go
            again = limiter.take_now(Ask("anonymous", "a", limit, 10, cost))
            assert again.is_given
            given_at += [clock.now] * cost

    assert all(sum(start <= each < start + 10 for each in given_at) <= limit for start in given_at)


def test_the_memory_of_a_limiter_is_bounded_whoever_comes() -> None:
    storage = WindowStorage(callers=50)
    limiter = MemoryLimiter(storage=storage)
    for number in range(5_000):
        limiter.take_now(Ask("anonymous", f"ip:{number}", 2, 60))
        limiter.take_now(Ask("session", f"session:{number}", 2, 86_400))

    assert (storage.reset() or 0) <= 50 + 1_024 + 50
    # Those counted apart keep what is theirs.
    assert limiter.take_now(Ask("anonymous", "ip:1", 2, 60)).is_given


def test_while_redis_is_away_each_process_gives_its_share_and_no_more(tmp_path: Path) -> None:
    metrics = MemoryMetricSink()
    told: list[bool] = []
    with redis_server(tmp_path) as server:
        limiter = RedisLimiter(RedisWindows(server.url, "n"), MemoryLimiter(share=0.5), metrics, told=told.append)
        before = taken(limiter, *[Ask("anonymous", "ip:a", 4, 60)] * 2)
    away = taken(limiter, *[Ask("anonymous", "ip:a", 4, 60)] * 8)
    other = taken(limiter, *[Ask("anonymous", "ip:b", 4, 60)] * 3)

    assert [given for given, _ in before] == [True, True]
    # It gave two of the four by Redis, which is its half.
    assert [given for given, _ in away] == [False] * 8
    assert [given for given, _ in other] == [True, True, False]
    assert metrics.value(catalogue.LIMITS_LOCAL) == 11
    assert told == [False]
