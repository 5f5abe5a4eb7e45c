"""A collector of spans: a real server for OTLP over HTTP, which keeps what it is sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Arrived:
    """A span as the collector has it, its ids in hexadecimal digits."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    facts: dict[str, Any]
    seconds: float
    is_failed: bool
    service: str


@dataclass
class Collector:
    """What it was sent, and how it answers.

    Attributes:
        status: What each sending is answered with.
        held: While it is set, nothing is answered.
    """

    spans: list[Arrived] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)
    status: int = 200
    held: threading.Event = field(default_factory=threading.Event)
    address: str = ""

    def requests(self) -> list[Arrived]:
        """Whole requests, as they came in."""
        return [each for each in self.spans if "http.route" in each.facts]

    def of(self, trace_id: str) -> dict[str, Arrived]:
        """The spans of a trace, by name."""
        return {each.name: each for each in self.spans if each.trace_id == trace_id}

    def take(self, body: bytes) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        for each in ExportTraceServiceRequest.FromString(body).resource_spans:
            said = {fact.key: fact.value.string_value for fact in each.resource.attributes}
            for scope in each.scope_spans:
                self.spans.extend(_arrived(span, said["service.name"]) for span in scope.spans)


def _arrived(span: Any, service: str) -> Arrived:
    return Arrived(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        {fact.key: getattr(fact.value, fact.value.WhichOneof("value")) for fact in span.attributes},
        (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
        span.status.code == 2,
        service,
    )


@contextmanager
def collecting() -> Iterator[Collector]:
    """One that listens."""
    collector = Collector()

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            while collector.held.is_set():
                collector.held.wait(0.01)
            collector.paths.add(self.path)
            if collector.status == 200:
                collector.take(body)
            self.send_response(collector.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
    server.daemon_threads = True
    collector.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
