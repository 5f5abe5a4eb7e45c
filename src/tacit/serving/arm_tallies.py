"""What became of requests while users were divided, gathered off the hot path and handed on twice a second."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping

from tacit.rollout.arm_traffic import (
    LATENCY_BOUNDS,
    NO_LATENCIES,
    ArmCounts,
    ArmTrafficStore,
    ShadowCounts,
    bucket_of,
)
from tacit.rollout.traffic import Place

FLUSH_SECONDS = 0.5

_KEPT_SECONDS = 60.0
"""How long a place is kept of which nothing more is counted: an answer that began there may still be under way."""

Counts = Mapping[str, ArmCounts]


class ArmTally:
    """Counts one arm's requests; a call takes less than a microsecond, and a tally does not grow with them."""

    __slots__ = ("_degraded", "_errors", "_latencies", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latencies = list(NO_LATENCIES)
        self._errors = self._degraded = 0

    def count(self, seconds: float, *, is_failed: bool, is_degraded: bool) -> None:
        """Count one request.

        Args:
            seconds: How long it took.
            is_failed: Whether the arm's version failed, whoever answered in its place.
            is_degraded: Whether the answer was not the one we wanted to give.
        """
        bucket = bisect_left(LATENCY_BOUNDS, seconds)
        with self._lock:
            self._latencies[bucket] += 1
            if is_failed:
                self._errors += 1
            if is_degraded:
                self._degraded += 1

    def take(self) -> ArmCounts:
        """What was counted since this was asked last."""
        with self._lock:
            latencies, self._latencies = self._latencies, list(NO_LATENCIES)
            errors, self._errors = self._errors, 0
            degraded, self._degraded = self._degraded, 0
        return ArmCounts(sum(latencies), errors, degraded, tuple(latencies))


class ShadowTally:
    """Counts what comparing a shadow's answers came to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = ShadowCounts()

    def add(self, counts: ShadowCounts) -> None:
        """Count what is found out of one request, or of several."""
        with self._lock:
            self._counts += counts

    def take(self) -> ShadowCounts:
        """What was counted since this was asked last."""
        with self._lock:
            counts, self._counts = self._counts, ShadowCounts()
        return counts


class ArmTallies:
    """All tallies of this process, and the thread that hands them to the store from `start` to `stop`.

    What the store does not take is kept, added up with what comes, and handed to it again: nothing is lost while the
    process lives, and it takes no more room than one sum for each arm.  A store that took it without being able to say
    so counts it twice.

    Args:
        store: Sums what all processes counted.
        failed: Told of each time the store did not take it.
        flush_seconds: The time between two handings.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        store: ArmTrafficStore,
        *,
        failed: Callable[[Exception], None],
        flush_seconds: float = FLUSH_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._failed = failed
        self._flush_seconds = flush_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._handing = threading.Lock()
        self._arms: dict[Place, ArmTally] = {}
        self._shadows: dict[str, ShadowTally] = {}
        self._used_at: dict[Place | str, float] = {}
        self._waiting: dict[tuple[str, str], Counts] = {}
        self._shadows_waiting: dict[str, ShadowCounts] = {}
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def of_arm(self, place: Place) -> ArmTally:
        """Where an arm's requests are counted; to be kept, by `keep_arm`, as long as they are."""
        with self._lock:
            self._used_at[place] = self._clock()
            return self._arms.setdefault(place, ArmTally())

    def of_shadow(self, split_id: str) -> ShadowTally:
        """Where a shadow's answers are counted, likewise."""
        with self._lock:
            self._used_at[split_id] = self._clock()
            return self._shadows.setdefault(split_id, ShadowTally())

    def keep_arm(self, place: Place, tally: ArmTally) -> None:
        """Go on handing on what is counted there, also where nothing was for so long that it was forgotten."""
        with self._lock:
            self._used_at[place] = self._clock()
            self._arms[place] = tally

    def keep_shadow(self, split_id: str, tally: ShadowTally) -> None:
        """The same of a shadow's answers."""
        with self._lock:
            self._used_at[split_id] = self._clock()
            self._shadows[split_id] = tally

    def start(self) -> None:
        """Hand on twice a second what was counted, until `stop`."""
        self._thread = threading.Thread(target=self._run, name="arm-tallies", daemon=True)
        self._thread.start()

    def stop(self, seconds: float = 5.0) -> None:
        """Hand on what is left."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def flush(self) -> bool:
        """Hand on what was counted; whether the store took all of it."""
        with self._handing:
            self._gather()
            arms = [self._handed(key, counts) for key, counts in list(self._waiting.items())]
            shadows = [self._shadow_handed(key, counts) for key, counts in list(self._shadows_waiting.items())]
        return all((*arms, *shadows))

    def _run(self) -> None:
        while not self._over.wait(self._flush_seconds):
            self.flush()
        self.flush()

    def _gather(self) -> None:
        with self._lock:
            for place, tally in list(self._arms.items()):
                counts = tally.take()
                if counts.requests:
                    self._used_at[place] = self._clock()
                    key = (place.split_id, place.stage)
                    kept = self._waiting.get(key, {})
                    self._waiting[key] = {**kept, place.arm: kept.get(place.arm, ArmCounts()) + counts}
            for split_id, shadow in list(self._shadows.items()):
                compared = shadow.take()
                if compared != ShadowCounts():
                    self._used_at[split_id] = self._clock()
                    self._shadows_waiting[split_id] = self._shadows_waiting.get(split_id, ShadowCounts()) + compared
            self._forget_what_is_over()

    def _forget_what_is_over(self) -> None:
        until = self._clock() - _KEPT_SECONDS
        for key in [each for each, used_at in self._used_at.items() if used_at < until]:
            del self._used_at[key]
            if isinstance(key, Place):
                self._arms.pop(key, None)
            else:
                self._shadows.pop(key, None)

    def _handed(self, key: tuple[str, str], counts: Counts) -> bool:
        return self._try(lambda: self._store.add(*key, counts), lambda: self._waiting.pop(key))

    def _shadow_handed(self, split_id: str, counts: ShadowCounts) -> bool:
        return self._try(lambda: self._store.add_shadow(split_id, counts), lambda: self._shadows_waiting.pop(split_id))

    def _try(self, hand: Callable[[], None], done: Callable[[], object]) -> bool:
        try:
            hand()
        except Exception as error:
            self._failed(error)
            return False
        done()
        return True


def compared(shown: Mapping[str, float], found: Mapping[str, float], *, seconds: tuple[float, float]) -> ShadowCounts:
    """What one answer of a shadow counts for beside the one that was given (pure).

    Args:
        shown: Score of each item that was shown.
        found: Score of each item of the shadow's list.
        seconds: How long the shadow took, and how long what was given took.
    """
    both = shown.keys() & found.keys()
    longer = max(len(shown), len(found))
    return ShadowCounts(
        answered=1,
        overlap=len(both) / longer if longer else 1.0,
        score_shift=sum(abs(shown[item] - found[item]) for item in both) / len(both) if both else 0.0,
        latencies=one_request(seconds[0]),
        served_latencies=one_request(seconds[1]),
    )


def one_request(seconds: float) -> tuple[int, ...]:
    """The buckets of a single request."""
    buckets = list(NO_LATENCIES)
    buckets[bucket_of(seconds)] = 1
    return tuple(buckets)
