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
from tacit.serving.ready_answers import ReadyAnswers

USER = "user_id"


class Endpoint:
    """A route with one part of its path to be filled in, and the function that answers it.

    Attributes:
        question: What it answers, as that is measured.
    """

    def __init__(self, route: APIRoute) -> None:
        before, _, after = route.path.partition("{")
        self.route = route
        self._guard = guard_of(route)
        self._has_threads = inspect.iscoroutinefunction(route.endpoint)
        self.part, _, after = after.partition("}")
        self.question = "user" if self.part == USER else "similar"
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


Kept = ReadyAnswers[bytes, Endpoint]
"""Answers by the address that asks for them."""
