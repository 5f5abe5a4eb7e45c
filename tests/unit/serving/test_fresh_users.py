"""Who did something since a version, and what: read once, told of in time, and done without where it cannot be had."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tacit.adapters.memory import MemoryMetricSink
from tacit.adapters.memory_store import MemoryEventStore
from tacit.bootstrap.overload import spared_reads
from tacit.data.event_effects import UserItem
from tacit.errors import Unavailable
from tacit.monitoring import overload_metrics
from tacit.serving.cached_reads import FRESH_SECONDS, CachedReads, Reading
from tacit.serving.fresh_users import FreshUsers
from tacit.serving.profiles import Doings
from tests.event_stores import MOMENT, effect
from tests.stages import wait_until

AWAY = Unavailable("database_timeout", "It does not answer.")


class Watched(MemoryEventStore):
    """A store that notes whom it was asked for, and may be away."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.is_away = False
        self.meanwhile: Any = None

    def interactions_of(self, user_id: str, **options: Any) -> Sequence[UserItem]:
        self.asked.append(user_id)
        if self.is_away:
            raise AWAY
        found = super().interactions_of(user_id, **options)
        if self.meanwhile is not None:
            self.meanwhile, meanwhile = None, self.meanwhile
            meanwhile()
        return found

    def changed_users(self, after_turn: int) -> Sequence[str]:
        if self.is_away:
            raise AWAY
        return super().changed_users(after_turn)


@pytest.fixture
def store() -> Watched:
    store = Watched()
    store.apply([effect(1), effect(2, user_id="bob"), effect(3, user_id="eve", weight=-3.0)], offset=3)
    return store


@pytest.fixture
def failures() -> list[Exception]:
    return []


@pytest.fixture
def fresh(store: Watched, failures: list[Exception]) -> FreshUsers:
    return FreshUsers(store, failed=failures.append)


def weights(doings: Doings) -> tuple[dict[str, float], dict[str, float]]:
    return ({each.item_id: each.weight for each in doings.since}, {each.item_id: each.weight for each in doings.ever})


def test_only_users_with_events_since_the_turn_or_with_dislikes_cost_a_read(store: Watched, fresh: FreshUsers) -> None:
    fresh.follow(1)

    assert fresh.doings("ann", 1).value == fresh.doings("zoe", 1).value == Doings()
    assert store.asked == []
    assert weights(fresh.doings("bob", 1).value) == ({"i1": 1.0}, {"i1": 1.0})
    assert set(store.asked) == {"bob"}


def test_events_from_before_the_turn_are_told_apart_from_later_ones(store: Watched, fresh: FreshUsers) -> None:
    fresh.follow(3)
    store.apply([effect(4, user_id="eve", item_id="i2")], offset=4)
    fresh.told({"eve"})

    assert weights(fresh.doings("eve", 3).value) == ({"i2": 1.0}, {"i1": -3.0, "i2": 1.0})


def test_a_user_is_read_once_until_told_of(store: Watched, fresh: FreshUsers) -> None:
    fresh.follow(0)
    first = [fresh.doings("bob", 0).value for _ in range(3)][-1]
    store.apply([effect(4, user_id="bob")], offset=4)
    unheard = fresh.doings("bob", 0).value
    fresh.told({"bob"})
    second = fresh.doings("bob", 0).value

    assert first is unheard
    assert weights(second)[0] == {"i1": 2.0}
    assert store.asked == ["bob", "bob"]


def test_somebody_new_is_followed_from_their_first_event_on(store: Watched, fresh: FreshUsers) -> None:
    fresh.follow(3)
    store.apply([effect(4, user_id="zoe")], offset=4)
    fresh.told({"zoe"})

    assert weights(fresh.doings("zoe", 3).value)[0] == {"i1": 1.0}


def test_nobody_is_taken_for_unchanged_while_it_is_not_known_who_changed(
    store: Watched, fresh: FreshUsers, failures: list[Exception]
) -> None:
    store.is_away = True
    fresh.follow(1)
    store.is_away = False

    assert failures == [AWAY]
    assert not fresh.is_followed(1)
    assert weights(fresh.doings("bob", 1).value)[0] == {"i1": 1.0}

    fresh.follow(1)

    assert fresh.is_followed(1)


def test_a_store_that_fails_costs_freshness_and_what_was_known_before_still_holds(
    store: Watched, fresh: FreshUsers, failures: list[Exception]
) -> None:
    fresh.follow(0)
    before = fresh.doings("bob", 0)
    store.is_away = True
    fresh.told({"bob", "ann"})
    bob, ann = fresh.doings("bob", 0), fresh.doings("ann", 0)
    store.is_away = False

    assert before.is_current
    assert (bob.value, bob.is_current) == (before.value, False)
    assert (ann.value, ann.is_current) == (Doings(), False)
    assert failures == [AWAY, AWAY]
    assert fresh.doings("bob", 0).is_current


def test_what_is_told_while_it_is_read_is_read_again(store: Watched, fresh: FreshUsers) -> None:
    fresh.follow(0)

    def another() -> None:
        store.apply([effect(4, user_id="bob")], offset=4)
        fresh.told({"bob"})

    store.meanwhile = another
    fresh.doings("bob", 0)

    assert weights(fresh.doings("bob", 0).value)[0] == {"i1": 2.0}


