"""Spans for a collector, over OTLP/HTTP: sent by a thread of their own, so that nobody who is answered waits for it."""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from tacit.adapters.threads import step_back
from tacit.monitoring.tracing import Span

MOST_WAITING = 2_048
"""Spans that wait to be sent; those beyond are given up."""
_AT_ONCE = 512
GATHER_SECONDS = 20.0
"""How long spans are gathered: a collector is for looking back, and each sending costs as much as a hundred of them."""
_SEND_SECONDS = 5.0
_PATH = "/v1/traces"

Told = Callable[[int], None]
"""Told of some spans that they were sent, or given up."""


class _Ours(Resource):  # type: ignore[misc]
    """The one that every span has; the library would spell all that it holds to tell it from others, for each span."""

    __eq__, __hash__ = object.__eq__, object.__hash__


class OtlpSpans:
    """A `SpanSink` that sends what it is given.

    Args:
        endpoint: The collector's address.
        version: Ours, as the collector is told.
        exported: Told how many spans were taken.
        dropped: Told how many were given up, for want of room or because the collector did not take them.
    """

    def __init__(self, endpoint: str, *, version: str, exported: Told, dropped: Told) -> None:
        # Who cannot be reached is counted here; the library would say it each time, in words that are not ours.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._exporter = OTLPSpanExporter(_address(endpoint), timeout=_SEND_SECONDS)
        made = Resource.create({"service.name": "tacit", "service.version": version, "process.pid": os.getpid()})
        self._resource = _Ours(made.attributes, made.schema_url)
        self._scope = InstrumentationScope("tacit", version)
        self._exported, self._dropped = exported, dropped
        self._waiting: deque[Span] = deque()
        self._some, self._many, self._over = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
        self._thread.start()

    def give(self, spans: Sequence[Span]) -> None:
        if len(self._waiting) + len(spans) > MOST_WAITING:
            self._dropped(len(spans))
            return
        self._waiting.extend(spans)
        if not self._some.is_set():
            self._some.set()
        if len(self._waiting) >= _AT_ONCE:
            self._many.set()

    def close(self, seconds: float) -> None:
        """Send what waits, and give up on what is not sent by then."""
        end = monotonic() + seconds
        self._over.set()
        self._many.set()
        self._some.set()
        self._thread.join(seconds / 2)
        self._exporter.shutdown()  # has it give up on what it tries again
        self._thread.join(max(0.0, end - monotonic()))
        self._dropped(len(self._waiting))

    def _run(self) -> None:
        step_back()
        while not (self._over.is_set() and not self._waiting):
            self._some.wait()
            self._many.wait(GATHER_SECONDS)
            self._some.clear()
            self._many.clear()
            while self._waiting:
                self._send([self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))])

    def _send(self, spans: Sequence[Span]) -> None:
        try:
            is_taken = self._exporter.export(list(map(self._spelled, spans))) is SpanExportResult.SUCCESS
        except Exception:
            # Whatever is wrong with what is sent or with who takes it, what comes next is to be sent as well.
            is_taken = False
        (self._exported if is_taken else self._dropped)(len(spans))

    def _spelled(self, span: Span) -> ReadableSpan:
        trace_id = int(span.trace_id, 16)
        return ReadableSpan(
            span.name,
            context=_context(trace_id, span.span_id, is_remote=False),
            parent=None if span.parent_id is None else _context(trace_id, span.parent_id, is_remote=span.is_request),
            resource=self._resource,
            attributes=span.facts,
            kind=SpanKind.SERVER if span.is_request else SpanKind.INTERNAL,
            status=Status(StatusCode.ERROR if span.is_failed else StatusCode.UNSET),
            start_time=span.started_ns,
            end_time=span.ended_ns,
            instrumentation_scope=self._scope,
        )


def _context(trace_id: int, span_id: str, *, is_remote: bool) -> SpanContext:
    return SpanContext(trace_id, int(span_id, 16), is_remote, TraceFlags(TraceFlags.SAMPLED))


def _address(endpoint: str) -> str:
    return endpoint if endpoint.endswith(_PATH) else endpoint + _PATH
