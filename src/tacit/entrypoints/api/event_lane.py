"""The short way for events: past the framework, whose machinery costs several times what taking one in does.

What is answered is what the route of `events` answers, for both ask the same functions; only that route is described.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import structlog
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

Answered = Response | TacitError | None
"""What a request is answered, or why not; `None` for one that is to be taken by itself."""

log = structlog.get_logger(__name__)


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
        is_small = len(body) <= _SMALL_BYTES and not request.scope["query_string"]
        if is_small and media_type_of(request) == JSON:
            answer = await self._together.answer(body)
            if answer is not None:
                return answer
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
        self._waiting: list[tuple[bytes, asyncio.Future[Answered]]] = []
        self._at_work = 0

    async def answer(self, body: bytes) -> Answered:
        """The answer to one request, or what is wrong with it."""
        answer: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._waiting.append((body, answer))
        if self._at_work < _GROUPS:
            self._begin()
        return await answer

    def _begin(self) -> None:
        group, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
        self._at_work += 1
        bodies = [body for body, _ in group]
        work = asyncio.get_running_loop().run_in_executor(self._workers, taken_together, self._intake, bodies)
        work.add_done_callback(partial(self._end, [answer for _, answer in group]))

    def _end(self, answers: Sequence[asyncio.Future[Answered]], work: asyncio.Future[list[Answered]]) -> None:
        self._at_work -= 1
        if self._waiting:
            self._begin()
        error = None if work.cancelled() else work.exception()
        are_apart = error is not None and len(answers) > 1
        if are_apart:
            # One of them may be at fault; by itself, it is so for nobody else.
            log.warning("events_taken_apart", requests=len(answers), exc_info=error)
        for place, answer in enumerate(answers):
            if answer.done():
                continue
            if work.cancelled():
                answer.cancel()
            elif are_apart:
                answer.set_result(None)
            elif error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(work.result()[place])
