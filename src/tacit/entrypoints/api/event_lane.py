"""The short way for events: past the framework, whose machinery costs several times what taking one in does.

What is answered is what the route of `events` answers, for both ask the same functions; only that route is described.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import structlog
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tacit.data.event_validation import MAX_BATCH
from tacit.data.intake import EventDoor
from tacit.entrypoints.api.callers import principal_of
from tacit.entrypoints.api.deadlines import deadline_exceeded
from tacit.entrypoints.api.errors import TRACE, noted_response
from tacit.entrypoints.api.events import taken_response, taken_together
from tacit.entrypoints.api.guarding import guard_of
from tacit.entrypoints.api.strict_json import JSON, media_type_of, read_json_or_lines
from tacit.errors import TacitError, Unavailable
from tacit.monitoring import tracing
from tacit.monitoring.tracing import Trace

_TAKING = "take in"
"""What this is called in a trace."""

_WORKERS = 40
"""Requests that wait for the disk at once; those beyond wait in line."""

SMALL_BYTES = 4_096
"""What is larger is hardly one event, and would keep those that come with it waiting."""

_GROUPS = 2
"""Groups at work at once: while one waits for the disk, the next is read."""

_CROWD = 4
"""From how many of a group on the next one is waited for a moment."""

_GATHER_SECONDS = 0.005

_MOST_WAITING = 10_000
"""Requests that wait for a group; those beyond are refused, for the disk must have stopped."""

_LOOK_SECONDS = 0.04
"""How often it is seen whose deadline has come."""

Answered = Response | TacitError | None
"""What a request is answered, or why not; `None` for one that is to be taken by itself."""

Told = Callable[[Answered | BaseException], None]
"""Told the answer to a request, or what nobody expected, once there is either; in the event loop."""

log = structlog.get_logger(__name__)


class EventLane:
    """Answers requests to take events in; to be wrapped in a door of its own.

    Making events durable waits for the disk, hence the threads; they are not those of the other routes, so that nobody
    who only reads waits in line behind those who write.

    Args:
        intake: Takes them.
        route: The route in whose name they are measured and logged.

    Attributes:
        guard: Says what sending events takes.
        together: Takes in single events, of which many share the work.
    """

    def __init__(self, intake: EventDoor, route: APIRoute) -> None:
        self._intake = intake
        self._route = route
        self.guard = guard_of(route)
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="events")
        self.together = Together(intake, self._workers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = self._route
        request = Request(scope, receive)
        try:
            self.guard.check(scope)
            answer = await self._answer(request, await read_json_or_lines(request))
        except TacitError as error:
            answer = error
        response = noted_response(scope, answer) if isinstance(answer, TacitError) else answer
        await response(scope, receive, send)

    async def _answer(self, request: Request, body: bytes) -> Response | TacitError:
        is_small = len(body) <= SMALL_BYTES and not request.scope["query_string"]
        if is_small and principal_of(request).user_id is None and media_type_of(request) == JSON:
            answer = await self.together.answer(body, request.scope.get(TRACE))
            if answer is not None:
                return answer
        run = contextvars.copy_context().run  # what is logged meanwhile names the request
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._workers, run, _taken_alone, self._intake, request, body)


def _taken_alone(intake: EventDoor, request: Request, body: bytes) -> Response:
    with tracing.step(_TAKING):
        return taken_response(intake, request, body)


def _taken_followed(traces: Sequence[Trace], intake: EventDoor, bodies: Sequence[bytes]) -> list[Answered]:
    """What `taken_together` answers, as a step of those requests of the group that are followed."""
    with tracing.following(traces), tracing.step(_TAKING):
        return taken_together(intake, bodies)


class Together:
    """Takes in together what comes while others are at work, so that many requests share a thread's wake-ups.

    Who comes alone is begun with at once.  To be used by one event loop.
    """

    def __init__(self, intake: EventDoor, workers: ThreadPoolExecutor) -> None:
        self._intake = intake
        self._workers = workers
        self._waiting: list[_Brought] = []
        self._groups: list[list[_Brought]] = []
        self._is_gathering = False
        self._is_watched = False

    async def answer(self, body: bytes, trace: Trace | None = None) -> Answered:
        """The answer to one request, or what is wrong with it; raises what nobody expected."""
        future: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self.take(body, partial(_tell, future), trace=trace)
        return await future

    def take(self, body: bytes, told: Told, *, until: float = math.inf, trace: Trace | None = None) -> None:
        """Take in what a request brings, and tell the answer, or why there is none.

        Args:
            body: What it brings.
            told: Told once.
            until: Moment of `time.monotonic()` at which it is told that there was no answer in time.
            trace: Of the request, if it is followed.
        """
        brought = _Brought(body, told, until, trace=trace)
        if len(self._waiting) >= _MOST_WAITING:
            _tell_each([brought], [_overloaded()])
            return
        self._waiting.append(brought)
        if until < math.inf and not self._is_watched:
            self._watch()
        if len(self._groups) < _GROUPS and not self._is_gathering:
            self._begin()

    def _begin(self) -> None:
        self._is_gathering = False
        group, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
        bodies = [each.body for each in group]
        traces = [each.trace for each in group if each.trace is not None]
        take = partial(_taken_followed, traces) if traces else taken_together
        try:
            work = asyncio.get_running_loop().run_in_executor(self._workers, take, self._intake, bodies)
        except RuntimeError:
            # No thread can be had.  None of them may wait for one, and the next are to be tried again.
            log.exception("events_not_begun", requests=len(group) + len(self._waiting))
            refused, self._waiting = [*group, *self._waiting], []
            _tell_each(refused, [_overloaded()] * len(refused))
            return
        self._groups.append(group)
        work.add_done_callback(partial(self._end, group))

    def _end(self, group: list[_Brought], work: asyncio.Future[list[Answered]]) -> None:
        self._groups.remove(group)
        if self._waiting and not self._is_gathering:
            self._go_on(len(group))
        _tell_each(group, _answers_of(work, len(group)))

    def _watch(self) -> None:
        """Tell those whose deadline has come; whether what they brought was taken, nobody can say yet."""
        now = time.monotonic()
        late = [
            each for group in (*self._groups, self._waiting) for each in group if each.until <= now and not each.is_told
        ]
        _tell_each(late, [deadline_exceeded()] * len(late))
        self._waiting = [each for each in self._waiting if not each.is_told]
        self._is_watched = bool(self._waiting or self._groups)
        if self._is_watched:
            asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._watch)

    def _go_on(self, size: int) -> None:
        """Begin the next group: at once, or after a moment where many come, whose groups had better be large."""
        if size < _CROWD:
            self._begin()
        else:
            self._is_gathering = True
            asyncio.get_running_loop().call_later(_GATHER_SECONDS, self._begin)


class _Brought:
    """What a request brings, until it is told the answer."""

    __slots__ = ("_told", "body", "is_told", "trace", "until")

    def __init__(self, body: bytes, told: Told, until: float, *, trace: Trace | None) -> None:
        self.body, self._told, self.until, self.trace = body, told, until, trace
        self.is_told = False

    def tell(self, answer: Answered | BaseException) -> None:
        """Tell it, unless it was told something before."""
        if not self.is_told:
            self.is_told = True
            self._told(answer)


def _tell_each(group: Sequence[_Brought], answers: Sequence[Answered | BaseException]) -> None:
    for each, answer in zip(group, answers, strict=True):
        try:
            each.tell(answer)
        except Exception:
            # A connection that breaks under our hands must not leave the others of its group without an answer.
            log.exception("event_answer_failed")


def _overloaded() -> Unavailable:
    return Unavailable("overloaded", "Too much is under way to take events.", fix="Send them again in a moment.")


def _answers_of(work: asyncio.Future[list[Answered]], size: int) -> Sequence[Answered | BaseException]:
    """What each of a group is told: none is, and each is to be taken by itself, where the group came to grief."""
    if work.cancelled():
        return [asyncio.CancelledError()] * size
    error = work.exception()
    if error is None:
        return work.result()
    if size == 1:
        return [error]
    # One of them may be at fault; by itself, it is so for nobody else.
    log.warning("events_taken_apart", requests=size, exc_info=error)
    return [None] * size


def _tell(future: asyncio.Future[Answered], answer: Answered | BaseException) -> None:
    if future.done():
        return
    if isinstance(answer, asyncio.CancelledError):
        future.cancel()
    elif isinstance(answer, BaseException) and not isinstance(answer, TacitError):
        future.set_exception(answer)
    else:
        future.set_result(answer)
