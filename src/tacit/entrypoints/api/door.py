"""What every request passes on its way in and out: an id, a few limits, one line in the log, safe headers."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any, NamedTuple

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tacit.entrypoints.api import request_log
from tacit.entrypoints.api.checkpoints import (
    BUDGET,
    HEADERS,
    PASSED,
    PRIORITY,
    ROOM,
    Answered,
    Checkpoint,
    leave_all,
    pass_all,
)
from tacit.entrypoints.api.deadlines import Deadline
from tacit.entrypoints.api.errors import (
    ERROR,
    KINDS,
    REQUEST_ID,
    RefusalPage,
    late_response,
    noted_response,
    trace_id_of,
    unexpected_response,
)
from tacit.entrypoints.api.following import begin, end, named
from tacit.entrypoints.api.parameters import is_encoded
from tacit.errors import BadInput, TacitError
from tacit.monitoring import metrics as catalogue
from tacit.monitoring.interfaces import MetricSink, Series
from tacit.monitoring.overload_metrics import DEADLINES_MISSED
from tacit.monitoring.tracing import Tracer
from tacit.serving.budgets import Budget, spending
from tacit.serving.naming import new_name

log = structlog.get_logger(__name__)

MAX_ADDRESS_BYTES = 32_768
MAX_HEADERS_BYTES = 65_536
NO_ROUTE = "(none)"

SECURE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""What an answer says unless its route says otherwise."""

_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")


class RequestDoor:
    """Wraps the application.

    It answers HEAD like GET without a body, keeps the paths of the API percent-encoded so that an id can hold any
    character without leading to another route, and turns what nobody expected into a problem document.

    Args:
        app: The application.
        metrics: Told of every request.
        checkpoints: What every request passes first.
        tracer: Decides which requests are followed; without it, none is.
        late_page: What a browser is shown in place of a page that was not there in time.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: MetricSink,
        checkpoints: Sequence[Checkpoint] = (),
        tracer: Tracer | None = None,
        late_page: RefusalPage | None = None,
    ) -> None:
        self._app = app
        self._metrics, self._tracer, self._late_page = metrics, tracer, late_page
        self._checkpoints = checkpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = request_id_of(Headers(scope=scope).get("x-request-id", ""))
        inner = {**scope, "path": _path(scope), REQUEST_ID: request_id}
        if scope["method"] == "HEAD":
            inner["method"] = "GET"
        begin(self._tracer, inner)
        exit_ = _Exit(send, inner, has_body=scope["method"] != "HEAD")
        started = time.perf_counter()
        with named(inner):
            passed: list[Checkpoint] = []
            try:
                await self._answer(inner, receive, exit_, passed=passed)
            finally:
                # Of what goes on telling for minutes, the time to its beginning is what somebody waited for.
                status, seconds = exit_.status or 499, (exit_.streams_since or time.perf_counter()) - started
                leave_all(passed, inner, status=status, seconds=seconds)
                self._record(inner, scope["method"], status=status, seconds=seconds)

    async def _answer(self, scope: Scope, receive: Receive, exit_: _Exit, *, passed: list[Checkpoint]) -> None:
        try:
            refusal = await self._refusal(scope, passed)
            if refusal is not None:
                await noted_response(scope, refusal)(scope, receive, exit_.send)
                return
            missed = await self._in_time(scope, receive, exit_)
            if missed is not None and exit_.status is None:
                await (await late_response(scope, missed, self._late_page))(scope, receive, exit_.send)
        except Answered as answer:
            await Response(status_code=answer.status, headers=answer.headers)(scope, receive, exit_.send)
        except ClientDisconnect:
            log.info("client_left", route=_route(scope))
        except Exception as error:
            scope[ERROR] = error
            log.exception("request_failed", route=_route(scope))
            if exit_.status is not None:
                raise
            await unexpected_response(scope[REQUEST_ID], trace_id_of(scope))(scope, receive, exit_.send)

    async def _in_time(self, scope: Scope, receive: Receive, exit_: _Exit) -> TacitError | None:
        """Have the application answer by the request's deadline, if it has one; why it was not, if it was not."""
        budget: Budget | None = scope.get(BUDGET)
        if budget is None:
            await self._app(scope, receive, exit_.send)
            return None
        deadline = Deadline(budget, has_body=_has_body(scope), room=scope.get(ROOM))
        exit_.began = deadline.is_kept
        with spending(budget):
            missed = await deadline.keep(self._app(scope, deadline.receiving(receive), exit_.send))
        if missed is not None:
            self._metrics.increment(DEADLINES_MISSED, priority=scope[PRIORITY].name.lower())
        return missed

    async def _refusal(self, scope: Scope, passed: list[Checkpoint]) -> TacitError | None:
        refusal = refused_at_the_door(scope)
        if refusal is not None:
            return refusal
        try:
            if PASSED in scope:
                passed.extend(scope.pop(PASSED))
            else:
                passed.extend(await pass_all(self._checkpoints, scope))
        except TacitError as error:
            return error
        return None

    def _record(self, scope: Scope, method: str, *, status: int, seconds: float) -> None:
        method, route, error = method if method in _METHODS else "OTHER", _route(scope), scope.get(ERROR)
        note_answer(
            self._metrics,
            method=method,
            route=route,
            status=status,
            seconds=seconds,
            error=error,
            request_id=scope[REQUEST_ID],
            trace_id=end(scope, method=method, route=route, status=status, error=error),
        )


