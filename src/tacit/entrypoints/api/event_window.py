"""The shortest way for a single event: handed in where the server has read it, with no application in between.

What an application is for, routing, reading in pieces, any method and any header, costs twice what taking an event in
does.  A request that needs none of it is answered here, in the same words, with the same line in the log; every other
one, and one that turns out to bring a batch, goes to the application as ever.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from fastapi.routing import APIRoute
from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from tacit.entrypoints.api.answered_at_head import header_lines, is_plain, raw_lines
from tacit.entrypoints.api.checkpoints import (
    BUDGET,
    HEADERS,
    PASSED,
    PRINCIPAL,
    ROOM,
    Checkpoint,
    Scope,
    leave_all,
    pass_at_once,
)
from tacit.entrypoints.api.door import MAX_HEADERS_BYTES, SECURE_HEADERS, is_host, note_answer, request_id_of
from tacit.entrypoints.api.errors import ERROR, REQUEST_ID, TRACE, problem_response, trace_id_of
from tacit.entrypoints.api.event_lane import SMALL_BYTES, Answered, Together
from tacit.entrypoints.api.following import begin, end
from tacit.entrypoints.api.guarding import guard_of
from tacit.entrypoints.api.strict_json import BODY
from tacit.errors import TacitError
from tacit.monitoring.interfaces import MetricSink
from tacit.monitoring.tracing import Tracer
from tacit.serving.budgets import Budget

_JSON = b"application/json"
_OTHERWISE = frozenset({b"content-encoding", b"cookie", b"expect", b"transfer-encoding", b"upgrade"})
"""Headers that ask for more than is done here; whose a cookie is may have to be read."""
_SECURE = header_lines(SECURE_HEADERS)
_LEFT = 499

Headers = Iterable[tuple[bytes, bytes]]


class Connection(Protocol):
    """A connection of the HTTP server, as far as it is used here; all of it is `HttpToolsProtocol`'s own."""

    app: Any
    cycle: Any
    flow: Any
    loop: Any
    parser: Any
    scope: Any
    server_state: Any
    tasks: Any
    transport: Any
    url: bytes
    headers: list[tuple[bytes, bytes]]
    logger: Any
    access_logger: Any
    access_log: bool

    def on_response_complete(self) -> None: ...


class BodyWindow:
    """Where requests with a small body are handed in to one route.

    Args:
        metrics: Told of every request.
        route: In the name of which they are measured; it says what sending them takes.
        checkpoints: What every request passes first; all of them are immediate.
        tracer: Decides which requests are followed; without it, none is.
    """

    def __init__(
        self, metrics: MetricSink, route: APIRoute, *, checkpoints: Sequence[Checkpoint], tracer: Tracer | None
    ) -> None:
        self.checkpoints, self.tracer = checkpoints, tracer
        self._metrics = metrics
        self.route, self.guard, self.path = route, guard_of(route), route.path

    def note(self, scope: Scope, *, status: int, seconds: float, error: TacitError | None) -> None:
        """Count and log a request that was answered."""
        trace_id = end(scope, method="POST", route=self.path, status=status, error=error, seconds=seconds)
        note_answer(
            self._metrics,
            method="POST",
            route=self.path,
            status=status,
            seconds=seconds,
            error=error,
            request_id=scope[REQUEST_ID],
            trace_id=trace_id,
        )


class EventWindow(BodyWindow):
    """Answers requests with a single event.

    Args:
        together: Takes the events in.
        metrics: Told of every request.
        route: Where they are sent to.
        checkpoints: What every request passes first; all of them are immediate.
        tracer: Decides which requests are followed; without it, none is.
    """

    def __init__(
        self,
        together: Together,
        *,
        metrics: MetricSink,
        route: APIRoute,
        checkpoints: Sequence[Checkpoint] = (),
        tracer: Tracer | None = None,
    ) -> None:
        super().__init__(metrics, route, checkpoints=checkpoints, tracer=tracer)
        self.together, self._url = together, route.path.encode()

    def asked(self, connection: Connection) -> PlainRequest | None:
        """The request whose headers a connection has read, if it can be answered here."""
        if connection.url != self._url or connection.parser.get_method() != b"POST":
            return None
        if not is_plain(connection):
            return None
        request_id = plain_request_id(connection.headers)
        if request_id is None:
            return None
        request = _Event(self, connection, request_id)
        return request if request.passes() else None


def plain_request_id(headers: Headers, *, most_bytes: int = SMALL_BYTES) -> str | None:
    """The id of a request with a small body of JSON that asks for nothing else; `None` for any other request."""
    size, given, seen = 0, None, []
    for name, value in headers:
        size += len(name) + len(value)
        if name == b"x-request-id":
            given = value.decode("latin-1") if given is None else given
        elif name in _OTHERWISE or not _is_plain(name, value, most_bytes):
            return None
        if name in _ONCE:
            seen.append(name)
    if size > MAX_HEADERS_BYTES or len(seen) != len(_ONCE) or len(set(seen)) != len(_ONCE):
        return None
    return request_id_of(given or "")


_ONCE = frozenset({b"content-length", b"content-type", b"host"})
"""Headers that must be there, once."""


def _is_plain(name: bytes, value: bytes, most_bytes: int) -> bool:
    if name == b"content-type":
        return value == _JSON
    if name == b"content-length":
        return len(value) < 5 and value.isdigit() and 0 < int(value) <= most_bytes
    return name != b"host" or is_host(value.decode("latin-1"))


