"""What the spare process does: it loads, says that it lives, and copies itself when it is asked to.

It starts no thread and opens nothing: a copy has neither, and must not miss them.
"""

from __future__ import annotations

import gc
import json
import os
import select
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tacit.adapters.worker_line import BEAT_SECONDS, LineEnd


@dataclass(frozen=True)
class Copy:
    """What a copy is told.

    Attributes:
        number: In whose place it is to serve.
        line: The descriptor of its line to the supervisor.
    """

    number: int
    line: int


def stand_by(
    end: socket.socket, modules: Iterable[str], load: Callable[[str], object], *, listener: int
) -> Copy | None:
    """Load modules, and copy this process whenever the supervisor asks.

    Args:
        end: Our end of the line to the supervisor.
        modules: What to load.
        load: Loads one.
        listener: The descriptor on which copies listen; closed when the supervisor leaves.

    Returns:
        In a copy, what it is told; in this process `None`, once the supervisor is gone.
    """
    line = LineEnd(end)
    # What is loaded stays: to look for what does not would only touch, and so copy, memory that all can share.
    gc.disable()
    for name in modules:
        load(name)
        line.say(said="beat")
    gc.freeze()
    line.say(said="prepared")
    try:
        return _StandIn(end, listener).copy_when_asked()
    finally:
        gc.enable()


class _StandIn:
    def __init__(self, end: socket.socket, listener: int) -> None:
        self._end = end
        self._listener = listener
        self._line = LineEnd(end)
        self._heard = bytearray()
        self._handed: list[int] = []

    def copy_when_asked(self) -> Copy | None:
        while True:
            if not select.select([self._end], [], [], BEAT_SECONDS)[0]:
                self._line.say(said="beat")
                continue
            part, handed, _, _ = socket.recv_fds(self._end, 2**16, 8)
            if not part:
                return None
            self._handed += handed
            self._heard += part
            while (end := self._heard.find(b"\n")) >= 0:
                asked = json.loads(self._heard[:end])
                del self._heard[: end + 1]
                if (copy := self._do(asked)) is not None:
                    return copy

    def _do(self, asked: Mapping[str, Any]) -> Copy | None:
        if asked["asked"] == "code":
            # It waits with whoever asks: only of one that is over is the code asked.
            status = os.waitpid(asked["pid"], 0)[1]
            self._line.say(said="code", pid=asked["pid"], code=os.waitstatus_to_exitcode(status))
        elif asked["asked"] == "copy":
            return self._copied(asked["number"])
        elif asked["asked"] == "leave":
            os.close(self._listener)  # said once, and to each copy that stands by as well
        return None

    def _copied(self, number: int | None) -> Copy | None:
        handed = self._handed.pop(0)
        try:
            pid = os.fork()
        except OSError:
            os.close(handed)
            self._line.say(said="copied", pid=None)
            return None
        if pid:
            os.close(handed)
            self._line.say(said="copied", pid=pid)
            return None
        self._end.close()
        os.setpgid(0, 0)  # as any worker: Ctrl-C is for the supervisor
        if not _is_wanted(handed):
            os._exit(0)
        if number is not None:
            return Copy(number, handed)
        self._stand_by_at(handed)
        return None

    def _stand_by_at(self, handed: int) -> None:
        """Be, in a copy, a spare one as well."""
        self._end = socket.socket(fileno=handed)
        self._line = LineEnd(self._end)
        self._heard.clear()
        self._line.say(said="prepared")


def _is_wanted(line: int) -> bool:
    """Whether the supervisor knows of this copy: one that it gave up waiting for must not take anybody's place."""
    said = b""
    while not said.endswith(b"\n"):
        part = os.read(line, 1)  # what comes after that line is for the worker to read
        if not part:
            return False
        said += part
    return True