def note_answer(
    metrics: MetricSink,
    *,
    method: str,
    route: str,
    status: int,
    seconds: float,
    error: Exception | None,
    request_id: str,
    trace_id: str | None = None,
) -> None:
    """Count and log a request that was answered.

    Args:
        metrics: Told of it.
        method: One of HTTP's own.
        route: The route's template, not the path: who asked what about whom is not for the log.
        status: Of the answer; 499 for one that nobody waited for.
        seconds: From the request's arrival.
        error: Why it was not answered as it was asked.
        request_id: The request's name.
        trace_id: The trace that it is part of, if it is followed.
    """
    metrics.increment(catalogue.HTTP_REQUESTS, method=method, route=route, status=str(status))
    metrics.observe(catalogue.HTTP_DURATION, seconds, method=method, route=route)
    if error is not None:
        kind = next((kind for known, kind in KINDS.items() if isinstance(error, known)), "unexpected")
        metrics.increment(catalogue.API_ERRORS, kind=kind)
    code = error.code if isinstance(error, TacitError) else None
    request_log.note(
        method=method,
        route=route,
        status=status,
        code=code,
        seconds=seconds,
        request_id=request_id,
        trace_id=trace_id,
    )


class PlainAnswers(NamedTuple):
    """Where requests of a route are counted that were answered as they were asked.

    Attributes:
        method: One of HTTP's own.
        route: The route's template.
        requests: Their number.
        seconds: What they took.
    """

    method: str
    route: str
    requests: Series
    seconds: Series

    @classmethod
    def of(cls, metrics: MetricSink, method: str, route: str) -> PlainAnswers:
        """Those of a method and a route."""
        return cls(
            method,
            route,
            metrics.series(catalogue.HTTP_REQUESTS, method=method, route=route, status="200"),
            metrics.series(catalogue.HTTP_DURATION, method=method, route=route),
        )


def note_answers(plain: PlainAnswers, answered: Sequence[request_log.Answered]) -> None:
    """Count and log such requests: seconds, name and trace of each."""
    plain.requests.increment(len(answered))
    plain.seconds.observe(*[seconds for seconds, _, _ in answered])
    request_log.note_all(answered, method=plain.method, route=plain.route, status=200)


def note_shed(metrics: MetricSink, requests: int) -> None:
    """Count requests that were turned away before they came to the door."""
    metrics.increment(catalogue.HTTP_REQUESTS, requests, method="OTHER", route=NO_ROUTE, status="503")
    metrics.increment(catalogue.API_ERRORS, requests, kind="unavailable")


def _nobody_waits() -> None:
    pass


class _Exit:
    """The way out: adds the headers, leaves out the body of an answer to HEAD, remembers the status."""

    def __init__(self, send: Send, scope: Scope, *, has_body: bool) -> None:
        self._send = send
        self._scope = scope
        self._has_body = has_body
        self.status: int | None = None
        self.streams_since: float | None = None
        self.began: Callable[[], None] = _nobody_waits

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.began()
            headers = MutableHeaders(scope=message)
            if headers.get("content-type", "").startswith("text/event-stream"):
                self.streams_since = time.perf_counter()
            headers["X-Request-Id"] = self._scope[REQUEST_ID]
            for name, value in self._scope.get(HEADERS, {}).items():
                if name == "Vary":
                    headers.add_vary_header(value)
                else:
                    headers[name] = value
            for name, value in SECURE_HEADERS.items():
                headers.setdefault(name, value)
        elif message["type"] == "http.response.body" and not self._has_body:
            message = {**message, "body": b""}
        await self._send(message)


def refused_at_the_door(scope: MutableMapping[str, Any]) -> BadInput | None:
    """Why a request is not even looked at, or `None`."""
    if scope["method"] in ("TRACE", "CONNECT"):
        return BadInput("method_not_allowed", "This method is not answered here.", fix="/docs shows what is.")
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MAX_ADDRESS_BYTES:
        return BadInput(
            "address_too_long", f"The address is longer than {MAX_ADDRESS_BYTES} bytes.", fix="Ask for less at once."
        )
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADERS_BYTES:
        return BadInput(
            "headers_too_large", f"The headers are larger than {MAX_HEADERS_BYTES} bytes.", fix="Send fewer."
        )
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    if len(hosts) > 1 or any(not is_host(host) for host in hosts):
        return BadInput(
            "host_invalid", "The Host header names no host.", field="Host", fix="Send HOST or HOST:PORT, once."
        )
    return None


def _has_body(scope: Scope) -> bool:
    return any(
        (name == b"content-length" and value != b"0") or name == b"transfer-encoding"
        for name, value in scope["headers"]
    )


def is_host(value: str) -> bool:
    """Whether a value is a host name or address, perhaps with a port."""
    match = _HOST.fullmatch(value)
    return match is not None and int(match[1] or 0) < 65_536


def request_id_of(given: str) -> str:
    """The id that a sender gave a request, where it is a safe one; else a new one."""
    return given if _SAFE_ID.fullmatch(given) else new_name()


def _path(scope: Scope) -> str:
    raw = (scope.get("raw_path") or b"").decode("latin-1")
    path: str = scope["path"]
    return raw if is_encoded(raw) else path


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", NO_ROUTE))
