"""Routes that are answered past the framework: one part of their path is to be filled in, and they give a list."""

from __future__ import annotations

import inspect
from functools import partial

from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from tacit.entrypoints.api.checkpoints import PRINCIPAL, Scope
from tacit.entrypoints.api.guarding import check_user, guard_of
from tacit.entrypoints.api.parameters import path_id
from tacit.serving.answers import Answer
from tacit.serving.ready_answers import Ready, ReadyAnswers, RestsOn

ANSWER = "tacit.answer"
"""Where the scope holds the answer that a route gave, so that it may be given once more."""
USER = "user_id"
_LONGEST = 1_024
"""Bytes of the longest address whose answer is kept."""


class Endpoint:
    """A route with one part of its path to be filled in, and the function that answers it.

    Attributes:
        question: What it answers, as that is measured.
        is_personal: Whether the part is a user.
    """

    def __init__(self, route: APIRoute) -> None:
        before, _, after = route.path.partition("{")
        self.route = route
        self._guard = guard_of(route)
        self._has_threads = inspect.iscoroutinefunction(route.endpoint)
        self._here = inspect.unwrap(route.endpoint)
        self.part, _, after = after.partition("}")
        self.is_personal = self.part == USER
        self.question = "user" if self.is_personal else "similar"
        self._before, self._after = before, after
        self._shortest = len(before) + len(after) + 1

    def part_of(self, path: str) -> str | None:
        """What fills the path, still percent-encoded; `None` for another path."""
        if len(path) < self._shortest or not path.startswith(self._before) or not path.endswith(self._after):
            return None
        part = path[len(self._before) : len(path) - len(self._after)]
        return None if "/" in part else part

    def check(self, scope: Scope, part: str) -> None:
        """Let a request go on, as the route's guard would.

        Raises:
            TacitError: Why it may not.
        """
        self._guard.check(scope)
        if self.part == USER and scope[PRINCIPAL].user_id is not None:
            check_user(scope, path_id(part, USER))

    async def answer(self, request: Request, part: str) -> Response:
        """What the route answers, worked out where its work belongs."""
        call = partial(self.route.endpoint, request=request, **{self.part: part})
        answered: Response = await (call() if self._has_threads else run_in_threadpool(call))
        return answered

    def answer_here(self, request: Request, part: str, **read: object) -> Response:
        """The same, worked out in this thread.

        Args:
            request: The request.
            part: What fills the path.
            read: What was read of the body, where the route takes one.
        """
        answered: Response = self._here(request=request, **{self.part: part}, **read)
        return answered

    def user_in(self, part: str) -> str | None:
        """The user whose list is asked for, where that is plain to see."""
        return part if self.is_personal and "%" not in part else None


Kept = ReadyAnswers[bytes, Endpoint]
"""Answers by the address that asks for them."""


def keep_ready(
    ready: Kept,
    question: bytes,
    endpoint: Endpoint,
    *,
    part: str,
    before: RestsOn,
    scope: Scope,
    response: Response,
) -> None:
    """Keep an answer for whoever asks the same.

    Args:
        ready: Where.
        question: The address that asked for it.
        endpoint: What answered.
        part: What filled its path.
        before: What the answer rests on, looked at before it was worked out.
        scope: Of the request, where the route left the answer.
        response: The answer as it is written.
    """
    answer = scope.get(ANSWER)
    if not isinstance(answer, Answer) or answer.user_id != endpoint.user_in(part) or len(question) > _LONGEST:
        return
    head, name, tail = bytes(response.body).partition(answer.recommendation_id.encode())
    if name and answer.model_version == before.loaded.label:
        ready.keep(question, Ready(answer, (head, tail), before.things, answer.user_id, endpoint), before.loaded)
