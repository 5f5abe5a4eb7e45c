"""A real Redis on a free port of loopback, for tests that also stop it, kill it and fill it."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from tests.shells import free_port
from tests.stages import wait_until


class RedisServer:
    """One server; what it kept is gone when it ends, unless it was told to save."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.options = folder, options
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self, *options: str, is_awaited: bool = True) -> None:
        """Start it on its port, and wait until it answers."""
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        quiet = ["--save", "", "--appendonly", "no", "--daemonize", "no", "--logfile", str(self.folder / "redis.log")]
        self.process = subprocess.Popen([*command, *quiet, *self.options, *options])
        if is_awaited:
            wait_until(self.answers, seconds=10)

    def answers(self) -> bool:
        try:
            with self.client(0.5) as client:
                return bool(client.ping())
        except (RedisError, OSError):
            return False

    def client(self, seconds: float = 5.0) -> Redis:
        """A client of the test's own."""
        return Redis(port=self.port, socket_timeout=seconds, socket_connect_timeout=seconds, protocol=2)

    def say(self, *words: str | int | bytes) -> object:
        with self.client() as client:
            return client.execute_command(*words)

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it at once, whatever state it is in."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.kill()
            self.process.wait(timeout=10)
            self.process = None


@contextmanager
def redis_server(folder: Path, *options: str) -> Iterator[RedisServer]:
    """A running server; the test is skipped, saying so, where there is no Redis."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed here")
    server = RedisServer(folder, *options)
    server.start()
    try:
        yield server
    finally:
        server.kill()
