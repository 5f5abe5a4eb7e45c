"""Turns of the event loop that stay long: a burst is answered, what never ends is refused in part, and forgotten."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tacit.entrypoints.api.late_turns import LONG_SECONDS, LateTurns


class Loop:
    """An event loop whose clock is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self._soon: list[Callable[[], object]] = []
        self.turns = LateTurns(lambda: self.now)

    def call_soon(self, callback: Callable[[], object], /) -> None:
        self._soon.append(callback)

    def turn(self, requests: int, *, each: float, share: float = 1.0) -> list[bool]:
        """One turn in which so many are heard; who is refused costs nothing."""
        refused = []
        for _ in range(requests):
            refused.append(self.turns.is_too_late(self, share=share))
            self.now += 0.0 if refused[-1] else each
        called, self._soon = self._soon, []
        for callback in called:
            callback()
        return refused


@pytest.fixture
def loop() -> Loop:
    return Loop()


def test_a_burst_is_answered_to_the_last_request(loop: Loop) -> None:
    assert not any(loop.turn(60, each=0.001))


def test_once_turns_stay_long_each_answers_for_a_short_while_and_refuses_the_rest(loop: Loop) -> None:
    for _ in range(5):
        loop.turn(60, each=0.001)

    refused = loop.turn(60, each=0.001)

    answered = refused.count(False)
    assert LONG_SECONDS / 0.001 <= answered <= LONG_SECONDS / 0.001 + 2
    assert refused == [False] * answered + [True] * (60 - answered)


def test_what_is_given_up_sooner_is_refused_in_half_the_time(loop: Loop) -> None:
    for _ in range(5):
        loop.turn(60, each=0.001)

    assert loop.turn(60, each=0.001, share=0.5).count(False) < loop.turn(60, each=0.001).count(False)


def test_refusing_goes_on_as_long_as_more_come_than_are_answered(loop: Loop) -> None:
    told = [any(loop.turn(20, each=0.001)) for _ in range(200)]

    assert all(told[40:])


def test_short_turns_are_never_cut_and_end_it(loop: Loop) -> None:
    for _ in range(5):
        loop.turn(60, each=0.001)
    assert loop.turns.is_standing

    assert not any(any(loop.turn(2, each=0.001)) for _ in range(200))

    assert not loop.turns.is_standing
    assert not any(loop.turn(60, each=0.001))


def test_quiet_ends_it_too(loop: Loop) -> None:
    for _ in range(5):
        loop.turn(60, each=0.001)
    loop.now += 5.0
    loop.turn(1, each=0.001)

    assert not loop.turns.is_standing
