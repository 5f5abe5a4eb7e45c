"""Servers for a client's tests: a platform in a process of its own that can be killed, and one that answers as told."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.shells import free_port
from tools.guards.source import ROOT


class KilledServer:
    """A platform that takes events, started and killed as often as one likes, on the same home and port."""

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, free_port()
        self.process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.faults.event_server_child", str(self.home), str(self.port)]
        path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        environment = {**os.environ, "PYTHONPATH": path}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "listening\n"

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


@contextmanager
def killed_server(home: Path) -> Iterator[KilledServer]:
    """A running one."""
    server = KilledServer(home)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@dataclass(frozen=True)
class Told:
    """One answer that a server is told to give.

    Attributes:
        after: Waited for before it is given.
        pause: Seconds between two of its bytes.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    after: Callable[[], object] = lambda: None
    pause: float = 0.0


@dataclass
class ToldServer:
    """A server that gives the answers it is told to, the last one for ever, and remembers what it was asked."""

    address: str
    answers: list[Told]
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)

    def next(self, method: str, path: str, body: bytes) -> Told:
        self.asked.append((method, path, body))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def told_server(*answers: Told) -> Iterator[ToldServer]:
    """A running one."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            told = server.next(self.command, self.path, body)
            told.after()
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            for part in [bytes([byte]) for byte in told.body] if told.pause else [told.body]:
                self.wfile.write(part)
                time.sleep(told.pause)

        def handle(self) -> None:
            with suppress(ConnectionError):  # whoever asked did not wait
                super().handle()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - http.server calls them so

        def log_message(self, *_: object) -> None:
            """Nobody listens."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    server = ToldServer(f"http://127.0.0.1:{listener.server_address[1]}", list(answers))
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()
