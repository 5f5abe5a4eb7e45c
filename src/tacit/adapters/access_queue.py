"""Calls on their way into the trail of accesses: taken in nanoseconds, written together by a thread of their own."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from tacit.adapters.threads import step_back
from tacit.errors import Unavailable
from tacit.monitoring import guard_metrics as catalogue
from tacit.monitoring.interfaces import MetricSink
from tacit.security.accesses import CLOSED, LOST, OPENED, Access, AccessTrail

_BATCH = 2_000
_AGAIN_SECONDS = 1.0


class AccessQueue:
    """Bounded: what does not fit is dropped, counted, and told in a row of its own as soon as there is room; so is what
    the trail cannot hold.

    A crash loses what waits, which is no more than `capacity` rows and no older than `flush_seconds` while the database
    answers.  That something may be missing shows in the trail: every server writes that it opened it, and one that ends
    in order that it closed it.

    Args:
        trail: Where they go.
        metrics: Told what became of them.
        capacity: How many may wait.
        flush_seconds: Longest that one waits.
        name: Of this process in the trail.
        clock_ms: Tells the time.
        failed: Told of what kept the trail from being written.
    """

    def __init__(
        self,
        trail: AccessTrail,
        metrics: MetricSink,
        *,
        capacity: int,
        flush_seconds: float,
        name: str,
        clock_ms: Callable[[], int] = lambda: int(time.time() * 1_000),
        failed: Callable[[Exception], None] = lambda problem: None,
    ) -> None:
        self._trail, self._metrics, self._capacity, self._flush = trail, metrics, capacity, flush_seconds
        self._name, self._clock_ms, self._failed = name, clock_ms, failed
        self._waiting: deque[Access] = deque()
        self._dropped = 0
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def record(self, access: Access) -> None:
        """Have a call written."""
        if len(self._waiting) >= self._capacity:
            self._drop()
            return
        self._waiting.append(access)
        self._metrics.increment(catalogue.ACCESSES, outcome="recorded")

    def start(self) -> None:
        """Say that the trail is open, and write from now on."""
        self.record(self._own(OPENED))
        self._thread = threading.Thread(target=self._run, name="access-trail", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, and say that the trail is closed."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
            self._waiting.append(self._own(CLOSED))
            self.flush()

    def flush(self) -> bool:
        """Write what waits; `False` if the database would not have it now, and then it waits on."""
        # What comes meanwhile waits for the next time: each unit of work is forced to the disk, however small it is.
        upto = len(self._waiting)
        try:
            while upto > 0 or self._dropped:
                upto -= self._write(min(_BATCH, upto))
        except Unavailable as problem:
            self._failed(problem)
            return False
        return True

    def _write(self, count: int) -> int:
        """Write the next ones, and how many were dropped before, in one unit of work; returns how many are done."""
        batch, dropped = [self._waiting[place] for place in range(count)], self._dropped
        told = [self._own(LOST, f'{{"rows":{dropped}}}')] if dropped else []
        try:
            self._trail.append([*batch, *told])
        except ValueError as problem:
            if not batch:
                raise
            self._failed(problem)
            self._write_each(count)
            return count
        for _ in batch:
            self._waiting.popleft()
        self._dropped -= dropped
        self._metrics.increment(catalogue.ACCESSES, len(batch) + len(told), outcome="written")
        return count

    def _write_each(self, count: int) -> None:
        """Write the next ones one by one; what the trail cannot hold is dropped, or all would wait for it for ever."""
        for _ in range(count):
            try:
                self._trail.append([self._waiting[0]])
                self._metrics.increment(catalogue.ACCESSES, outcome="written")
            except ValueError:
                self._drop()
            self._waiting.popleft()

    def _drop(self) -> None:
        self._dropped += 1
        self._metrics.increment(catalogue.ACCESSES, outcome="dropped")

    def _run(self) -> None:
        step_back()
        while not self._over.wait(self._flush):
            try:
                is_written = self.flush()
            except Exception as problem:  # a trail that stops being written must not stop without a word
                self._failed(problem)
                is_written = False
            if not is_written:
                self._over.wait(_AGAIN_SECONDS)

    def _own(self, what: str, facts: str = "{}") -> Access:
        return Access(
            self._clock_ms(), "trail", "-", what, self._name, "-", None, "allowed", 0, request_id="-", facts=facts
        )
