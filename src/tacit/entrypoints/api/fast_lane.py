"""The short way for questions: past the framework, and for an answer that still holds, past everything.

What is answered is what the routes answer, for the lane calls the same functions; only those routes are described.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from tacit.entrypoints.api.errors import noted_response
from tacit.entrypoints.api.fast_routes import Endpoint, Kept, keep_ready
from tacit.entrypoints.api.list_window import ListWindow
from tacit.errors import TacitError
from tacit.serving.ready_answers import Ready
from tacit.serving.recommend import RecommendationService
from tacit.serving.telling import Repeated


class FastLane:
    """Answers GET requests of some routes; to be wrapped in a door of its own.

    Args:
        routes: Those with one part to be filled in, whose functions take the request and that part.
        service: Gives the answers that they give.
        ready: Keeps answers to be given once more.
        window: Gives them without us, to whom it was told to.
    """

    def __init__(
        self,
        routes: Sequence[APIRoute],
        service: RecommendationService,
        ready: Kept,
        *,
        window: ListWindow,
    ) -> None:
        self._endpoints = tuple(map(Endpoint, routes))
        self._service = service
        self._ready = ready
        self._window = window

    def leads(self, method: str, path: str) -> bool:
        """Whether a request is one of ours; the path as it was sent."""
        return method in ("GET", "HEAD") and any(each.part_of(path) for each in self._endpoints)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        endpoint, part = next(self._matching(scope["path"]))
        scope["route"], scope["path_params"] = endpoint.route, {endpoint.part: part}
        question = _question(scope)
        try:
            endpoint.check(scope, part)
            self._window.let_in(scope, endpoint)
            ready = self._ready.get(question)
            if ready is not None:
                await self._given_again(ready, send, started=started)
                return
            response = await self._worked_out(question, Request(scope, receive), endpoint, part=part)
        except TacitError as error:
            response = noted_response(scope, error)
        await response(scope, receive, send)

    async def _given_again(self, ready: Ready[Endpoint], send: Send, *, started: float) -> None:
        telling = self._service.telling
        name = telling.new_name()
        for message in _messages(ready.body, name.encode()):
            await send(message)
        seconds = time.perf_counter() - started
        telling.repeated([Repeated(ready.answer, name, ready.about.question, telling.now_ms, seconds)])

    def _matching(self, path: str) -> Iterator[tuple[Endpoint, str]]:
        for endpoint in self._endpoints:
            part = endpoint.part_of(path)
            if part:
                yield endpoint, part

    async def _worked_out(self, question: bytes, request: Request, endpoint: Endpoint, *, part: str) -> Response:
        # Before anything is looked at: news that comes meanwhile makes the answer one that does not hold.
        before = self._service.rests_on(endpoint.user_in(part))
        response = await endpoint.answer(request, part)
        if before is not None:
            keep_ready(
                self._ready, question, endpoint, part=part, before=before, scope=request.scope, response=response
            )
        return response


def _question(scope: Scope) -> bytes:
    """The address of a request as it was sent."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return b"%b?%b" % (path, query) if query else path


def _messages(body: tuple[bytes, bytes], name: bytes) -> Iterator[Message]:
    length = len(body[0]) + len(name) + len(body[1])
    headers: list[Any] = [(b"content-length", str(length).encode()), (b"content-type", b"application/json")]
    yield {"type": "http.response.start", "status": 200, "headers": headers}
    yield {"type": "http.response.body", "body": name.join(body)}
