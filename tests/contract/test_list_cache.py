"""What every `ListCache` promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tacit.adapters.memory import MemoryMetricSink
from tacit.adapters.memory_cache import MemoryListCache
from tacit.adapters.redis_cache import RedisListCache
from tacit.adapters.spare_cache import SpareListCache
from tacit.serving.answers import Reason, Recommendation
from tacit.serving.list_cache import CachedList, ListCache
from tests.redis_server import RedisServer, redis_server

HOUR_MS = 3_600_000


class Clock:
    """Time that passes when it is told to, in seconds since 1970."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(params=["memory", "redis", "redis and a spare"])
def cache(request: pytest.FixtureRequest, clock: Clock) -> Iterator[ListCache]:
    made = made_cache(request, clock)
    yield made
    made.close()


def made_cache(request: pytest.FixtureRequest, clock: Callable[[], float]) -> ListCache:
    if request.param == "memory":
        return MemoryListCache(clock=clock)
    running: RedisServer = request.getfixturevalue("server")
    running.say("FLUSHALL")
    redis = redis_cache(running, clock)
    return redis if request.param == "redis" else SpareListCache(redis, MemoryListCache(clock=clock))


def redis_cache(server: RedisServer, clock: Callable[[], float]) -> RedisListCache:
    # Patient, so that a busy machine is not taken for a Redis that fails; what it does then is tested elsewhere.
    return RedisListCache(server.url, namespace="0" * 32, metrics=MemoryMetricSink(), clock=clock, call_seconds=5.0)


def a_list(clock: Clock, **changes: object) -> CachedList:
    items = (
        Recommendation("i1", "Sigur Rós", ("odd", "low"), 0.75, (Reason("i9", "50% /.. #1?", 0.5),)),
        Recommendation("i2", "", (), -1.5e-300),
    )
    made = CachedList("recommender/3|7|12", "personal", items, int(clock.now * 1_000))
    return replace(made, **changes)  # type: ignore[arg-type]


def test_a_list_comes_back_as_it_went_in(cache: ListCache, clock: Clock) -> None:
    cache.put("ann", "limit=20", a_list(clock))

    assert cache.get("ann", "limit=20") == a_list(clock)


def test_an_empty_list_comes_back_as_one(cache: ListCache, clock: Clock) -> None:
    cache.put("ann", "limit=20", a_list(clock, items=(), source="popular"))

    assert cache.get("ann", "limit=20") == a_list(clock, items=(), source="popular")


def test_what_was_never_kept_is_a_miss(cache: ListCache, clock: Clock) -> None:
    cache.put("ann", "limit=20", a_list(clock))

    assert cache.get("ann", "limit=21") is None
    assert cache.get("annika", "limit=20") is None
    assert cache.get("", "") is None


def test_the_last_of_two_lists_for_one_question_counts(cache: ListCache, clock: Clock) -> None:
    cache.put("ann", "q", a_list(clock))
    cache.put("ann", "q", a_list(clock, stamp="another"))

    assert cache.get("ann", "q") == a_list(clock, stamp="another")


def test_dropping_forgets_all_lists_of_one_user_and_nobody_elses(cache: ListCache, clock: Clock) -> None:
    for user_id, question in (("ann", "1"), ("ann", "2"), ("annika", "1")):
        cache.put(user_id, question, a_list(clock))
    cache.drop("ann")
    cache.drop("nobody")

    assert (cache.get("ann", "1"), cache.get("ann", "2")) == (None, None)
    assert cache.get("annika", "1") == a_list(clock)


def test_the_lists_of_many_users_are_dropped_in_one_go(cache: ListCache, clock: Clock) -> None:
    users = [f"user-{number}" for number in range(1_200)]
    for user_id in (*users, "other"):
        cache.put(user_id, "q", a_list(clock))
    cache.drop(*users)
    cache.drop()

    assert [user_id for user_id in (*users, "other") if cache.get(user_id, "q") is not None] == ["other"]


def test_redis_is_asked_once_for_hundreds_of_drops(server: RedisServer, clock: Clock) -> None:
    with closing(redis_cache(server, clock)) as cache:
        server.say("CONFIG", "RESETSTAT")
        cache.drop(*(f"user-{number}" for number in range(1_000)))

    with server.client() as client:
        assert client.info("commandstats")["cmdstat_del"]["calls"] == 2


def test_what_was_dropped_can_be_kept_again(cache: ListCache, clock: Clock) -> None:
    cache.drop("ann")
    cache.put("ann", "1", a_list(clock))

    assert cache.get("ann", "1") == a_list(clock)


@pytest.mark.requirement("CACHE-003")
def test_a_list_is_returned_for_an_hour_and_no_longer(cache: ListCache, clock: Clock) -> None:
    kept = a_list(clock)
    cache.put("ann", "1", kept)
    clock.now += 3_599
    within = cache.get("ann", "1")
    clock.now += 1.001
    cache.put("ann", "2", a_list(clock))  # a younger list of the same user must not keep it alive

    assert (within, cache.get("ann", "1")) == (kept, None)


TEXT = st.text(max_size=30)
SCORES = st.floats(allow_nan=False, allow_infinity=False)
LISTS = st.builds(
    CachedList,
    TEXT,
    st.sampled_from(["personal", "category", "popular"]),
    st.lists(
        st.builds(
            Recommendation,
            TEXT,
            TEXT,
            st.lists(TEXT, max_size=3).map(tuple),
            SCORES,
            st.lists(st.builds(Reason, TEXT, TEXT, SCORES), max_size=2).map(tuple),
        ),
        max_size=4,
    ).map(tuple),
    st.just(1_790_000_000_000),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(user_id=TEXT, question=TEXT, found=LISTS)
def test_whatever_is_kept_comes_back_the_same(cache: ListCache, user_id: str, question: str, found: CachedList) -> None:
    cache.put(user_id, question, found)

    assert cache.get(user_id, question) == found


@pytest.mark.parametrize("text", ["\x00", "\ud800", "a\r\nDEL x", "🎵" * 100, "tacit:1:*"])
def test_odd_names_neither_fail_nor_reach_others(cache: ListCache, clock: Clock, text: str) -> None:
    cache.put("ann", "1", a_list(clock))
    cache.put(text, text, a_list(clock))
    found = cache.get(text, text)
    cache.drop(text)

    assert found in (None, a_list(clock))
    assert cache.get(text, text) is None
    assert cache.get("ann", "1") == a_list(clock)


def test_a_score_that_is_not_finite_never_breaks_anything(cache: ListCache, clock: Clock) -> None:
    odd = a_list(clock, items=(Recommendation("i", "t", (), float("inf")),))
    cache.put("ann", "1", odd)

    assert cache.get("ann", "1") in (None, odd)


@pytest.mark.parametrize("number", [500])
def test_many_questions_of_one_user_leave_the_last_or_nothing(cache: ListCache, clock: Clock, number: int) -> None:
    for question in range(number):
        cache.put("ann", str(question), a_list(clock, stamp=str(question)))
    found = [cache.get("ann", str(question)) for question in range(number)]

    assert all(each is None or each.stamp == str(question) for question, each in enumerate(found))


def test_closing_twice_is_closing_once(cache: ListCache) -> None:
    cache.close()
    cache.close()
