"""Looking for cycles: the young soon, by the clock, the old where nobody waits for it, and all of it in the end."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from tacit.entrypoints.api.old_objects import OldObjects, rare_collections

SECOND = 10
"""Turns."""


class Ring:
    """An object that holds itself."""

    def __init__(self) -> None:
        self.itself: Ring | None = self


@pytest.fixture(autouse=True)
def _still() -> Iterator[None]:
    """The interpreter looks for nothing of itself meanwhile."""
    was_on = gc.isenabled()
    gc.disable()
    yield
    if was_on:
        gc.enable()


def dropped() -> weakref.ref[Ring]:
    return weakref.ref(Ring())


def test_a_cycle_that_was_given_up_young_is_gone_with_the_next_turn() -> None:
    old_objects, young = OldObjects(), dropped()
    assert young() is not None

    old_objects.look_through(answered=1)

    assert young() is None


def test_what_survived_a_few_turns_is_left_alone_while_requests_come_and_looked_for_once_they_do_not() -> None:
    old_objects = OldObjects()
    ring: Ring | None = Ring()
    seen = weakref.ref(ring)
    for turn in range(SECOND):
        old_objects.look_through(answered=turn)
    ring = None

    for turn in range(3 * SECOND):
        old_objects.look_through(answered=5_000 + turn)
    assert seen() is not None

    for _ in range(SECOND + 1):
        old_objects.look_through(answered=5_000 + 3 * SECOND)
    assert seen() is None


def test_a_server_that_never_rests_looks_for_them_in_the_end() -> None:
    old_objects = OldObjects()
    ring: Ring | None = Ring()
    seen = weakref.ref(ring)
    for turn in range(SECOND):
        old_objects.look_through(answered=turn)
    ring = None

    old_objects.look_through(answered=1_000_000)

    assert seen() is None


def test_the_old_are_no_business_of_the_interpreters_own_while_a_server_runs() -> None:
    before = gc.get_threshold()

    with rare_collections():
        young, _, old = gc.get_threshold()
        assert young < 5_000
        assert old > 1_000_000

    assert gc.get_threshold() == before
