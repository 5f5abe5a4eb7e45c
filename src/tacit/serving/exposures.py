"""What was shown to whom: the record, where it is kept, and the buffer that keeps it off the hot path."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from tacit.rollout.traffic import Place

_BATCH_SIZE = 1_000


@dataclass(frozen=True, slots=True)
class Exposure:
    """One list that was shown.

    Attributes:
        recommendation_id: Names the answer, so that what the user does next can be attributed to it.
        model_version: The version that answered.
        user_id: Who saw it; `None` for somebody unknown.
        source: The step of the chain that produced it.
        degraded: Whether it was not the answer we wanted to give.
        item_ids: The items, in the order shown.
        at_ms: Milliseconds since 1970, UTC.
        place: Where users were divided, the split, its stage and the arm that answered; `None` where they were not.
        propensities: Where places were given to chance, how probable it was that each item stood where it did, in the
            order shown; `None` where nothing was.
        rehearsed: Whether a lower step was chosen on purpose; such a list counts for no arm.
    """

    recommendation_id: str
    model_version: str
    user_id: str | None
    source: str
    degraded: bool
    item_ids: tuple[str, ...]
    at_ms: int
    place: Place | None = None
    propensities: tuple[float, ...] | None = None
    rehearsed: bool = False


class ExposureLog(Protocol):
    """The durable record of exposures."""

    def write(self, batch: Sequence[Exposure]) -> None:
        """Keep all of a batch or nothing of it; one whose `recommendation_id` is already kept is passed over."""
        ...

    def recent(self, limit: int) -> Sequence[Exposure]:
        """The latest exposures, newest first."""
        ...

    def count(self) -> int: ...

    def prune(self, before_ms: int) -> int:
        """Forget what was shown before some moment; how many that were."""
        ...


@dataclass(frozen=True)
class ExposureCounts:
    """What became of the exposures so far; `recorded = written + dropped + waiting`, always.

    Attributes:
        recorded: Handed to the queue.
        written: Kept by the log.
        dropped: Lost: beyond the capacity, not representable, or still unwritten at the close.
        waiting: In the buffer.
        failures: Attempts to write that failed.
    """

    recorded: int = 0
    written: int = 0
    dropped: int = 0
    waiting: int = 0
    failures: int = 0


class ExposureQueue:
    """A bounded buffer in front of an `ExposureLog`, emptied in batches by one background thread.

    Args:
        log: Where exposures go.
        capacity: How many may wait; what comes beyond is dropped and counted.
        flush_seconds: The longest an exposure waits while the log works, and the pause after a failure.
        begin: Called in the thread that writes, before anything else.
    """

    def __init__(
        self,
        log: ExposureLog,
        *,
        capacity: int = 10_000,
        flush_seconds: float = 0.5,
        begin: Callable[[], None] = lambda: None,
    ) -> None:
        self._log, self._begin = log, begin
        self._capacity = capacity
        self._crowd = max(1, capacity // 2)
        self._batch_size = _BATCH_SIZE
        self._flush_seconds = flush_seconds
        self._waiting: deque[Exposure] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._recorded = self._written = self._dropped = self._failures = 0

    def record(self, exposure: Exposure) -> None:
        """Keep an exposure for the next batch; takes microseconds, never waits for the log, never raises."""
        with self._changed:
            self._recorded += 1
            if self._closed or len(self._waiting) >= self._capacity:
                self._dropped += 1
                return
            self._waiting.append(exposure)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="exposures", daemon=True)
                self._thread.start()
            # Half full is early enough to make room, and rare enough not to wake the thread for each record.
            if len(self._waiting) in (1, self._crowd):
                self._changed.notify()

    def counts(self) -> ExposureCounts:
        with self._changed:
            return ExposureCounts(
                recorded=self._recorded,
                written=self._written,
                dropped=self._dropped,
                waiting=len(self._waiting),
                failures=self._failures,
            )

    def close(self, timeout_seconds: float = 10.0) -> ExposureCounts:
        """Take no more, write what waits, and count as dropped what cannot be written in time."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(timeout_seconds)
        with self._changed:
            self._dropped += len(self._waiting)
            self._waiting.clear()
        return self.counts()

    def _run(self) -> None:
        self._begin()
        while self._wait_until_due():
            was_closed = self._closed
            if not self._flush() and self._pause() and was_closed:
                return

    def _wait_until_due(self) -> bool:
        """Sleep until a batch should be written; `False` when none will ever come."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting)
            self._changed.wait_for(lambda: self._closed or len(self._waiting) >= self._crowd, self._flush_seconds)
            return bool(self._waiting)

    def _pause(self) -> bool:
        """Give a failing log time to recover; whether the queue was closed meanwhile."""
        with self._changed:
            return self._changed.wait_for(lambda: self._closed, self._flush_seconds)

    def _flush(self) -> bool:
        """Write the next batch; what the log did not take stays in front."""
        with self._changed:
            batch = list(islice(self._waiting, self._batch_size))
        try:
            self._log.write(batch)
        except (TypeError, ValueError):
            self._close_in_on_unwritable(batch)
        except Exception:
            with self._changed:
                self._failures += 1
            return False
        else:
            self._settle(batch, is_written=True)
            self._batch_size = min(_BATCH_SIZE, 2 * self._batch_size)
        return True

    def _close_in_on_unwritable(self, batch: Sequence[Exposure]) -> None:
        """Halve the batch until the one exposure that can never be written stands alone, then drop that one."""
        with self._changed:
            self._failures += 1
        if len(batch) == 1:
            self._settle(batch, is_written=False)
        self._batch_size = max(1, len(batch) // 2)

    def _settle(self, batch: Sequence[Exposure], *, is_written: bool) -> None:
        with self._changed:
            # A close that ran out of time has counted the batch as dropped already.
            settled = min(len(batch), len(self._waiting))
            for _ in range(settled):
                self._waiting.popleft()
            if is_written:
                self._written += settled
            else:
                self._dropped += settled
