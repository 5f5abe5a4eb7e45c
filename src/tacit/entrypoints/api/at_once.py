"""Answers that are worked out in the event loop's own turn, where nothing has to be waited for.

Handing a question to a thread and its answer back costs as much as most answers take, and on a server with one core the
thread takes from the event loop what it gives.  So what rests on nothing that would have to be read is worked out here,
while there is room, and as long as that stays short.
"""

from __future__ import annotations

import time
from collections.abc import Callable, MutableMapping
from contextvars import copy_context
from typing import Any

import structlog
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from tacit.entrypoints.api.errors import REQUEST_ID, TRACE, noted_response
from tacit.entrypoints.api.fast_routes import Endpoint, Kept, keep_ready
from tacit.entrypoints.api.following import named
from tacit.errors import TacitError
from tacit.serving.budgets import Budget, spend, spending
from tacit.serving.ready_answers import RestsOn
from tacit.serving.recommend import RecommendationService

LONG_SECONDS = 0.006
"""Time of an answer, averaged, from which on threads work them out for a while: nobody else is heard meanwhile."""
_WEIGHT = 0.05
_MOST_SECONDS = 4 * LONG_SECONDS
"""As what a longer one counts: one that fell into a pause says little of others."""
_REST_SECONDS = 1.0
_WATCHED = 20
"""Answers that are looked at closely after one that may have been long."""

Room = Callable[[], Budget | None]


class Question(Struct, frozen=True):
    """Something that may be answered at once.

    Attributes:
        url: The address that asks.
        endpoint: What answers.
        part: What fills the path.
        budget: What it may cost.
        before: What it rests on.
    """

    url: bytes
    endpoint: Endpoint
    part: str
    budget: Budget
    before: RestsOn


class AtOnce:
    """Works out answers.  For one event loop.

    Args:
        service: Knows what answers rest on.
        ready: Keeps them.
        room: Says what a question may cost, if it may be answered at once now.
        clock: Passing time in seconds.
        worked: Seconds that the thread has worked: while it waits for its turn among threads, no answer is long.

    Attributes:
        room: As given.
    """

    def __init__(
        self,
        service: RecommendationService,
        ready: Kept,
        *,
        room: Room,
        clock: Callable[[], float] = time.perf_counter,
        worked: Callable[[], float] = time.thread_time,
    ) -> None:
        self._service, self._ready, self.room = service, ready, room
        self._clock, self._worked = clock, worked
        self._usual = 0.0
        self._watched = 0
        self._rests_until = 0.0

    def rests_on(self, endpoint: Endpoint, part: str) -> RestsOn | None:
        """What an answer rests on, if it can be given at once: without waiting, and soon."""
        user_id = endpoint.user_in(part)
        if not self._is_awake or (endpoint.is_personal and user_id is None):
            return None
        return self._service.rests_on(user_id)

    def is_at_hand(self, endpoint: Endpoint, part: str) -> bool:
        """Whether a user's answer can be given so."""
        user_id = endpoint.user_in(part)
        return user_id is not None and self._is_awake and self._service.is_at_hand(user_id)

    @property
    def _is_awake(self) -> bool:
        """Whether answers are worked out here now at all."""
        return self._service.is_immediate and (self._usual <= LONG_SECONDS or self._is_rested())

    def question(self, url: bytes, endpoint: Endpoint, part: str) -> Question | None:
        """What a request asks, if it can be answered at once."""
        before = self.rests_on(endpoint, part)
        if before is None:
            return None
        budget = self.room()
        return None if budget is None else Question(url, endpoint, part, budget, before)

    def answer(self, asked: Question, scope: MutableMapping[str, Any]) -> Response:
        """The answer, whatever it is.

        Args:
            scope: Of the request; given what a route would put there.
        """
        endpoint, part = asked.endpoint, asked.part
        response = self.worked_out(asked.budget, scope, lambda: endpoint.answer_here(Request(scope), part))
        keep_ready(self._ready, asked.url, endpoint, part=part, before=asked.before, scope=scope, response=response)
        return response

    def worked_out(self, budget: Budget, scope: MutableMapping[str, Any], work: Callable[[], Response]) -> Response:
        """What some work comes to that is done here and now, whatever it is; how long it takes is learnt from.

        Args:
            budget: What it may cost.
            scope: Of the request.
            work: Gives the answer, or raises.
        """
        began, worked = self._clock(), self._worked() if self._watched else None
        try:
            # In a context of its own, so that nothing that is said in it has to be taken back.
            response = copy_context().run(_kept_to, budget, scope, work)
        except TacitError as error:
            response = noted_response(scope, error)
        self._look(self._clock() - began, None if worked is None else self._worked() - worked)
        return response

    def _look(self, passed: float, worked: float | None) -> None:
        """Learn from an answer what there is to learn.

        How long a thread has worked is asked of the system, and costs more than most steps of an answer: it is asked
        only while answers are not plainly short by the time that passed.
        """
        if passed > LONG_SECONDS / 2:
            self._watched = _WATCHED
        elif self._watched:
            self._watched -= 1
        if worked is not None or passed <= LONG_SECONDS / 2:
            self._note(passed if worked is None else worked)

    def _note(self, seconds: float) -> None:
        """Learn how long answers take; one that was tried after a rest, and was short, is believed at once."""
        if self._usual > LONG_SECONDS and seconds < LONG_SECONDS:
            self._usual = seconds
        self._usual += _WEIGHT * (min(seconds, _MOST_SECONDS) - self._usual)
        if self._usual > LONG_SECONDS:
            self._rests_until = self._clock() + _REST_SECONDS

    def _is_rested(self) -> bool:
        """Whether it may be tried again; once, and for good if that was short."""
        return self._clock() >= self._rests_until


def _kept_to(budget: Budget, scope: MutableMapping[str, Any], work: Callable[[], Response]) -> Response:
    """What some work comes to that keeps to a budget; what is logged meanwhile names the request."""
    if scope.get(TRACE) is None:
        structlog.contextvars.bind_contextvars(request_id=scope[REQUEST_ID])
        spend(budget)
        return work()
    with spending(budget), named(scope):
        return work()