def test_a_version_of_an_earlier_turn_is_followed_beside_the_one_that_answers(
    store: Watched, fresh: FreshUsers
) -> None:
    fresh.follow(0)
    fresh.doings("bob", 0)
    fresh.follow(2)
    store.apply([effect(4, user_id="bob", item_id="i2")], offset=4)
    fresh.told({"bob"})

    assert weights(fresh.doings("bob", 0).value)[0] == {"i1": 1.0, "i2": 1.0}
    assert weights(fresh.doings("bob", 2).value)[0] == {"i2": 1.0}


def test_weights_fade_by_the_half_life_of_the_settings(store: Watched) -> None:
    ten_days_later = (MOMENT + 10 * 86_400_000) / 1_000
    fresh = FreshUsers(store, failed=print, half_life_days=10.0, clock=lambda: ten_days_later)
    fresh.follow(0)

    assert weights(fresh.doings("bob", 0).value)[0] == {"i1": pytest.approx(0.5, abs=1e-6)}


def test_a_read_is_made_anew_after_a_while_and_the_least_used_is_forgotten() -> None:
    now = [0.0]
    asked: list[str] = []

    def read(user_id: str) -> int:
        asked.append(user_id)
        return len(asked)

    reads = CachedReads(read, 0, failed=print, clock=lambda: now[0], capacity=2)
    first = [reads.of(user_id).value for user_id in ("a", "b", "a", "c", "a", "b")]
    now[0] = FRESH_SECONDS + 1
    again = reads.of("b").value

    assert first == [1, 2, 1, 3, 1, 4]
    assert (again, asked) == (5, ["a", "b", "c", "b", "b"])


def test_a_read_that_comes_too_late_is_known_from_then_on_unless_its_user_was_told_of() -> None:
    failures: list[Exception] = []
    late: list[Callable[[], object]] = []

    def too_late(ask: Callable[[], Any], /) -> Any:
        late.append(ask)
        raise AWAY

    written = {"ann": 1, "bob": 1}
    reads = CachedReads(lambda user_id: written[user_id], 0, deadline=too_late, failed=failures.append)
    missed = [reads.of("ann"), reads.of("ann")]
    for ask in late:
        ask()

    assert missed == [Reading(0, is_current=False)] * 2
    assert reads.of("ann") == Reading(1)
    assert failures == [AWAY, AWAY]


def test_a_late_read_from_before_its_user_was_told_of_is_not_kept() -> None:
    written = {"ann": 1}
    reads: CachedReads[int]

    def read(user_id: str) -> int:
        found = written[user_id]
        if found == 1:
            written["ann"] = 2
            reads.outdate(["ann"])
        return found

    reads = CachedReads(read, 0, failed=print)

    assert [reads.of("ann").value for _ in range(3)] == [1, 2, 2]


def test_those_who_ask_while_a_user_is_read_wait_for_that_read() -> None:
    asked: list[str] = []
    over = threading.Event()
    waiting: list[threading.Thread] = []

    def read(user_id: str) -> int:
        asked.append(user_id)
        over.wait(10)
        return len(asked)

    def impatient(ask: Callable[[], Any], /) -> Any:
        waiting.append(threading.Thread(target=ask))
        waiting[-1].start()
        waiting[-1].join(0.1)
        raise AWAY

    reads = CachedReads(read, 0, deadline=impatient, failed=lambda _: None)
    missed = [reads.of("ann") for _ in range(3)]
    over.set()
    for each in waiting:
        each.join()

    assert missed == [Reading(0, is_current=False)] * 3
    assert (reads.of("ann"), asked) == (Reading(1), ["ann"])


def test_many_who_ask_for_a_user_whose_read_hangs_are_in_nobody_elses_way() -> None:
    metrics, over = MemoryMetricSink(), threading.Event()
    missed: list[bool] = []

    def read(user_id: str) -> int:
        if user_id == "ann":
            over.wait(10)
        return 1

    reads = CachedReads(read, 0, deadline=spared_reads("events", metrics), failed=lambda _: None)
    askers = [threading.Thread(target=lambda: missed.append(not reads.of("ann").is_current)) for _ in range(80)]
    try:
        for each in askers:
            each.start()
        for each in askers:
            each.join()

        assert missed == [True] * 80
        assert reads.of("bob") == Reading(1)
        assert metrics.value(overload_metrics.BREAKER_OPEN, dependency="events") == 0
    finally:
        over.set()
    wait_until(lambda: reads.known("ann") == 1)


def test_a_read_that_was_not_begun_is_begun_by_whoever_asks_next() -> None:
    is_spared = [True]

    def spared(ask: Callable[[], Any], /) -> Any:
        if is_spared.pop():
            raise AWAY
        return ask()

    reads = CachedReads(lambda _: 1, 0, deadline=spared, failed=lambda _: None)
    first = reads.of("ann")
    is_spared.append(False)

    assert (first, reads.of("ann")) == (Reading(0, is_current=False), Reading(1))


def test_many_who_read_and_tell_at_once_end_with_what_was_written_last() -> None:
    written = {"ann": 0}
    reads = CachedReads(lambda user_id: written[user_id], -1, failed=print)

    def write() -> None:
        for _ in range(300):
            written["ann"] += 1
            reads.outdate(["ann"])

    def ask() -> None:
        for _ in range(600):
            reads.of("ann")

    threads = [threading.Thread(target=each) for each in (write, ask, ask, ask)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert reads.of("ann").value == 300
