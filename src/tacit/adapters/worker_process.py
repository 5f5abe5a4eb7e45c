"""A worker as its supervisor has it: a process, and the line to it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from tacit.adapters.worker_line import LineEnd
from tacit.monitoring.adding_up import Family

COMMAND = (sys.executable, "-m", "tacit.entrypoints.worker_process")


class Running(Protocol):
    """A process as the system has it; `subprocess.Popen` is one."""

    pid: int

    def poll(self) -> int | None:
        """The exit code, or less than 0 for the signal that ended it; `None` while it lives."""

    def send_signal(self, sig: int, /) -> None:
        """Signal it; nothing happens to one that ended, nor to another of its number."""


def started(
    plan: Mapping[str, object],
    environment: Mapping[str, str],
    *,
    listener: socket.socket,
    lock: int | None = None,
    command: Sequence[str] = COMMAND,
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start a process from nothing; returns it and our end of the line to it.

    Args:
        plan: What it is told on its command line.
        environment: Its settings.
        listener: What it listens on.
        lock: The lock on the home, which it keeps for as long as it lives; none for readers.
        command: What is run.

    Raises:
        OSError: No process, or no descriptor, is to be had.
    """
    ours, theirs = socket.socketpair()
    kept = [listener.fileno(), theirs.fileno(), *([] if lock is None else [lock])]
    told = {**plan, "listener": listener.fileno(), "line": theirs.fileno(), "lock": lock}
    with theirs:
        try:
            # A group of its own: Ctrl-C is for the supervisor, who tells its workers in their order.
            process = subprocess.Popen(
                [*command, json.dumps(told)],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                pass_fds=kept,
                process_group=0,
            )
        except OSError:
            ours.close()
            raise
    return process, ours


class WorkerProcess:
    """A process that was started.

    Args:
        running: The process.
        end: Our end of the line to it.
        now: The moment, by the monotonic clock.

    Attributes:
        began: When it was started, in seconds of the monotonic clock.
        heard_at: When it last gave a sign of life.
        serves_since: When it began to answer; `None` before.
        still: For how long its event loop had not turned, as it said last.
        is_leaving: Whether it takes no more requests.
        has_ended: Whether all that is left of it is to go.
        families: What it had measured when it was last asked.
        measured: The number of the question that this answers.
    """

    def __init__(self, running: Running, end: socket.socket, *, now: float) -> None:
        end.setblocking(False)
        self._running = running
        self.line = LineEnd(end)
        self.began = self.heard_at = now
        self.serves_since: float | None = None
        self.still = 0.0
        self.is_leaving = False
        self.has_ended = False
        self.families: list[Family] = []
        self.measured = 0

    @property
    def pid(self) -> int:
        return self._running.pid

    def code(self) -> int | None:
        """The exit code, or less than 0 for the signal that ended it; `None` while it lives."""
        return self._running.poll()

    def hear(self, now: float) -> Iterator[dict[str, Any]]:
        """What it said since; its signs of life are taken note of here."""
        for said in self.line.heard():
            self.heard_at = now
            if said["said"] == "beat":
                self.still = float(said["still"])
            yield said

    def end(self) -> None:
        """Tell it to end."""
        self._running.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self._running.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Give back what is ours of one that is gone."""
        self.line.close()
