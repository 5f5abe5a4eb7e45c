"""Writing the log where nobody may wait for whoever reads it."""

from __future__ import annotations

import atexit
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import TextIO

MAX_LINES = 20_000
_FAREWELL_SECONDS = 2.0
_GATHERING_SECONDS = 0.02
"""What is written together.  A thread woken for every line would take the interpreter from who answers as often."""
_LONG_SECONDS = 0.2
"""The same of what nobody waits for: on a quiet server, waking the thread costs more than all the lines it writes."""


class LogWriter:
    """A stream that never makes its writers wait: a thread writes; what comes beyond a bound is dropped and counted.

    Args:
        stream: Where to.
        most: How many lines may wait.
    """

    def __init__(self, stream: TextIO, *, most: int = MAX_LINES) -> None:
        self._stream, self._most = stream, most
        self._waiting: deque[str] = deque()
        self._dropped = 0
        self._wake, self._hurry, self._over = threading.Event(), threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._is_writing = False
        atexit.register(self.close)

    def write(self, text: str) -> int:
        """Take a line; it is written soon."""
        self._take((text,))
        if not self._hurry.is_set():
            self._hurry.set()
        return len(text)

    def gather(self, lines: Sequence[str]) -> None:
        """Take lines that need not be written soon, but will be, with what comes after them."""
        self._take(lines)

    def _take(self, lines: Sequence[str]) -> None:
        room = self._most - len(self._waiting)
        if room < len(lines):
            self._dropped += len(lines) - max(0, room)
            lines = lines[: max(0, room)]
        self._waiting.extend(lines)
        # A process that was forked off has no thread of its own yet.
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
            self._thread.start()
        if not self._wake.is_set():
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
            except (OSError, ValueError):
                self._waiting.clear()  # nobody reads any more
            finally:
                self._is_writing = False

    def _write_all(self) -> None:
        while self._waiting:
            lines = [self._waiting.popleft() for _ in range(min(1_000, len(self._waiting)))]
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                lines.append(f'{{"event": "log_lines_dropped", "level": "warning", "lines": {dropped}}}\n')
            self._stream.write("".join(lines))
            self._stream.flush()
