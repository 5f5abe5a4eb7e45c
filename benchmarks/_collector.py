"""A collector of spans that counts them and forgets them: OTLP over HTTP, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer

from benchmarks._served import HOST, Address


@dataclass(frozen=True)
class Collector:
    """Where it listens."""

    address: str

    @property
    def spans(self) -> int:
        """How many spans it was sent."""
        return int(Address(int(self.address.rpartition(":")[2])).get("/")["spans"])


@contextmanager
def collecting(core: int | None) -> Iterator[Collector]:
    """One that keeps to a core."""
    command = [sys.executable, "-m", "benchmarks._collector", "any" if core is None else str(core)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Collector(process.stdout.readline().strip())
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


class _Counting(BaseHTTPRequestHandler):
    spans = 0

    def do_POST(self) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        sent = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
        _Counting.spans += sum(len(scope.spans) for each in sent.resource_spans for scope in each.scope_spans)
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(json.dumps({"spans": _Counting.spans}).encode())

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main(core: str) -> int:
    """Collect until told to stop."""
    if core != "any":
        os.sched_setaffinity(0, {int(core)})
    server = HTTPServer((HOST, 0), _Counting)
    print(f"http://{HOST}:{server.server_port}", flush=True)
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
