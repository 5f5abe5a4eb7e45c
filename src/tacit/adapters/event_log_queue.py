"""Calls that wait to be committed together: bounded, and gathered so that they share one flush of the disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from tacit.adapters.event_log_many import lines_of
from tacit.data.event_columns import EventColumns
from tacit.data.events import Event, Receipt
from tacit.errors import Unavailable

_OVERHEAD_BYTES = 500
"""What an event takes besides its text."""


class Call:
    """One `append`, which waits in its caller's thread until the writer has answered.

    What can be made ready before it is committed is, in that thread.

    Args:
        events: What is to be kept.
        source: The way they came.

    Raises:
        BadInput: `number_not_finite`, `event_unstorable`.

    Attributes:
        events: The events.
        lines: What is kept of each, and what its id is found by.
        bytes: What they take in memory.
    """

    __slots__ = ("_answered", "_error", "_receipts", "bytes", "events", "lines", "source")

    def __init__(self, events: Sequence[Event], source: str) -> None:
        self.events, self.source = EventColumns.of(events), source
        self.lines = lines_of(self.events)
        self.bytes = self.lines.bytes + _OVERHEAD_BYTES * len(self.events)
        self._receipts: Sequence[Receipt] = ()
        self._error: BaseException | None = None
        # A bare lock, released once by the writer: half the price of an event, and this is paid per call.
        self._answered = threading.Lock()
        self._answered.acquire()

    def answer(self, receipts: Sequence[Receipt]) -> None:
        self._receipts = receipts
        self._answered.release()

    def fail(self, error: BaseException) -> None:
        self._error = error
        self._answered.release()

    def wait(self) -> Sequence[Receipt]:
        """What became of the events, once that is certain."""
        self._answered.acquire()
        if self._error is not None:
            raise self._error
        return self._receipts


class CallQueue:
    """Calls in the order they came, at most so many events and bytes of them.

    When to commit: as soon as as many calls wait as the last commit answered, or `enough_events`, or `wait_s` after
    the first. So somebody alone never waits for company, and those who come again together are flushed together.
    """

    def __init__(self, *, wait_s: float, enough_events: int, most_events: int, most_bytes: int) -> None:
        self._wait_s, self._enough_events = wait_s, enough_events
        self._most_events, self._most_bytes = most_events, most_bytes
        self._changed = threading.Condition()
        self._calls: list[Call] = []
        self._events = 0
        self._bytes = 0
        self._expected = 1
        self._is_closed = False

    def put(self, call: Call) -> None:
        """Take a call, unless others wait already and it would be too much with them.

        Raises:
            Unavailable: `overloaded`, or `storage_unavailable` once closed.
        """
        with self._changed:
            if self._is_closed:
                raise Unavailable("storage_unavailable", "The event log is closed.")
            events, size = self._events + len(call.events), self._bytes + call.bytes
            if self._calls and (events > self._most_events or size > self._most_bytes):
                raise Unavailable(
                    "overloaded", f"{self._events} events wait for the disk.", fix="Send them again in a moment."
                )
            self._calls.append(call)
            self._events, self._bytes = events, size
            if len(self._calls) == 1 or self._is_enough():
                self._changed.notify()

    def gather(self, idle_s: float) -> list[Call] | None:
        """All that wait, as soon as a commit is due; nothing after so long without any, `None` after the last."""
        with self._changed:
            if not self._calls and not self._is_closed:
                self._changed.wait(idle_s)
            if not self._calls:
                return None if self._is_closed else []
            self._wait_for_more()
            calls, self._calls = self._calls, []
            self._events = self._bytes = 0
            self._expected = len(calls)
            return calls

    def close(self) -> None:
        """Take no more; what waits is still gathered."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _wait_for_more(self) -> None:
        until = time.monotonic() + self._wait_s
        while not self._is_enough() and (left := until - time.monotonic()) > 0:
            self._changed.wait(left)

    def _is_enough(self) -> bool:
        return len(self._calls) >= self._expected or self._events >= self._enough_events or self._is_closed
