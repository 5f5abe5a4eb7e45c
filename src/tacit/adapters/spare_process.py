"""The spare one as its supervisor has it: a process that stands by, and of which workers are copies.

A copy needs to load nothing, and the spare one is there for the next that ends; what it costs is one process's memory,
most of which the copies share.  A process is watched by a descriptor of it, since not the supervisor started it.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol

from tacit.adapters.worker_line import LineEnd
from tacit.adapters.worker_process import Running, WorkerProcess

ANSWER_SECONDS = 1.0
"""How long the spare one may take to answer; one that takes longer is of no use."""
UNSEEN = 256
"""Says that a process ended and nobody saw how; no process ends with it."""


def can_copy() -> bool:
    """Whether a process can be the copy of another here, and its end be seen by who did not start it."""
    if sys.platform != "linux":
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


class Awaited(Running, Protocol):
    """A process whose end can be awaited."""

    def wait(self) -> int:
        """The exit code, once it ended."""


class SpareProcess:
    """A process that stands by.

    Args:
        process: The process.
        end: Our end of the line to it.
        now: The moment, by the monotonic clock.

    Attributes:
        began: When it was started.
        heard_at: When it last gave a sign of life.
        is_prepared: Whether all its code is loaded.
        is_mute: Whether it was asked something, and did not answer.
    """

    def __init__(self, process: Awaited, end: socket.socket, *, now: float) -> None:
        end.setblocking(False)
        self._process = process
        self.line = LineEnd(end)
        self.began = self.heard_at = now
        self.is_prepared = False
        self.is_mute = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def code(self) -> int | None:
        """The exit code, or less than 0 for the signal that ended it; `None` while it lives."""
        return self._process.poll()

    def hear(self, now: float) -> list[dict[str, Any]]:
        """What it said since, signs of life included."""
        said = list(self.line.heard())
        if said:
            self.heard_at = now
        self.is_prepared = self.is_prepared or any(each["said"] == "prepared" for each in said)
        return said

    def copied(self, number: int, now: float) -> WorkerProcess:
        """A copy of it, which begins to serve in the place of a number.

        Raises:
            OSError: There is none; it does not answer perhaps.
        """
        return WorkerProcess(*self._copy(number), now=now)

    def twin(self, now: float) -> SpareProcess:
        """A copy of it, which stands by as well; it takes no time, and hardly any memory.

        Raises:
            OSError: There is none.
        """
        return SpareProcess(*self._copy(None), now=now)

    def code_of(self, pid: int) -> int:
        """How a copy of it ended, which has."""
        if not self.is_mute:
            self.line.say(asked="code", pid=pid)
            told = self._answer("code", pid=pid)
            if told is not None:
                return int(told["code"])
        with suppress(ChildProcessError):
            # Where whoever is left alone becomes ours: as the first process of a container.
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        return UNSEEN

    def kill(self) -> None:
        """End it; its copies go on."""
        self._process.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Give back what is ours of one that was killed or is gone."""
        self.line.close()
        self.line.is_over = True
        self._process.wait()

    def _copy(self, number: int | None) -> tuple[_CopiedProcess, socket.socket]:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._hand(theirs, number)
            # The number stays its own even if it ended meanwhile: this one buries it, when it is asked how it did.
            copy = _CopiedProcess(self._copied_pid(), self)
            ours.sendall(b'{"asked":"begin"}\n')
        except OSError:
            ours.close()  # a copy that is made all the same finds nobody there, and ends
            raise
        return copy, ours

    def _hand(self, line: socket.socket, number: int | None) -> None:
        try:
            self.line.hand(line.fileno(), asked="copy", number=number)
        except OSError:
            self.is_mute = True  # it is ending, or has heard nothing for long
            raise

    def _copied_pid(self) -> int:
        told = self._answer("copied")
        if told is None or told["pid"] is None:
            raise OSError("the spare worker made no copy of itself")
        return int(told["pid"])

    def _answer(self, said: str, **facts: object) -> Mapping[str, Any] | None:
        """What it says to what it was asked; `None` if it does not in time."""
        until = time.monotonic() + ANSWER_SECONDS
        while not self.line.is_over and (left := until - time.monotonic()) > 0:
            if not select.select([self.line], [], [], left)[0]:
                break
            for told in self.hear(time.monotonic()):
                if told["said"] == said and facts.items() <= told.items():
                    return told
        self.is_mute = True
        return None


class _CopiedProcess:
    """A process that another one started, by a descriptor of it: no other process can be meant by that."""

    def __init__(self, pid: int, spare: SpareProcess) -> None:
        self.pid = pid
        self._descriptor = os.pidfd_open(pid)
        self._spare = spare
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None and self._is_over():
            os.close(self._descriptor)
            self._code = self._spare.code_of(self.pid)
        return self._code

    def send_signal(self, sig: int, /) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, sig)

    def wait(self) -> int:
        if self._code is None:
            self._is_over(None)
        return self.poll() or 0

    def _is_over(self, milliseconds: float | None = 0) -> bool:
        ready = select.poll()
        ready.register(self._descriptor, select.POLLIN)
        return bool(ready.poll(milliseconds))
