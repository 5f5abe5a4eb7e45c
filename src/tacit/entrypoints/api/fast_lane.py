"""The short way for questions: past the framework, and for an answer that still holds, past everything.

What is answered is what the routes answer, for the lane calls the same functions; only those routes are described.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from tacit.entrypoints.api.checkpoints import PRINCIPAL
from tacit.entrypoints.api.errors import noted_response
from tacit.entrypoints.api.guarding import check_user, guard_of
from tacit.entrypoints.api.parameters import path_id
from tacit.errors import TacitError
from tacit.serving.answers import Answer
from tacit.serving.ready_answers import Ready, ReadyAnswers, RestsOn
from tacit.serving.recommend import RecommendationService

ANSWER = "tacit.answer"
"""Where the scope holds the answer that a route gave, so that it may be given once more."""

_USER = "user_id"


class Endpoint:
    """A route with one part of its path to be filled in, and the function that answers it."""

    def __init__(self, route: APIRoute) -> None:
        before, _, after = route.path.partition("{")
        self.route = route
        self._guard = guard_of(route)
        self._has_threads = inspect.iscoroutinefunction(route.endpoint)
        self.part, _, after = after.partition("}")
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
        if self.part == _USER and scope[PRINCIPAL].user_id is not None:
            check_user(scope, path_id(part, _USER))

    async def answer(self, request: Request, part: str) -> Response:
        """What the route answers, worked out where its work belongs."""
        call = partial(self.route.endpoint, request=request, **{self.part: part})
        answered: Response = await (call() if self._has_threads else run_in_threadpool(call))
        return answered


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that is answered here.

    Attributes:
        endpoint: Its route.
        part: What fills its path.
        user_id: Whose list it asks for; `None` for nobody's.
    """

    endpoint: Endpoint
    part: str
    user_id: str | None


class FastLane:
    """Answers GET requests of some routes; to be wrapped in a door of its own.

    Args:
        routes: Those with one part to be filled in, whose functions take the request and that part.
        service: Gives the answers that they give.
        ready: Keeps answers to be given once more.
    """

    def __init__(
        self,
        routes: Sequence[APIRoute],
        service: RecommendationService,
        ready: ReadyAnswers[tuple[str, bytes]],
    ) -> None:
        self._endpoints = tuple(map(Endpoint, routes))
        self._service = service
        self._ready = ready

    def leads(self, method: str, path: str) -> bool:
        """Whether a request is one of ours; the path as it was sent."""
        return method in ("GET", "HEAD") and any(each.part_of(path) for each in self._endpoints)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        endpoint, part = next(self._matching(scope["path"]))
        scope["route"], scope["path_params"] = endpoint.route, {endpoint.part: part}
        question = (scope["path"], scope["query_string"])
        try:
            endpoint.check(scope, part)
            ready = self._ready.get(question)
            if ready is not None:
                name = self._service.telling.repeated(ready.answer, started=started)
                for message in _messages(ready.body, name.encode()):
                    await send(message)
                return
            response = await self._worked_out(question, Request(scope, receive), endpoint, part=part)
        except TacitError as error:
            response = noted_response(scope, error)
        await response(scope, receive, send)

    def _matching(self, path: str) -> Iterator[tuple[Endpoint, str]]:
        for endpoint in self._endpoints:
            part = endpoint.part_of(path)
            if part:
                yield endpoint, part

    async def _worked_out(
        self, question: tuple[str, bytes], request: Request, endpoint: Endpoint, *, part: str
    ) -> Response:
        # Before anything is looked at: news that comes meanwhile makes the answer one that does not hold.
        user_id = part if endpoint.part == _USER and "%" not in part else None
        before = self._service.rests_on(user_id)
        response = await endpoint.answer(request, part)
        answer = request.scope.get(ANSWER)
        if before is not None and isinstance(answer, Answer) and answer.user_id == user_id:
            self._keep(question, answer, response, before=before)
        return response

    def _keep(self, question: tuple[str, bytes], answer: Answer, response: Response, *, before: RestsOn) -> None:
        head, name, tail = bytes(response.body).partition(answer.recommendation_id.encode())
        if name and answer.model_version == before.loaded.label:
            self._ready.keep(question, Ready(answer, (head, tail), before.things, answer.user_id), before.loaded)


def _messages(body: tuple[bytes, bytes], name: bytes) -> Iterator[Message]:
    length = len(body[0]) + len(name) + len(body[1])
    headers: list[Any] = [(b"content-length", str(length).encode()), (b"content-type", b"application/json")]
    yield {"type": "http.response.start", "status": 200, "headers": headers}
    yield {"type": "http.response.body", "body": name.join(body)}
