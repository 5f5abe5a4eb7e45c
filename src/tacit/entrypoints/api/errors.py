"""Our errors as HTTP: one table of statuses, and every error a problem document (RFC 9457)."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Iterable, MutableMapping
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from tacit.errors import (
    BadInput,
    Forbidden,
    Limited,
    Misconfigured,
    NotFound,
    Refused,
    TacitError,
    Unauthenticated,
    Unavailable,
)
from tacit.monitoring.tracing import Trace

STATUS: dict[type[TacitError], int] = {
    BadInput: 422,
    NotFound: 404,
    Unauthenticated: 401,
    Forbidden: 403,
    Refused: 409,
    Limited: 429,
    Unavailable: 503,
    Misconfigured: 500,
}
"""What each kind of error is in HTTP, leaves before what they hang on: 422 means that the request was understood and
its content is wrong."""

CODE_STATUS: dict[str, int] = {
    "body_empty": 400,
    "credentials_ambiguous": 400,
    "cursor_invalid": 400,
    "encoding_invalid": 400,
    "encoding_unsupported": 400,
    "host_invalid": 400,
    "json_bom": 400,
    "json_depth": 400,
    "json_invalid": 400,
    "json_number": 400,
    "request_malformed": 400,
    "method_not_allowed": 405,
    "request_too_slow": 408,
    "event_conflict": 409,
    "host_unknown": 421,
    "body_too_large": 413,
    "event_too_large": 413,
    "address_too_long": 414,
    "content_encoding": 415,
    "media_type": 415,
    "headers_too_large": 431,
    "storage_full": 507,
}
"""Where HTTP has a word of its own for what is wrong."""

KINDS: dict[type[TacitError], str] = {
    BadInput: "bad_input",
    NotFound: "not_found",
    Unauthenticated: "unauthenticated",
    Forbidden: "forbidden",
    Refused: "refused",
    Limited: "limited",
    Unavailable: "unavailable",
    Misconfigured: "misconfigured",
}
"""What each kind of error is called where errors are counted."""

MEDIA_TYPE = "application/problem+json"
REQUEST_ID = "tacit.request_id"
ERROR = "tacit.error"
TRACE = "tacit.trace"
"""Where the scope holds the `Trace` of a request that is followed, or `None`."""
_DETAIL_CHARACTERS = 500
_PAGE_SECONDS = 0.5
_LINGER_SECONDS = 2.0


def status_of(error: TacitError) -> int:
    """The status of an error: that of its code where HTTP has one, else that of its kind."""
    by_kind = next((status for kind, status in STATUS.items() if isinstance(error, kind)), 500)
    return CODE_STATUS.get(error.code, by_kind)


def trace_id_of(scope: MutableMapping[str, Any]) -> str | None:
    """The trace that a request is part of, if it is followed."""
    trace: Trace | None = scope.get(TRACE)
    return None if trace is None else trace.trace_id


def problem_response(error: TacitError, request_id: str, trace_id: str | None = None) -> Response:
    """An error as a problem document."""
    status = status_of(error)
    facts = error.as_dict() | {"detail": error.detail[:_DETAIL_CHARACTERS]} | _traced(trace_id)
    headers = {"Retry-After": str(math.ceil(error.retry_after))} if isinstance(error, Unavailable) else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.code == "body_too_large":
        return _problem(facts, status, request_id, headers={"Connection": "close"}, kind=_LastWord)
    return _problem(facts, status, request_id, headers=headers)


def unexpected_response(request_id: str, trace_id: str | None = None) -> Response:
    """What a caller is told of an error of ours: nothing but how to find it in the log."""
    facts = {
        "code": "internal_error",
        "detail": "Something went wrong on our side.",
        "fix": "Give the request_id to whoever operates this installation.",
        **_traced(trace_id),
    }
    return _problem(facts, 500, request_id, headers={})


RefusalPage = Callable[[Request, Exception], Response]
"""What a browser is shown in place of what is not there, or of what nobody may see who does not say who they are."""


def install_error_handlers(app: FastAPI, routers: Iterable[APIRouter], refusal_page: RefusalPage | None = None) -> None:
    """Have every error that a handler, or the framework itself, raises answered with a problem document.

    Args:
        app: The application.
        routers: All that it includes.
        refusal_page: For browsers that look for a page where there is none; without it they get a problem document.
    """
    methods = _methods(routers)

    async def answer_ours(request: Request, error: Exception) -> Response:
        if not isinstance(error, TacitError):
            raise error
        return noted_response(request.scope, error)

    async def answer_frameworks(request: Request, error: Exception) -> Response:
        told = _translated(error)
        if refusal_page is not None and isinstance(told, NotFound) and _looks_for_a_page(request):
            request.scope[ERROR] = told
            return await run_in_threadpool(refusal_page, request, told)
        response = noted_response(request.scope, told)
        for name, value in (getattr(error, "headers", None) or {}).items():
            response.headers[name] = value
        allowed = methods.get(getattr(request.scope.get("route"), "path", ""))
        if response.status_code == 405 and allowed:
            response.headers["Allow"] = ", ".join(sorted(allowed))
        return response

    app.add_exception_handler(TacitError, answer_ours)
    app.add_exception_handler(HTTPException, answer_frameworks)
    app.add_exception_handler(RequestValidationError, answer_frameworks)


async def late_response(
    scope: MutableMapping[str, Any], error: TacitError, page: RefusalPage | None = None
) -> Response:
    """The answer to a request whose deadline has passed: a page where a browser looks for one and there is one."""
    request = Request(scope)
    if page is not None and _looks_for_a_page(request):
        scope[ERROR] = error
        # What kept the page may keep this one as well; then it is said without one.
        with suppress(TimeoutError):
            return await asyncio.wait_for(asyncio.to_thread(page, request, error), _PAGE_SECONDS)
    return noted_response(scope, error)


def _looks_for_a_page(request: Request) -> bool:
    is_browser = request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", "")
    return is_browser and not request.url.path.startswith("/api/")


class _LastWord(Response):
    """Ends its connection, but only once the sender had time to finish: many hear nothing while they write, and a
    connection that breaks under their hands takes the answer with it.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_wait(message: Message) -> None:
            await send({**message, "more_body": True} if message["type"] == "http.response.body" else message)

        await super().__call__(scope, receive, send_and_wait)
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_SECONDS):
                while (await receive()).get("more_body", False):
                    pass
        await send({"type": "http.response.body", "body": b""})