class PlainRequest:
    """A request on its way; it stands where the HTTP server keeps the one that a connection is at.

    Args:
        window: Where it is handed in.
        connection: By which it comes; its head was read.
        request_id: Its name.

    Attributes:
        response_complete: Whether it was answered.
        disconnected: Whether its sender left.
        keep_alive: Whether the connection stays open for another.
        body: What was read of it.
        more_body: Whether more is to come.
    """

    __slots__ = (
        "_is_taken", "_passed", "_refusal", "_started", "_window", "body", "connection", "disconnected", "keep_alive",
        "more_body", "request_id", "response_complete", "scope",
    )  # fmt: skip

    def __init__(self, window: BodyWindow, connection: Connection, request_id: str) -> None:
        self._window, self.connection, self.request_id = window, connection, request_id
        self.scope = connection.scope
        self._started = time.perf_counter()
        self._is_taken = False
        self._passed: list[Checkpoint] | None = None
        self._refusal: TacitError | None = None
        self.response_complete = False
        self.disconnected = False
        self.keep_alive = True
        self.body = bytearray()
        self.more_body = True

    @property
    def message_event(self) -> PlainRequest:
        """Whom the server tells that there is more to read, or that the sender left: itself."""
        return self

    def set(self) -> None:
        """Hear of that."""
        if self._is_taken:
            return
        if not self.more_body:
            self._is_taken = True
            self._hand_in()
        elif self.disconnected:
            self._is_taken = True
            self._note(_LEFT)

    def passes(self) -> bool:
        """Whether the checkpoints were asked, of whom none had to be waited for; a refusal is told once all is read."""
        scope = self.scope
        scope.update(self.address())
        begin(self._window.tracer, scope)
        try:
            passed = pass_at_once(self._window.checkpoints, scope)
        except TacitError as refusal:
            self._refusal = refusal
            return True
        if passed is None:
            return False
        self._passed = passed
        # As the application notes them once a request found its way: those that it passed look at them when it leaves.
        scope["route"], scope[REQUEST_ID] = self._window.route, self.request_id
        try:
            self._window.guard.check(scope)
        except TacitError as refusal:
            self._refusal = refusal
        if ROOM in scope:
            scope[ROOM].step_out()  # until all of it is read
        return True

    def _hand_in(self) -> None:
        if self._refusal is not None:
            self.told(self._refusal)
            return
        if self.scope[PRINCIPAL].user_id is not None:
            self._leave_to_the_application()  # which looks whose they are
            return
        until = math.inf
        if ROOM in self.scope:
            self.scope[ROOM].step_in()
            budget: Budget = self.scope[BUDGET]
            budget.postponed(time.perf_counter() - self._started)
            until = budget.until
        self.scope[BODY] = body = bytes(self.body)
        self.take(body, until=until)

    def take(self, body: bytes, *, until: float) -> None:
        """Have what was read answered, by a moment of `time.monotonic()`, with `told`."""
        raise NotImplementedError

    def told(self, answer: Answered | BaseException) -> None:
        """Send an answer, or leave it to the application."""
        if isinstance(answer, TacitError):
            self._send(problem_response(answer, self.request_id, trace_id_of(self.scope)), answer)
        elif isinstance(answer, Response):
            self._send(answer)
        else:
            self._leave_to_the_application()

    def _send(self, response: Response, error: TacitError | None = None) -> None:
        transport = self.connection.transport
        self.response_complete = True
        if not (self.disconnected or transport.is_closing()):
            transport.write(self._written(response))
            if not self.keep_alive:
                transport.close()
            self.connection.on_response_complete()
        self._note(response.status_code, error)

    def _written(self, response: Response) -> bytes:
        lines = raw_lines([*self.connection.server_state.default_headers, *response.raw_headers])
        ends = b"" if self.keep_alive else b"connection: close\r\n"
        its_id = b"x-request-id: " + self.request_id.encode()
        if HEADERS in self.scope:
            lines += header_lines(self.scope[HEADERS])
        head = STATUS_LINE[response.status_code] + lines + _SECURE + ends + its_id
        return head + b"\r\n\r\n" + bytes(response.body)

    def _leave_to_the_application(self) -> None:
        """Have it answer as if it had been asked at once."""
        connection = self.connection
        read = asyncio.Event()
        read.set()
        passed = {} if self._passed is None else {PASSED: self._passed}
        cycle = RequestResponseCycle(
            scope=self.scope | self.address() | passed,
            transport=connection.transport,
            flow=connection.flow,
            logger=connection.logger,
            access_logger=connection.access_logger,
            access_log=connection.access_log,
            default_headers=connection.server_state.default_headers,
            message_event=read,
            expect_100_continue=False,
            keep_alive=self.keep_alive,
            on_response=connection.on_response_complete,
        )
        cycle.body, cycle.more_body, cycle.disconnected = self.body, False, self.disconnected
        if connection.cycle is self:
            connection.cycle = cycle
        # As the server itself begins one.
        task = connection.loop.create_task(cycle.run_asgi(connection.app))
        task.add_done_callback(connection.tasks.discard)
        connection.tasks.add(task)

    def address(self) -> dict[str, object]:
        """What the scope holds of where it is sent."""
        path = self._window.path
        return {"method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}

    def _note(self, status: int, error: TacitError | None = None) -> None:
        seconds = time.perf_counter() - self._started
        if error is not None:
            self.scope[ERROR] = error
        leave_all(self._passed or (), self.scope, status=status, seconds=seconds)
        self.scope[REQUEST_ID] = self.request_id
        self._window.note(self.scope, status=status, seconds=seconds, error=error)


class _Event(PlainRequest):
    """A request with a single event, as far as that is told from its head."""

    __slots__ = ("_together",)

    def __init__(self, window: EventWindow, connection: Connection, request_id: str) -> None:
        super().__init__(window, connection, request_id)
        self._together = window.together

    def take(self, body: bytes, *, until: float) -> None:
        self._together.take(body, self.told, until=until, trace=self.scope.get(TRACE))
