"""The log's follower: a thread that applies what was taken in, soon, and for as long as it takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from tacit.data.event_effects import EventCounts
from tacit.data.ingestion import Applied, EventStore

GATHER_SECONDS = 0.05
"""How long events are gathered for one transaction: most of the commits saved, and nobody sees the difference."""

STREAM_SECONDS = 0.2
"""How long they are gathered while many come: a transaction costs whoever sends them as much as a hundred of them."""

_STREAM_RATE = 500
"""From how many a second on many come."""

IDLE_SECONDS = 1.0
"""How often we look without being woken: another process may have released something from quarantine."""

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0
"""Until it is tried again at the latest: until then every list says that it may not know all."""


class Steps(Protocol):
    """What is followed: `Ingestion`, as far as that goes."""

    def step(self) -> Applied:
        """Apply one batch."""
        ...

    def catch_up(self, deadline: float) -> Applied:
        """Apply what waits, until the monotonic clock shows `deadline`."""
        ...


class Tally:
    """What the door answered by itself, gathered for the store's counts.

    Args:
        store: Counts for good.
    """

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._waiting: dict[str, EventCounts] = {}

    def add(self, source: str, counts: EventCounts) -> None:
        """Remember the repetitions and refusals among some counts; the store counts the others itself."""
        if counts.deduplicated or counts.rejected:
            with self._lock:
                self._waiting[source] = self._waiting.get(source, EventCounts()) + counts

    def flush(self) -> None:
        """Have the store count what waits.

        Raises:
            Unavailable: It cannot now; what it has not counted waits on.
        """
        for source in list(self._waiting):
            with self._lock:
                counts = self._waiting.pop(source, EventCounts())
            try:
                self._store.tally(source, deduplicated=counts.deduplicated, rejected=counts.rejected)
            except BaseException:
                self.add(source, counts)
                raise


class Follower:
    """Applies the log in a thread, from `start` to `stop`.

    Whatever fails is told and tried again, after pauses that grow to two seconds.

    Args:
        ingestion: Applies it.
        tally: Is flushed between batches.
        batch: Events of a full batch.
        ready: Whether events can be applied; until then they wait.
        told: Told what each step did.
        failed: Told of each failure.
    """

    def __init__(
        self,
        ingestion: Steps,
        tally: Tally,
        *,
        batch: int,
        told: Callable[[Applied], None],
        failed: Callable[[Exception], None],
        ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self._ingestion = ingestion
        self._tally = tally
        self._batch = batch
        self._told = told
        self._failed = failed
        self._ready = ready
        self._moved_at = time.monotonic()
        self._woken = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="event-applying", daemon=True)

    @property
    def still_seconds(self) -> float:
        """For how long it has not come to the end of anything: the store may take its time, and fail only then."""
        return time.monotonic() - self._moved_at

    def start(self) -> None:
        """Begin with what the log holds already."""
        self._woken.set()
        self._thread.start()

    def wake(self) -> None:
        """Say that something was taken in; takes microseconds."""
        self._woken.set()

    def stop(self, seconds: float = 5.0) -> None:
        """Apply what is left, as far as that goes in so many seconds; the rest waits in the log."""
        deadline = time.monotonic() + seconds
        self._over.set()
        self._woken.set()
        self._thread.join(seconds)
        if self._thread.is_alive():
            return
        try:
            self._tally.flush()
            if self._ready():
                self._told(self._ingestion.catch_up(deadline))
        except Exception as error:
            self._failed(error)

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._over.is_set():
            self._moved_at = time.monotonic()
            self._woken.wait(IDLE_SECONDS)
            self._woken.clear()
            try:
                self._follow()
                pause = _FIRST_PAUSE
            except Exception as error:
                # Ended by one failure, this thread would leave every later event waiting.
                self._failed(error)
                self._over.wait(pause)
                self._woken.set()
                pause = min(2 * pause, _LONGEST_PAUSE)

    def _follow(self) -> None:
        """Step until nothing waits; a full batch shows that there is no need to gather."""
        self._tally.flush()
        pause = GATHER_SECONDS
        while self._ready() and not self._over.wait(pause):
            applied = self._ingestion.step()
            self._told(applied)
            self._tally.flush()
            self._moved_at = time.monotonic()
            if not applied.read:
                return
            pause = self._pause_after(applied.read, gathered_for=pause)

    def _pause_after(self, read: int, *, gathered_for: float) -> float:
        """How long the next events are gathered; a full batch shows that there is no need to."""
        if read >= self._batch:
            return 0.0
        return STREAM_SECONDS if read >= _STREAM_RATE * max(gathered_for, GATHER_SECONDS) else GATHER_SECONDS
