"""The line of the event loop: it listens between answers, a burst is answered, and what never ends is refused early."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from tacit.entrypoints.api.turn_line import MOST_GIVEN, SHORT_SECONDS, SLICE_SECONDS, TurnLine

SLOW, FAST = 2 * SLICE_SECONDS, SLICE_SECONDS / 10
HEARING = 1e-5


class Loop:
    """An event loop whose clock is moved by hand, and who is heard in it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.told: list[str] = []
        self.waits: list[float] = []
        self.line = TurnLine(0.1, lambda: self.now)
        self._names = count()
        self._soon: list[tuple[Callable[[Any], object], Any]] = []

    def call_soon(self, callback: Callable[[Any], object], argument: Any, /) -> None:
        self._soon.append((callback, argument))

    def turn(self, requests: int = 0, *, each: float = SLOW, share: float = 1.0) -> int:
        """What was called soon, and then so many who are heard; how many of these were refused."""
        called, self._soon = self._soon, []
        for callback, argument in called:
            callback(argument)
        refused = sum(self.hear(each, share) for _ in range(requests))
        if requests:
            self.told.append("heard all")
        return refused

    def until_quiet(self) -> None:
        while self._soon:
            self.turn()

    def hear(self, each: float = SLOW, share: float = 1.0) -> bool:
        name, heard = next(self._names), self.now
        self.now += HEARING

        def answer() -> None:
            self.now += each
            self.told.append(f"answers {name}")
            self.waits.append(self.now - heard)

        if self.line.is_free(self):
            answer()
        elif self.line.has_room(share):
            self.line.wait(self, answer)
        else:
            self.told.append(f"refuses {name}")
            return True
        return False


@pytest.fixture
def loop() -> Loop:
    return Loop()


def overloaded(loop: Loop, seconds: float = 2.0) -> None:
    """Ten times as many as are answered, for so long."""
    until = loop.now + seconds
    while loop.now < until:
        loop.turn(10)
    loop.told.clear()
    loop.waits.clear()


def test_whoever_comes_alone_is_answered_before_anybody_else_is_heard(loop: Loop) -> None:
    loop.turn(1)

    assert loop.told == ["answers 0", "heard all"]
    assert len(loop.line) == 0


def test_between_two_answers_it_listens_and_those_who_wait_are_answered_in_order(loop: Loop) -> None:
    loop.turn(3)
    loop.turn(1)
    loop.turn(1)

    assert loop.told == ["answers 0", "heard all", "answers 1", "heard all", "answers 2", "heard all"]


def test_answers_that_take_little_share_a_moment(loop: Loop) -> None:
    loop.turn(1, each=SLOW)
    loop.turn(1, each=SLOW)
    loop.turn(25, each=FAST)
    answered_before = len(loop.waits)

    loop.turn()

    assert 8 <= len(loop.waits) - answered_before <= 11


def test_all_who_are_refused_are_told_before_anybody_in_line_is_answered(loop: Loop) -> None:
    overloaded(loop)

    loop.turn(30)

    [answered, *others, end] = [told.split()[0] for told in loop.told]
    assert (answered, end) == ("answers", "heard")
    assert set(others) == {"refuses"}


def test_a_burst_is_answered_to_the_last_request(loop: Loop) -> None:
    assert loop.turn(45) == 0

    loop.until_quiet()

    assert len(loop.waits) == 45


def test_nobody_is_let_wait_for_longer_than_a_question_may(loop: Loop) -> None:
    assert loop.turn(100) > 40

    loop.until_quiet()

    assert max(loop.waits) < 0.11


def test_what_lies_ready_is_given_to_so_many_in_each_turn_whoever_waits(loop: Loop) -> None:
    overloaded(loop)

    given = [[loop.line.may_give(loop) for _ in range(MOST_GIVEN + 5)] for _ in range(3) if loop.turn(5) >= 0]

    assert given == [[True] * MOST_GIVEN + [False] * 5] * 3


def test_giving_begins_a_turn_as_answering_does(loop: Loop) -> None:
    for _ in range(MOST_GIVEN + 1):
        loop.line.may_give(loop)
    loop.turn()

    assert loop.line.may_give(loop)


def test_whoever_was_told_that_the_line_is_full_speaks_for_all_until_somebody_leaves_it(loop: Loop) -> None:
    overloaded(loop)

    loop.hear(share=0.5)
    for_half = loop.line.is_full
    loop.turn(10)
    for_all = loop.line.is_full
    loop.turn()

    assert (for_half, for_all, loop.line.is_full) == (True, True, False)


def test_a_line_without_room_for_some_may_have_room_for_others(loop: Loop) -> None:
    while not loop.hear(share=0.5):
        pass

    assert not loop.line.is_full
    assert not loop.hear()


def test_once_the_line_stays_nobody_waits_long_and_the_time_is_used(loop: Loop) -> None:
    overloaded(loop)
    assert loop.line.is_standing
    began = loop.now

    for _ in range(200):
        loop.turn(2)

    assert max(loop.waits) < 2 * SHORT_SECONDS
    assert len(loop.waits) * SLOW > 0.97 * (loop.now - began)


def test_what_is_given_up_sooner_has_part_of_the_room(loop: Loop) -> None:
    overloaded(loop)
    while len(loop.line):
        loop.turn()

    loop.turn(20, share=0.5)
    low = len(loop.line)
    loop.turn(20)

    assert 0 < low < len(loop.line)


def test_it_stays_as_long_as_more_come_than_are_answered_and_ends_once_fewer_do(loop: Loop) -> None:
    overloaded(loop)
    for _ in range(1_000):
        loop.turn(2)
        assert loop.line.is_standing

    for _ in range(1_000):
        loop.turn(1)
        loop.now += 2 * SLOW
        loop.turn()

    assert not loop.line.is_standing
    assert loop.turn(40) == 0


def test_one_burst_after_a_long_quiet_is_no_line_that_stays(loop: Loop) -> None:
    loop.turn(1)
    loop.now += 60
    loop.turn(40)
    loop.until_quiet()

    assert not loop.line.is_standing


def test_quiet_ends_it_as_well(loop: Loop) -> None:
    overloaded(loop)
    loop.until_quiet()
    loop.now += 60

    assert loop.turn(40) == 0


def test_a_pause_of_the_machine_does_not_make_every_answer_look_long(loop: Loop) -> None:
    overloaded(loop)
    while len(loop.line) < 2:
        loop.turn(1)
    loop.now += 1.0
    loop.turn()

    loop.turn(10)

    assert len(loop.line) > 1


def test_an_answer_that_fails_is_in_nobody_elses_way(loop: Loop) -> None:
    loop.turn(1)
    loop.turn()

    def fail() -> None:
        raise ValueError("this one")

    loop.line.is_free(loop)
    loop.line.wait(loop, fail)
    loop.hear()
    loop.hear()
    with pytest.raises(ValueError, match="this one"):
        loop.turn()
    loop.until_quiet()

    assert len(loop.waits) == 3
    assert len(loop.line) == 0
