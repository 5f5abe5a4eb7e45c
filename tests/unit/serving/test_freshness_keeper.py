"""What happens in the background so that no request waits for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tacit.adapters.memory_store import MemoryEventStore
from tacit.data.event_effects import AppliedEvent
from tacit.errors import Unavailable
from tacit.serving.fresh_users import FreshUsers
from tacit.serving.freshness_keeper import FreshnessKeeper
from tacit.serving.newcomer_shelf import NewcomerShelf
from tests.event_stores import effect
from tests.stages import RARE, Stage, stage, wait_until


class Store(MemoryEventStore):
    """A store that may be away."""

    is_away = False

    def changed_users(self, after_turn: int) -> Sequence[str]:
        if self.is_away:
            raise Unavailable("database_timeout", "It does not answer.")
        return super().changed_users(after_turn)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path) as made:
        yield made


@contextmanager
def kept(made: Stage, store: Store, failures: list[Exception]) -> Iterator[tuple[FreshUsers, NewcomerShelf]]:
    fresh, shelf = FreshUsers(store, failed=failures.append), NewcomerShelf(store, unit="plays")
    keeper = FreshnessKeeper(made.pool, fresh, shelf, failed=failures.append, pause_seconds=0.01)
    keeper.start()
    try:
        yield fresh, shelf
    finally:
        keeper.stop()


def test_a_version_is_prepared_before_it_answers_and_the_one_before_is_let_go(made: Stage) -> None:
    with kept(made, Store(), []) as (fresh, shelf):
        made.release(1)
        made.pool.refresh()
        first = made.pool.current()
        assert fresh.is_followed(0)
        assert shelf.current(first) is not None

        made.release(2)
        made.pool.refresh()
        assert shelf.current(made.pool.current()) is not None
        wait_until(lambda: shelf.current(first) is None)


def test_a_version_that_is_prepared_is_not_let_go_before_it_answers(made: Stage) -> None:
    rounds = iter(range(1_000_000))

    class Counting(Store):
        def applied(self, after_turn: int, *, limit: int) -> Sequence[AppliedEvent]:
            self.rounds = next(rounds)
            return super().applied(after_turn, limit=limit)

    store = Counting()
    fresh, shelf = FreshUsers(store, failed=print), NewcomerShelf(store, unit="plays")
    made.release(1)
    made.pool.refresh()
    first = made.pool.current()
    coming = replace(first, loaded_at=first.loaded_at + 1)
    keeper = FreshnessKeeper(made.pool, fresh, shelf, failed=print, pause_seconds=0.01)
    keeper.start()
    try:
        keeper.prepare(coming)
        prepared = store.rounds
        wait_until(lambda: store.rounds > prepared + 2)

        assert shelf.current(coming) is not None
    finally:
        keeper.stop()


def test_listeners_that_come_later_are_heard_without_a_request(made: Stage) -> None:
    store = Store()
    with kept(made, store, []) as (_, shelf):
        made.release(1)
        made.pool.refresh()
        loaded = made.pool.current()
        store.apply([effect(at, user_id=f"u{at:03}", item_id=RARE) for at in range(2, 8, 2)], offset=8)

        def is_heard() -> bool:
            newcomers = shelf.current(loaded)
            return newcomers is not None and bool(newcomers.is_heard.all())

        wait_until(is_heard)


def test_a_store_that_is_away_is_asked_again_until_it_answers(made: Stage) -> None:
    store, failures = Store(), []
    store.is_away = True
    with kept(made, store, failures) as (fresh, _):
        made.release(1)
        made.pool.refresh()
        wait_until(lambda: len(failures) > 2)
        assert not fresh.is_followed(0)
        store.is_away = False
        wait_until(lambda: fresh.is_followed(0))
