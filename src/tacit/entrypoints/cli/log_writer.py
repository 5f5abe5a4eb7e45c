"""Writing the log where nobody may wait for whoever reads it."""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections import deque
from collections.abc import Collection, Iterable
from itertools import chain, islice
from typing import TextIO

MAX_LINES = 20_000
_FAREWELL_SECONDS = 2.0
_GATHERING_SECONDS = 0.02
"""What is written together.  A thread woken for every line would take the interpreter from who answers as often."""
_LONG_SECONDS = 0.5
"""The same of what nobody waits for: on a quiet server, waking the thread costs more than all the lines it writes."""


class LogWriter:
    """A stream that never makes its writers wait: a thread writes; what comes beyond a bound is dropped and counted.

    Args:
        stream: Where to.
        most: How many lines may wait.
    """

    def __init__(self, stream: TextIO, *, most: int = MAX_LINES) -> None:
        self._stream, self._most = stream, most
        self._begin()
        atexit.register(self.close)
        # A process that is forked off has no thread of its own yet, and what waits here is not its to write.
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._waiting: deque[Iterable[str]] = deque()
        self._count = self._dropped = 0
        self._lock = threading.RLock()  # what handles a signal may log in the midst of it
        self._wake, self._hurry, self._over = threading.Event(), threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._is_writing = False

    def write(self, text: str) -> int:
        """Take a line; it is written soon."""
        self._take((text,))
        if not self._hurry.is_set():
            self._hurry.set()
        return len(text)

    def gather(self, lines: Collection[str]) -> None:
        """Take lines that need not be written soon, but will be, with what comes after them; gone through only then."""
        self._take(lines)
        if self._count >= self._most // 4 and not self._hurry.is_set():
            self._hurry.set()

    def _take(self, lines: Collection[str]) -> None:
        with self._lock:
            room = self._most - self._count
            if room >= len(lines):
                self._count += len(lines)
                self._waiting.append(lines)
            else:
                self._dropped += len(lines) - room
                self._count = self._most
                self._waiting.append(islice(lines, room))
        if not self._wake.is_set():
            self._rouse()

    def _rouse(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
                self._thread.start()
        self._wake.set()

    def flush(self) -> None:
        """Nobody waits here."""

    def isatty(self) -> bool:
        return False

    def close(self) -> None:
        """Wait until all is written, though not for long."""
        end = time.monotonic() + _FAREWELL_SECONDS
        self._over.set()
        while (self._waiting or self._is_writing) and time.monotonic() < end:
            self._wake.set()
            self._hurry.set()
            time.sleep(0.005)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            if self._hurry.wait(_LONG_SECONDS):
                self._over.wait(_GATHERING_SECONDS)
            self._hurry.clear()
            self._wake.clear()
            self._is_writing = True
            try:
                self._write_all()
            except Exception:
                self._give_up()  # nobody reads any more, and whatever else it is, what comes next is to be written
            finally:
                self._is_writing = False

    def _write_all(self) -> None:
        while self._waiting:
            taken = [self._waiting.popleft() for _ in range(min(1_000, len(self._waiting)))]
            lines = list(chain.from_iterable(taken))
            with self._lock:
                self._count -= len(lines)
                dropped, self._dropped = self._dropped, 0
            if dropped:
                lines.append(f'{{"event": "log_lines_dropped", "level": "warning", "lines": {dropped}}}\n')
            self._stream.write("".join(lines))
            self._stream.flush()

    def _give_up(self) -> None:
        with self._lock:
            self._waiting.clear()
            self._count = 0
