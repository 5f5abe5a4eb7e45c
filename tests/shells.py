"""The installed `tacit` command as a person starts it: in a process of its own, on a home of its own."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import structlog

from tacit.entrypoints.cli.program import run
from tests.warm_shells import ADDRESS, warm_folder

TACIT = Path(sys.executable).parent / "tacit"
QUICK = ("--set", "als.factors=16", "--set", "als.iterations=4")
"""A small model, for tests that look at what is done with it."""


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def answer(self) -> Any:
        """The one line of JSON on stdout; anything else there fails the test."""
        lines = self.out.splitlines()
        assert len(lines) == 1, self.out + self.err
        return json.loads(lines[0])


def environment(**more: str) -> dict[str, str]:
    """This process's environment without anybody's own settings, and offline."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TACIT_") and name != "COLUMNS"}
    return {**ours, "TACIT_DOWNLOAD": "false", **more}


def tacit(*arguments: str | Path, home: Path, cwd: Path | None = None, **more: str) -> Ran:
    """Run one command to its end, its modules loaded beforehand."""
    started = time.monotonic()
    warm, address = warm_folder(TACIT)
    ran = subprocess.run(
        [warm / "tacit", *map(str, arguments)],
        cwd=cwd or home.parent,
        env=environment(TACIT_HOME=str(home), **{ADDRESS: address}, **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr, time.monotonic() - started)


def within(*arguments: str | Path, home: Path) -> Ran:
    """Run one command in this process, where starting another one would only cost time; the code is the same."""
    started = time.monotonic()
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run([*map(str, arguments), "--home", str(home)])
    structlog.reset_defaults()
    return Ran(code, out.getvalue(), err.getvalue(), time.monotonic() - started)


@dataclass(frozen=True)
class Server:
    """A running `tacit up` or `tacit serve`.

    Attributes:
        announced: What it said when it began to serve.
        seconds: How long that took from the start of the process.
    """

    home: Path
    process: subprocess.Popen[str]
    announced: dict[str, Any]
    seconds: float

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(self.announced["pages"].rstrip("/") + path, timeout=10)

    def version(self) -> str:
        """The version that answers."""
        return str(self.get("/api/v1/popular?limit=1").json()["model_version"])

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal; returns the exit code."""
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(number)
        return self.process.wait(timeout=15)


@contextmanager
def serving(*arguments: str | Path, home: Path, port: int | None = None) -> Iterator[Server]:
    """A server on free ports, from the moment it says that it serves."""
    started = time.monotonic()
    ports = {"TACIT_PORT": str(port or free_port()), "TACIT_METRICS_PORT": str(free_port())}
    log = (home.parent / "server.log").open("w")
    process = subprocess.Popen(
        [TACIT, *map(str, arguments), "--json"],
        cwd=home.parent,
        env=environment(TACIT_HOME=str(home), **ports),
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (home.parent / "server.log").read_text()
        yield Server(home, process, json.loads(line), time.monotonic() - started)
    finally:
        process.kill()
        process.communicate()
        log.close()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
