"""Answers that are worked out in the event loop: while nothing is to be waited for, and as long as that is short."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from starlette.responses import Response

from tacit.entrypoints.api.at_once import LONG_SECONDS, AtOnce, Question
from tacit.errors import NotFound
from tacit.serving.budgets import Budget, current_budget
from tacit.serving.ready_answers import ReadyAnswers

RESTS_ON = SimpleNamespace(loaded=SimpleNamespace(label="recommender/1"), things=())


class Endpoint:
    """Takes as long as it was told to."""

    is_personal = True

    def __init__(self, clock: Clock) -> None:
        self._clock, self.seconds, self.limits = clock, 0.001, []
        self.waits = 0.0
        self.refusal: NotFound | None = None

    def user_in(self, part: str) -> str | None:
        return None if "%" in part else part

    def answer_here(self, request: object, part: str) -> Response:
        self._clock.now += self.seconds
        self._clock.waited += self.waits
        self.limits.append(current_budget().fitted(100))
        if self.refusal is not None:
            raise self.refusal
        return Response(b"[]")


class Clock:
    def __init__(self) -> None:
        self.now = self.waited = 0.0

    def __call__(self) -> float:
        return self.now


class Desk:
    """Something that answers at once, unless it is told otherwise."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.endpoint = Endpoint(self.clock)
        self.service = SimpleNamespace(is_immediate=True, rests_on=lambda user_id: self.rests_on)
        self.rests_on: Any = RESTS_ON
        self.budget: Budget | None = Budget()
        ready: Any = ReadyAnswers(lambda _: None, clock_ms=lambda: 0)
        service: Any = self.service
        self.looks = 0
        self.at_once = AtOnce(service, ready, room=lambda: self.budget, clock=self.clock, worked=self.worked)

    def worked(self) -> float:
        """What passed, without the time in which others had the interpreter."""
        self.looks += 1
        return self.clock.now - self.clock.waited

    def asked(self, part: str = "ann") -> Question | None:
        endpoint: Any = self.endpoint
        return self.at_once.question(b"/x", endpoint, part)

    def answered(self, seconds: float = 0.001) -> Response:
        self.endpoint.seconds = seconds
        asked = self.asked()
        assert asked is not None
        scope = {"type": "http", "headers": [], "query_string": b"", "tacit.request_id": "r"}
        return self.at_once.answer(asked, scope)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_what_would_have_to_be_read_or_waited_for_is_left_to_threads(desk: Desk) -> None:
    assert desk.asked() is not None
    assert desk.asked("a%2Fb") is None
    desk.rests_on = None
    assert desk.asked() is None
    desk.rests_on, desk.budget = RESTS_ON, None
    assert desk.asked() is None
    desk.budget, desk.service.is_immediate = Budget(), False
    assert desk.asked() is None


def test_an_answer_keeps_to_what_it_may_cost_and_a_refusal_is_one(desk: Desk) -> None:
    desk.budget = Budget(pressure=1, reduced_limit=20)
    answered = desk.answered()
    desk.endpoint.refusal = NotFound("user_unknown", "Nobody.")
    refused = desk.answered()

    assert desk.endpoint.limits == [20, 20]
    assert (answered.status_code, refused.status_code) == (200, 404)


def test_where_answers_take_long_threads_have_them_until_one_that_is_tried_is_short(desk: Desk) -> None:
    for _ in range(200):
        desk.answered(1.5 * LONG_SECONDS)
        if desk.asked() is None:
            break
    resting = desk.asked()
    desk.clock.now += 1.0
    desk.answered(1.5 * LONG_SECONDS)
    still = desk.asked()
    desk.clock.now += 1.0
    desk.answered(0.5 * LONG_SECONDS)

    assert (resting, still) == (None, None)
    assert desk.asked() is not None


def test_one_answer_that_fell_into_a_pause_says_nothing_of_others(desk: Desk) -> None:
    for _ in range(20):
        desk.answered()
    desk.answered(2.0)

    assert desk.asked() is not None


def test_how_long_the_thread_worked_is_asked_of_the_system_only_while_answers_may_be_long(desk: Desk) -> None:
    for _ in range(3):
        desk.answered()
    before = desk.looks
    desk.answered(0.6 * LONG_SECONDS)
    desk.answered()
    watched = desk.looks
    for _ in range(60):
        desk.answered()
    at_last = desk.looks
    desk.answered()

    assert (before, watched) == (0, 2)
    assert desk.looks == at_last


def test_answers_that_wait_for_their_turn_among_threads_are_not_long(desk: Desk) -> None:
    desk.endpoint.waits = 2 * LONG_SECONDS - 0.001
    for _ in range(200):
        desk.answered(2 * LONG_SECONDS)

    assert desk.asked() is not None
