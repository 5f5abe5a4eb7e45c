"""Lists in process: bounded, an hour at most, dropped by user."""

from __future__ import annotations

from tacit.adapters.memory_cache import USUAL_LENGTH, MemoryListCache
from tacit.serving.answers import Recommendation
from tacit.serving.list_cache import CachedList


def kept(stamp: str, at: float = 0.0) -> CachedList:
    return CachedList(stamp, "personal", (), int(at * 1_000))


def test_a_list_comes_back_by_user_and_question() -> None:
    cache = MemoryListCache(clock=lambda: 0.0)
    cache.put("ann", "ten", kept("1"))
    cache.put("ann", "five", kept("2"))
    cache.put("bob", "ten", kept("3"))

    assert cache.get("ann", "ten") == kept("1")
    assert cache.get("ann", "five") == kept("2")
    assert cache.get("bob", "five") is None


def test_the_list_used_longest_ago_makes_room() -> None:
    cache = MemoryListCache(capacity=2, clock=lambda: 0.0)
    cache.put("ann", "ten", kept("1"))
    cache.put("bob", "ten", kept("2"))
    cache.get("ann", "ten")
    cache.put("eve", "ten", kept("3"))

    assert [cache.get(user_id, "ten") is not None for user_id in ("ann", "bob", "eve")] == [True, False, True]


def test_a_long_list_takes_the_place_of_as_many_usual_ones_as_it_is_long() -> None:
    cache = MemoryListCache(capacity=4, clock=lambda: 0.0)
    long = CachedList("1", "personal", (Recommendation("a", "A", (), 1.0),) * (3 * USUAL_LENGTH), 0)
    for user_id, found in (("ann", long), ("bob", kept("2")), ("ann", long), ("eve", long)):
        cache.put(user_id, "all", found)
    first = [cache.get(user_id, "all") is not None for user_id in ("ann", "bob", "eve")]
    cache.drop("eve")
    cache.put("ann", "all", long)

    assert first == [False, False, True]
    assert cache.get("ann", "all") == long


def test_a_list_is_forgotten_after_an_hour() -> None:
    now = [0.0]
    cache = MemoryListCache(clock=lambda: now[0])
    cache.put("ann", "ten", kept("1"))
    now[0] = 3_600.0
    still = cache.get("ann", "ten")
    now[0] = 3_600.01

    assert (still, cache.get("ann", "ten")) == (kept("1"), None)


def test_all_lists_of_a_user_are_dropped_and_dropping_again_does_nothing() -> None:
    cache = MemoryListCache(clock=lambda: 0.0)
    for question in ("ten", "five"):
        cache.put("ann", question, kept(question))
    cache.put("bob", "ten", kept("3"))
    cache.drop("ann")
    cache.drop("ann")

    assert [cache.get("ann", "ten"), cache.get("ann", "five"), cache.get("bob", "ten")] == [None, None, kept("3")]


def test_a_closed_cache_holds_nothing() -> None:
    cache = MemoryListCache(clock=lambda: 0.0)
    cache.put("ann", "ten", kept("1"))
    cache.close()

    assert cache.get("ann", "ten") is None
