"""The line between a worker and its supervisor: a pair of sockets, on which each says a line of JSON at a time.

A line that breaks tells as much as one that speaks: whoever is on the other end is gone, however it ended.
"""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from prometheus_client import CollectorRegistry

from tacit.adapters.prometheus_families import as_values, families_of

BEAT_SECONDS = 1.0


class LineEnd:
    """One end; what was said to it so far is read without waiting for more.

    Attributes:
        is_over: Whether the other end is gone.
        is_dry: Whether all that it said was heard, when it was listened to last.
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._said = bytearray()
        self._lock = threading.Lock()
        self.is_over = False
        self.is_dry = False

    def fileno(self) -> int:
        return self._socket.fileno()

    def say(self, **facts: object) -> None:
        """Tell the other end; one that is gone hears nothing."""
        with self._lock, suppress(OSError):
            self._socket.sendall(_line(facts))

    def hand(self, descriptor: int, **facts: object) -> None:
        """Tell the other end, and have it have a descriptor of ours as its own.

        Raises:
            OSError: It is gone, or hears nothing any more.
        """
        with self._lock:
            socket.send_fds(self._socket, [_line(facts)], [descriptor])

    def heard(self) -> Iterator[dict[str, Any]]:
        """What the other end said and nobody heard yet; it must have said something, or be gone."""
        self.is_dry = False
        try:
            part = self._socket.recv(2**18)
        except BlockingIOError:
            self.is_dry = True
            return
        except OSError:
            part = b""
        self.is_over = not part
        self._said += part
        while (end := self._said.find(b"\n")) >= 0:
            line = bytes(self._said[:end])
            del self._said[: end + 1]
            yield json.loads(line)

    def close(self) -> None:
        self._socket.close()


def _line(facts: Mapping[str, object]) -> bytes:
    return json.dumps(facts, separators=(",", ":"), default=str).encode() + b"\n"


class WorkerLine:
    """A worker's end: says that it lives, what it measured when asked, and ends the worker when the supervisor is gone.

    Args:
        end: The socket it was given.
        on_alone: Called once, from another thread, when the supervisor is gone.
    """

    def __init__(self, end: socket.socket, on_alone: Callable[[], None]) -> None:
        self._end = LineEnd(end)
        self._on_alone = on_alone
        self._registry: CollectorRegistry | None = None
        self._still: Callable[[], float] = lambda: 0.0
        self._closed = threading.Event()
        threading.Thread(target=self._listen, name="supervisor-line", daemon=True).start()

    def watch(self, registry: CollectorRegistry, still: Callable[[], float]) -> None:
        """Tell from now on what is measured, and for how many seconds nothing turned."""
        self._registry, self._still = registry, still

    def serving(self, facts: Mapping[str, object]) -> None:
        """Say that requests are answered from now on, and what with."""
        self._end.say(said="serving", **facts)

    def leaving(self) -> None:
        """Say that no more requests are taken, and what was measured up to now."""
        self._end.say(said="leaving")

    def last_words(self, timeout_seconds: float) -> None:
        """Say what was measured, and wait so long at most until nobody needs us any more."""
        self._tell_measured(0)
        self._end.say(said="ended")
        self._closed.wait(timeout_seconds)
        # Our thread outlives everything; what it knew must not be kept alive by it.
        self._registry, self._still = None, lambda: 0.0

    def _listen(self) -> None:
        beats_at = time.monotonic()
        while not self._end.is_over:
            if select.select([self._end], [], [], max(0.0, beats_at - time.monotonic()))[0]:
                for asked in self._end.heard():
                    self._do(asked)
            if time.monotonic() >= beats_at:
                beats_at = time.monotonic() + BEAT_SECONDS
                self._end.say(said="beat", still=round(self._still(), 3))
        self._closed.set()
        self._on_alone()

    def _do(self, asked: Mapping[str, Any]) -> None:
        if asked.get("asked") == "measured":
            self._tell_measured(asked["number"])
        elif asked.get("asked") == "close":
            self._closed.set()

    def _tell_measured(self, number: int) -> None:
        families = [] if self._registry is None else as_values(families_of(self._registry))
        self._end.say(said="measured", number=number, families=families)
