"""Requests that are followed step by step: how each is begun, and what is said of it once it was answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

import structlog

from tacit.entrypoints.api.checkpoints import Scope
from tacit.entrypoints.api.errors import REQUEST_ID, TRACE, trace_id_of
from tacit.errors import TacitError
from tacit.monitoring.tracing import Fact, Trace, Tracer, following

PARENT_HEADERS = frozenset({b"traceparent", b"tracestate"})
"""What callers say of the trace that a request is part of; of each request something else."""
_OUR_FAULT = 500


def begin(tracer: Tracer | None, scope: Scope) -> None:
    """Have a request followed, if it is to be; asked once for each, whatever ways it takes."""
    if tracer is not None and TRACE not in scope:
        scope[TRACE] = tracer.begin(_traceparent_of(scope["headers"]))


def named(scope: Scope) -> AbstractContextManager[object]:
    """Have what is logged meanwhile name the request, and the steps that are done be those of its trace, if any."""
    trace: Trace | None = scope.get(TRACE)
    if trace is None:
        return structlog.contextvars.bound_contextvars(request_id=scope[REQUEST_ID])
    return _followed(trace, scope[REQUEST_ID])


def end(
    scope: Scope,
    *,
    method: str,
    route: str,
    status: int,
    error: Exception | None = None,
    seconds: float | None = None,
) -> str | None:
    """Say what became of a request that is followed; its trace, if it is.

    Args:
        scope: The request's.
        method: One of HTTP's own.
        route: The route's template, not the path: whom it was about is not told.
        status: Of the answer.
        error: Why it was not answered as it was asked.
        seconds: What it took, where following it began later than it did.
    """
    trace: Trace | None = scope.get(TRACE)
    if trace is None:
        return None
    facts: dict[str, Fact] = {"http.request.method": method, "http.route": route, "http.response.status_code": status}
    facts["tacit.request_id"] = scope[REQUEST_ID]
    if isinstance(error, TacitError):
        facts["tacit.code"] = error.code
    trace.end(f"{method} {route}", facts, seconds=seconds, is_failed=status >= _OUR_FAULT)
    return trace_id_of(scope)


def _traceparent_of(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    found = [value for name, value in headers if name == b"traceparent"]
    return found[0].decode("latin-1") if len(found) == 1 else None


@contextmanager
def _followed(trace: Trace, request_id: str) -> Iterator[None]:
    bound = structlog.contextvars.bound_contextvars(request_id=request_id, trace_id=trace.trace_id)
    with bound, following([trace]):
        yield
