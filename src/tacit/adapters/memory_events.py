"""An event log in process: for tests and trials; gone when the process ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import takewhile

from tacit.data.events import Event, LoggedEvent, Receipt
from tacit.errors import Unavailable


class MemoryEventLog:
    """An `EventLog` that keeps what it is told, as long as it lives.

    Args:
        clock: Tells the time.
    """

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._logged: list[LoggedEvent] = []
        self._pruned = 0
        self._firsts: dict[str, LoggedEvent] = {}
        self._is_closed = False

    def append(self, events: Sequence[Event], *, source: str = "api") -> Sequence[Receipt]:
        received_at_ms = int(self._clock().timestamp() * 1_000)
        with self._lock:
            if self._is_closed:
                raise Unavailable("storage_unavailable", "The event log is closed.")
            return [self._kept(event, received_at_ms, source) for event in events]

    def read(self, after: int, *, limit: int) -> Sequence[LoggedEvent]:
        with self._lock:
            return self._logged[max(0, after - self._pruned) :][: max(0, limit)]

    @property
    def last_sequence(self) -> int:
        return self._pruned + len(self._logged)

    def prune(self, upto: int, *, before_ms: int) -> None:
        with self._lock:
            old = takewhile(lambda each: each.sequence <= upto and each.received_at_ms < before_ms, self._logged[:-1])
            for logged in list(old):
                self._logged.pop(0)
                del self._firsts[logged.event.event_id]
                self._pruned += 1

    def close(self) -> None:
        self._is_closed = True

    def _kept(self, event: Event, received_at_ms: int, source: str) -> Receipt:
        first = self._firsts.get(event.event_id)
        if first is not None:
            return Receipt("duplicate" if first.event.said == event.said else "conflict", first.sequence)
        logged = LoggedEvent(self.last_sequence + 1, received_at_ms, source, event)
        self._logged.append(logged)
        self._firsts[event.event_id] = logged
        return Receipt("stored", logged.sequence)
