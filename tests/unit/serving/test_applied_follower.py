"""A process that takes no events hears of those that another one applies."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tacit.adapters.memory_store import MemoryEventStore
from tacit.errors import Unavailable
from tacit.serving.applied_follower import AppliedFollower
from tacit.serving.fresh_users import FreshUsers
from tests.event_stores import effect
from tests.stages import wait_until


class Store(MemoryEventStore):
    """A store that may be away, and in which more may be applied between two questions."""

    is_away = False
    meanwhile: tuple[int, str] | None = None

    def changed_users(self, after_turn: int) -> Sequence[str]:
        if self.is_away:
            raise Unavailable("database_timeout", "It does not answer.")
        if self.meanwhile is not None:
            (number, user_id), self.meanwhile = self.meanwhile, None
            did(self, number, user_id)
        return super().changed_users(after_turn)


def did(store: Store, number: int, user_id: str) -> None:
    store.apply([effect(number, user_id=user_id)], offset=number)


def follower_of(store: Store, told: list[set[str]], sights: list[bool]) -> AppliedFollower:
    def hear(user_ids: Collection[str]) -> None:
        told.append(set(user_ids))

    return AppliedFollower(store, told=hear, lost_sight=sights.append, failed=lambda _: None, pause_seconds=0.01)


def test_it_tells_of_those_whose_events_came_since_it_began_and_of_nobody_else() -> None:
    store, told = Store(), list[set[str]]()
    did(store, 1, "before")
    follower = follower_of(store, told, [])
    follower.follow()
    assert told == []

    did(store, 2, "ann")
    did(store, 3, "bob")
    follower.follow()
    follower.follow()
    assert (told, follower.turn) == ([{"ann", "bob"}], 3)


def test_an_event_that_comes_between_two_questions_is_told_of_now_and_again() -> None:
    store, told = Store(), list[set[str]]()
    follower = follower_of(store, told, [])
    did(store, 1, "ann")
    store.meanwhile = (2, "bob")
    follower.follow()
    follower.follow()

    assert told == [{"ann", "bob"}, {"bob"}]


def test_while_the_store_is_away_it_says_so_and_what_came_meanwhile_is_told_later() -> None:
    store, told, sights = Store(), list[set[str]](), list[bool]()
    follower = follower_of(store, told, sights)
    store.is_away = True
    did(store, 1, "ann")
    follower.start()
    try:
        wait_until(lambda: True in sights)
        store.is_away = False
        wait_until(lambda: told == [{"ann"}])
        wait_until(lambda: sights[-1] is False)
    finally:
        follower.stop()


def test_while_nobody_can_tell_who_did_something_no_reading_counts_as_current() -> None:
    store = Store()
    fresh = FreshUsers(store, failed=print)
    fresh.follow(0)
    did(store, 1, "ann")
    fresh.told({"ann"})

    fresh.lost_sight(True)
    assert [fresh.doings(user_id, 0).is_current for user_id in ("ann", "bob")] == [False, False]
    fresh.lost_sight(False)
    assert [fresh.doings(user_id, 0).is_current for user_id in ("ann", "bob")] == [True, True]
