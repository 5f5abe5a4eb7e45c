"""The short way for events: past the framework, whose machinery costs several times what taking one in does.

What is answered is what the route of `events` answers, for both ask the same functions; only that route is described.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tacit.data.event_validation import MAX_BATCH
from tacit.data.intake import Intake
from tacit.entrypoints.api.errors import noted_response
from tacit.entrypoints.api.events import taken_response, taken_together
from tacit.entrypoints.api.strict_json import JSON, media_type_of, read_json_or_lines
from tacit.errors import TacitError

_WORKERS = 40
"""Requests that wait for the disk at once; those beyond wait in line."""

_SMALL_BYTES = 4_096
"""What is larger is hardly one event, and would keep those that come with it waiting."""

_GROUPS = 2
"""Groups at work at once: while one waits for the disk, the next is read."""

Asked = tuple[Request, bytes]


class EventLane:
    """Answers requests to take events in; to be wrapped in a door of its own.

    Making events durable waits for the disk, hence the threads; they are not those of the other routes, so that nobody
    who only reads waits in line behind those who write.

    Args:
        intake: Takes them.
        route: The route in whose name they are measured and logged.
    """

    def __init__(self, intake: Intake, route: APIRoute) -> None:
        self._intake = intake
        self._route = route
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="events")
        self._together = _Together(intake, self._workers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = self._route
        request = Request(scope, receive)
        try:
            answer = await self._answer(request, await read_json_or_lines(request))
        except TacitError as error:
            answer = error
        response = noted_response(scope, answer) if isinstance(answer, TacitError) else answer
        await response(scope, receive, send)

    async def _answer(self, request: Request, body: bytes) -> Response | TacitError:
        if len(body) <= _SMALL_BYTES and media_type_of(request) == JSON:
            return await self._together.answer(request, body)
        run = contextvars.copy_context().run  # what is logged meanwhile names the request
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._workers, run, taken_response, self._intake, request, body)


class _Together:
    """Takes in together what comes while others are at work, so that many requests share a thread's wake-ups.

    Who comes alone is begun with at once.
    """

    def __init__(self, intake: Intake, workers: ThreadPoolExecutor) -> None:
        self._intake = intake
        self._workers = workers
        self._waiting: list[tuple[Asked, asyncio.Future[Response | TacitError]]] = []
        self._at_work = 0

    async def answer(self, request: Request, body: bytes) -> Response | TacitError:
        """The answer to one request, or what is wrong with it."""
        answer: asyncio.Future[Response | TacitError] = asyncio.get_running_loop().create_future()
        self._waiting.append(((request, body), answer))
        if self._at_work < _GROUPS:
            self._begin()
        return await answer

    def _begin(self) -> None:
        group, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
        self._at_work += 1
        asked = [each for each, _ in group]
        work = asyncio.get_running_loop().run_in_executor(self._workers, taken_together, self._intake, asked)
        work.add_done_callback(partial(self._end, [answer for _, answer in group]))

    def _end(
        self,
        answers: Sequence[asyncio.Future[Response | TacitError]],
        work: asyncio.Future[list[Response | TacitError]],
    ) -> None:
        self._at_work -= 1
        if self._waiting:
            self._begin()
        error = None if work.cancelled() else work.exception()
        for place, answer in enumerate(answers):
            if answer.done():
                continue
            if work.cancelled():
                answer.cancel()
            elif error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(work.result()[place])