def _traced(trace_id: str | None) -> dict[str, str]:
    return {} if trace_id is None else {"trace_id": trace_id}


def _problem(
    facts: dict[str, Any], status: int, request_id: str, *, headers: dict[str, str], kind: type[Response] = Response
) -> Response:
    code = facts["code"]
    body = {
        "type": f"urn:tacit:problem:{code}",
        "title": str(code).replace("_", " ").capitalize(),
        "status": status,
        **facts,
        "request_id": request_id,
    }
    content = json.dumps(body, ensure_ascii=True, default=str).encode()
    return kind(content, status, headers, media_type=MEDIA_TYPE)


def noted_response(scope: MutableMapping[str, Any], error: TacitError) -> Response:
    """An error of ours as the answer to a request, remembered for where that ends."""
    # The one line in the log, and the count, are written where the request ends.
    scope[ERROR] = error
    return problem_response(error, scope.get(REQUEST_ID, ""), trace_id_of(scope))


def _translated(error: Exception) -> TacitError:
    status = getattr(error, "status_code", 422)
    if status == 404:
        return NotFound("route_unknown", "There is nothing at this address.", fix="/docs shows what there is.")
    if status == 405:
        return BadInput("method_not_allowed", "This address does not answer to this method.", fix="See `Allow`.")
    return BadInput("request_invalid", "The request cannot be understood.", fix="/docs shows what is expected.")


def _methods(routers: Iterable[APIRouter]) -> dict[str, set[str]]:
    """Every method of each address; the framework names those of the first route at it alone."""
    found: dict[str, set[str]] = {}
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute):
                own = route.methods or set()
                found.setdefault(route.path, set()).update(own, ("HEAD",) if "GET" in own else ())
    return found
