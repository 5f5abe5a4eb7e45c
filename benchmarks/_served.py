"""Servers in processes of their own, for benchmarks that ask over HTTP: the platform, a bare one, and one that stalls.

The platform is started as anybody starts it, `tacit up` over an empty home, with all that it does for a request and all
that it does beside; nothing in it knows that it is measured.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from benchmarks._machine import ROOT
from benchmarks._meter import cpu_of, status_bytes
from tacit.data import synthetic

HOST = "127.0.0.1"
LAG = "tacit_event_lag"
APPLIED = "tacit_events_applied_total"
COMMIT = "tacit_event_commit_seconds"
_START_SECONDS = 300.0
_END_SECONDS = 60.0
_LAST_WORDS = 2_000


class NotServing(Exception):
    """A server's process ended, or did not begin to answer; the last it said is the message."""


@dataclass(frozen=True)
class Address:
    """Where a server listens."""

    port: int
    host: str = HOST

    def get(self, path: str) -> Any:
        """The JSON that a GET is answered with."""
        with urllib.request.urlopen(f"http://{self.host}:{self.port}{path}", timeout=30) as answer:
            return json.load(answer)


@dataclass(frozen=True)
class Process:
    """A server's process."""

    pid: int
    address: Address
    metrics: Address | None = None

    @property
    def resident_bytes(self) -> int:
        """Memory it holds."""
        return status_bytes("VmRSS", self.pid)

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds it took so far."""
        return cpu_of(self.pid)

    def measured(self) -> dict[str, float]:
        """What it says of itself, each series by its name and labels as they are written."""
        assert self.metrics is not None
        url = f"http://{self.metrics.host}:{self.metrics.port}/metrics"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return metrics_of(answer.read().decode())


def metrics_of(text: str) -> dict[str, float]:
    """Every series of a page of metrics with its value."""
    pairs = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


@dataclass(frozen=True)
class Cores:
    """Which core a server keeps to, and which the generator; none where there is only one for both."""

    server: int | None
    generator: int | None

    @classmethod
    def here(cls) -> Cores:
        """The first and the last of those that this process may use."""
        able = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        return cls(able[0], able[-1]) if len(able) > 1 else cls(None, None)

    @property
    def are_apart(self) -> bool:
        """Whether they are two."""
        return self.server is not None


@contextmanager
def platform(
    folder: Path,
    *,
    core: int | None = None,
    community: Mapping[str, int] | None = None,
    data: Path | None = None,
    module: str = "tacit",
    **settings: object,
) -> Iterator[Process]:
    """A platform over an empty home, its champion trained on an invented community.

    Args:
        folder: Where its home is made.
        core: The core it keeps to.
        community: Sizes of `synthetic.generate`.
        data: A community that was written already, in its place.
        module: What is run as `python -m`.
        settings: By key, two underscores for a point.

    Raises:
        NotServing: It did not come up.
    """
    data = data or synthetic.generate(folder / synthetic.DATASET, **(community or {}))
    chosen = {"home": folder / "home", "data": data, "download": "false", "port": _free_port(), **settings}
    environment = {f"TACIT_{key.upper()}": str(value) for key, value in chosen.items()}
    with _running([sys.executable, "-m", module, "up", "--json"], folder, environment, core=core) as (pid, said):
        ports = [int(said[name].split(":")[2].partition("/")[0]) for name in ("pages", "metrics")]
        yield Process(pid, Address(ports[0]), Address(ports[1]))


@contextmanager
def bare(folder: Path, *, core: int | None = None) -> Iterator[Process]:
    """A server that reads each body and answers 202, on the same HTTP server as the platform."""
    with _running([sys.executable, "-m", "benchmarks._served"], folder, {}, core=core) as (pid, said):
        yield Process(pid, Address(said["port"]))


@contextmanager
def _running(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], *, core: int | None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """A process and the line of JSON that it says once it serves; ended by SIGTERM, its log kept in the folder."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("TACIT_")}
    log = folder / "server.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**inherited, "PYTHONPATH": path, **environment},
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
    try:
        said = _first_line(process, log)
        _pin(process.pid, core)
        yield process.pid, said
    finally:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _first_line(process: subprocess.Popen[bytes], log: Path) -> dict[str, Any]:
    late = threading.Timer(_START_SECONDS, process.kill)
    late.start()
    assert process.stdout is not None
    line = process.stdout.readline()
    late.cancel()
    if not line:
        words = log.read_bytes()[-_LAST_WORDS:].decode(errors="replace").strip()
        raise NotServing(f"it ended with {process.wait()}: {words}")
    said: dict[str, Any] = json.loads(line)
    return said


def _pin(pid: int, core: int | None) -> None:
    """Keep a process, with the threads it has by now, to a core; those it starts later follow."""
    if core is not None:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {core})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Stalling:
    """A server that answers at once, but for a stall now and then, through which nobody is answered.

    Attributes:
        stall: Seconds that it stands still.
        every: Seconds from the beginning of one stall to the next.
        port: Where it listens; known once it is entered.
        over: Set when it ends.
    """

    stall: float
    every: float
    port: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    _stopped: list[HTTPServer] = field(default_factory=list)

    def __enter__(self) -> Stalling:
        stalling, started = self, time.perf_counter()

        class Answering(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body leave together; apart, the second would wait for an acknowledgement

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                phase = (time.perf_counter() - started) % stalling.every
                # The first part of each turn is well, so that a run that begins with it sees both.
                if phase > stalling.every - stalling.stall:
                    stalling.over.wait(stalling.every - phase)
                self.send_response(202)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        # One thread and so one connection: while it stands still, everybody waits.
        server = HTTPServer((HOST, 0), Answering)
        self.port = server.server_port
        self._stopped.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        server = self._stopped.pop()
        server.shutdown()
        server.server_close()


async def _accept(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The least that an application can do with an event."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 202, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


def main() -> int:
    """Serve the bare application until told to stop."""
    from tacit.entrypoints.api.server import ApiServer

    server = ApiServer(_accept, port=0)  # type: ignore[arg-type]
    print(json.dumps({"port": server.port}), flush=True)
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
