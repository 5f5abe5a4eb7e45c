"""The last that an event log committed, kept in memory: who follows closely need not read it back from the disk."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from itertools import chain

from tacit.data.event_columns import LoggedColumns
from tacit.data.events import LoggedEvent

Piece = tuple[Sequence[LoggedEvent], int]
"""The events of a commit, at least one, and what they take in memory, in bytes."""


class Tail:
    """Committed events without a gap, at most so many bytes of them; the oldest go first, and what was read.

    Args:
        most_bytes: What they may take in memory, but for the last commit.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._pieces: deque[Piece] = deque()
        self._bytes = 0

    def add(self, events: Sequence[LoggedEvent], size: int) -> None:
        """Keep what was committed after all that is here.

        Args:
            events: The events, in order.
            size: What they take in memory, in bytes.
        """
        if not events:
            return
        with self._lock:
            if self._pieces and self._pieces[-1][0][-1].sequence + 1 != events[0].sequence:
                self._forget(len(self._pieces))
            self._pieces.append((events, size))
            self._bytes += size
            while self._bytes > self._most_bytes and len(self._pieces) > 1:
                self._forget(1)

    def after(self, place: int, *, limit: int) -> Sequence[LoggedEvent] | None:
        """The events behind a place, at most so many; `None` where the first of them is not here.

        Who reads behind a place has no use for what stands before it, and that is let go.
        """
        with self._lock:
            while self._pieces and self._pieces[0][0][-1].sequence <= place:
                self._forget(1)
            pieces = [events for events, _ in self._pieces]
        if not pieces or pieces[0][0].sequence > place + 1:
            return None
        found: list[Sequence[LoggedEvent]] = []
        skipped, wanted = place + 1 - pieces[0][0].sequence, limit
        for each in chain((pieces[0][skipped:],), pieces[1:]):
            found.append(each if len(each) <= wanted else each[:wanted])
            wanted -= len(found[-1])
            if not wanted:
                break
        return _joined(found)

    def _forget(self, pieces: int) -> None:
        for _ in range(pieces):
            _, size = self._pieces.popleft()
            self._bytes -= size


def _joined(parts: Sequence[Sequence[LoggedEvent]]) -> Sequence[LoggedEvent]:
    columns = [each for each in parts if isinstance(each, LoggedColumns)]
    return LoggedColumns.joined(columns) if len(columns) == len(parts) else list(chain.from_iterable(parts))
