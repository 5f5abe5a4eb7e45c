"""A circuit breaker: who calls something that fails is spared the waiting, until one call in a while has come through.

Ours because those at hand let every caller through while half open, or never open where a caller is asynchronous.  It
runs no code of its callers and starts no thread: they ask for a pass, call, and say how that went.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

State = Literal["closed", "open", "half_open"]


class Breaker:
    """Closed, it admits everybody; open, nobody; half open, one at a time.

    It opens after so many failures in a row, or with a failure so long after the first of the row; a success ends the
    row.  Open, it waits: `cooldown_seconds` at first, twice as long after each probe that failed, up to
    `longest_cooldown_seconds`; then whoever asks first is the probe.  A probe that never reports is given up after as
    long again.  Only who was admitted is counted, and only what was admitted since the state last changed: a call that
    comes back late neither opens nor closes anything.

    Args:
        failures: How many in a row open it.
        within_seconds: How long a row of fewer may last before one more opens it.
        cooldown_seconds: How long it is open before it is probed.
        longest_cooldown_seconds: Longest time between two probes.
        clock: Tells passing time in seconds.
    """

    def __init__(
        self,
        *,
        failures: int = 3,
        within_seconds: float = 1.0,
        cooldown_seconds: float = 0.25,
        longest_cooldown_seconds: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._failures, self._within = failures, within_seconds
        self._shortest, self._longest = cooldown_seconds, longest_cooldown_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._state: State = "closed"
        self._age = 0
        """Counts the changes of state; a pass of an earlier age counts for nothing."""
        self._row = 0
        self._row_began = 0.0
        self._cooldown = cooldown_seconds
        self._until = 0.0

    @property
    def state(self) -> State:
        """What it is."""
        return self._state

    @property
    def is_closed(self) -> bool:
        """Whether everybody is admitted."""
        return self._state == "closed"

    def admit(self) -> int | None:
        """A pass for one call, to be handed back with how it went; `None` if the call must not be made."""
        with self._lock:
            if self._state == "closed":
                return self._age
            if self._clock() < self._until:
                return None
            self._change("half_open", self._clock() + self._cooldown)
            return self._age

    def succeeded(self, admitted: int) -> None:
        """A call of this pass came back in order."""
        if self._row == 0 and self._state == "closed":
            return
        with self._lock:
            if admitted != self._age:
                return
            self._row = 0
            if self._state != "closed":
                self._cooldown = self._shortest
                self._change("closed", 0.0)

    def failed(self, admitted: int) -> None:
        """A call of this pass failed."""
        with self._lock:
            if admitted != self._age:
                return
            if self._state == "half_open":
                self._cooldown = min(2 * self._cooldown, self._longest)
                self._change("open", self._clock() + self._cooldown)
            elif self._is_row_over():
                self._change("open", self._clock() + self._cooldown)

    def trip(self) -> None:
        """Open, whatever was counted."""
        with self._lock:
            self._change("open", self._clock() + self._cooldown)

    def _is_row_over(self) -> bool:
        now = self._clock()
        if self._row == 0:
            self._row_began = now
        self._row += 1
        return self._row >= self._failures or now - self._row_began >= self._within

    def _change(self, state: State, until: float) -> None:
        self._state, self._until, self._row = state, until, 0
        self._age += 1
