"""Following the log: soon, whatever fails in between, and to the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from tacit.adapters.memory_store import MemoryEventStore
from tacit.data.applying import GATHER_SECONDS, IDLE_SECONDS, STREAM_SECONDS, Follower, Tally
from tacit.data.event_effects import EventCounts
from tacit.data.ingestion import Applied
from tacit.errors import Unavailable
from tests.stages import wait_until


class Pile:
    """Events that wait to be applied, and failures that come first."""

    def __init__(self, waiting: int = 0, *failures: Exception, most: int = 10) -> None:
        self.waiting, self.failures, self.most = waiting, list(failures), most
        self.steps: list[float] = []

    def step(self) -> Applied:
        if self.failures:
            raise self.failures.pop(0)
        read = min(self.waiting, self.most)
        self.waiting -= read
        self.steps.append(time.monotonic())
        return Applied(read, read)

    def catch_up(self, deadline: float) -> Applied:
        total = Applied()
        while self.waiting and time.monotonic() < deadline:
            total += self.step()
        return total


class Closed(MemoryEventStore):
    """A store that cannot be written, until it can."""

    is_closed = True

    def tally(self, source: str, *, deduplicated: int = 0, rejected: int = 0) -> None:
        if self.is_closed:
            raise Unavailable("database_busy", "Somebody else writes.")
        super().tally(source, deduplicated=deduplicated, rejected=rejected)


@contextmanager
def following(pile: Pile, failed: list[Exception] | None = None, *, batch: int = 10) -> Iterator[Follower]:
    told = [] if failed is None else failed
    follower = Follower(pile, Tally(MemoryEventStore()), batch=batch, told=lambda _: None, failed=told.append)
    follower.start()
    try:
        yield follower
    finally:
        follower.stop()


def emptied(pile: Pile, *, seconds: float = 5.0) -> bool:
    until = time.monotonic() + seconds
    while pile.waiting and time.monotonic() < until:
        time.sleep(0.005)
    return not pile.waiting


def test_what_waits_at_the_start_is_applied_without_being_asked_for() -> None:
    pile = Pile(95)
    with following(pile):
        assert emptied(pile)


def test_what_comes_later_is_applied_sooner_than_anybody_looks_unasked() -> None:
    pile = Pile()
    with following(pile) as follower:
        time.sleep(0.2)
        pile.waiting = 3
        follower.wake()

        assert emptied(pile, seconds=IDLE_SECONDS / 2)


@pytest.mark.parametrize(
    ("read", "batch", "least", "most"),
    [
        (3, 100, GATHER_SECONDS, STREAM_SECONDS),  # few: soon
        (200, 500, STREAM_SECONDS, IDLE_SECONDS),  # many: gathered
        (200, 200, 0.0, GATHER_SECONDS),  # as many as one transaction takes: at once
    ],
)
def test_how_long_events_are_gathered_depends_on_how_many_come(
    read: int, batch: int, least: float, most: float
) -> None:
    pile = Pile(4 * read, most=read)
    with following(pile, batch=batch):
        assert emptied(pile)

    pauses = [after - before for before, after in pairwise(pile.steps[:4])]
    assert min(pauses) >= least
    assert min(pauses) < most


def test_a_failure_is_told_and_does_not_end_the_following() -> None:
    pile, failed = Pile(5, Unavailable("database_busy", "Busy."), ArithmeticError("odd")), list[Exception]()
    with following(pile, failed):
        assert emptied(pile)

    assert [type(each) for each in failed] == [Unavailable, ArithmeticError]


class Stuck(Pile):
    """Events whose store takes its time."""

    def __init__(self) -> None:
        super().__init__(1)
        self.over = threading.Event()

    def step(self) -> Applied:
        self.over.wait(10)
        return super().step()


def test_a_step_that_takes_its_time_is_seen_before_it_ends() -> None:
    pile = Stuck()
    with following(pile) as follower:
        wait_until(lambda: follower.still_seconds > 0.2)
        pile.over.set()
        wait_until(lambda: follower.still_seconds < 0.1)


def test_until_events_can_be_applied_they_wait_and_hold_up_no_end() -> None:
    pile, is_ready = Pile(5), False
    follower = Follower(
        pile, Tally(MemoryEventStore()), batch=10, told=lambda _: None, failed=lambda _: None, ready=lambda: is_ready
    )
    follower.start()
    time.sleep(0.2)
    started = time.monotonic()
    follower.stop()

    assert pile.waiting == 5
    assert time.monotonic() - started < 5


def test_the_end_applies_what_is_left() -> None:
    pile = Pile()
    with following(pile):
        time.sleep(0.1)
        pile.waiting = 1_000

    assert pile.waiting == 0


def test_what_the_door_answered_is_counted_once_even_if_the_store_was_away() -> None:
    store = Closed()
    tally = Tally(store)
    tally.add("api", EventCounts(6, 3, 1, 0, 2))
    with pytest.raises(Unavailable):
        tally.flush()
    tally.add("api", EventCounts(1, 0, 1, 0, 0))
    store.is_closed = False
    tally.flush()
    tally.flush()

    assert store.counts() == {"api": EventCounts(4, 0, 2, 0, 2)}
