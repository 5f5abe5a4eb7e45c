"""A circuit breaker: who calls something that fails is spared the waiting, until one call in a while has come through.

Ours because those at hand let every caller through while half open, or never open where a caller is asynchronous.  It
runs no code of its callers and starts no thread: they ask for a pass, call, and say how that went.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Literal, Protocol, TypeVar

from tacit.errors import TacitError, Unavailable

T = TypeVar("T")
State = Literal["closed", "open", "half_open"]


class Rule(Protocol):
    """Decides when failures are too many.  Asked under the breaker's lock."""

    @property
    def needs_successes(self) -> bool:
        """Whether it must hear of successes although nothing has failed."""
        ...

    def failed(self, now: float) -> bool:
        """Hear of a failure; whether it is one too many."""
        ...

    def succeeded(self, now: float) -> None:
        """Hear of a success."""
        ...

    def forget(self) -> None:
        """Begin anew."""
        ...


class Row:
    """Too many are so many in a row, or one so long after the first of a row.

    Args:
        failures: How many in a row.
        within_seconds: How long a row of fewer may last before one more is too many.
    """

    needs_successes = False

    def __init__(self, failures: int, within_seconds: float) -> None:
        self._failures, self._within = failures, within_seconds
        self._row, self._began = 0, 0.0

    def failed(self, now: float) -> bool:
        if self._row == 0:
            self._began = now
        self._row += 1
        self.needs_successes = True
        return self._row >= self._failures or now - self._began >= self._within

    def succeeded(self, now: float) -> None:
        self.forget()

    def forget(self) -> None:
        self._row = 0
        self.needs_successes = False


class Share:
    """Too many are a share of the latest calls, once there were enough to tell.

    Args:
        share: Of the calls.
        calls: How many it takes.
        seconds: How far back calls count.
    """

    needs_successes = True

    def __init__(self, share: float = 0.5, *, calls: int = 20, seconds: float = 10.0) -> None:
        self._share, self._calls, self._seconds = share, calls, seconds
        self._slots: deque[list[float]] = deque()
        """Of a tenth of that time each: when it began, its calls, and those of them that failed."""

    def failed(self, now: float) -> bool:
        self._count(now, failures=1)
        calls = sum(slot[1] for slot in self._slots)
        return calls >= self._calls and sum(slot[2] for slot in self._slots) >= self._share * calls

    def succeeded(self, now: float) -> None:
        self._count(now, failures=0)

    def forget(self) -> None:
        self._slots.clear()

    def _count(self, now: float, *, failures: int) -> None:
        while self._slots and now - self._slots[0][0] > self._seconds:
            self._slots.popleft()
        if not self._slots or now - self._slots[-1][0] > self._seconds / 10:
            self._slots.append([now, 0, 0])
        self._slots[-1][1] += 1
        self._slots[-1][2] += failures


class Breaker:
    """Closed, it admits everybody; open, nobody; half open, one at a time.

    It opens when its rule finds failures too many; a call that took too long is one. Open, it waits: `cooldown_seconds`
    at first, twice as long after each probe that failed, up to `longest_cooldown_seconds`; then whoever asks first is
    the probe. A probe that never reports is given up after as long again. Only who was admitted is counted, and only
    what was admitted since the state last changed: a call that comes back late neither opens nor closes anything.

    Args:
        failures: How many in a row open it, unless a rule is given.
        within_seconds: How long a row of fewer may last before one more opens it.
        rule: Decides in place of these.
        slow_seconds: From how long on a call that came back in order counts as a failure.
        cooldown_seconds: How long it is open before it is probed.
        longest_cooldown_seconds: Longest time between two probes.
        clock: Tells passing time in seconds.
    """

    def __init__(
        self,
        *,
        failures: int = 3,
        within_seconds: float = 1.0,
        rule: Rule | None = None,
        slow_seconds: float = float("inf"),
        cooldown_seconds: float = 0.25,
        longest_cooldown_seconds: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rule = rule or Row(failures, within_seconds)
        self._slow = slow_seconds
        self._shortest, self._longest = cooldown_seconds, longest_cooldown_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._state: State = "closed"
        self._age = 0
        """Counts the changes of state; a pass of an earlier age counts for nothing."""
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

    def succeeded(self, admitted: int, *, seconds: float = 0.0) -> None:
        """A call of this pass came back in order, after so long."""
        if seconds >= self._slow:
            self.failed(admitted)
            return
        if self._state == "closed" and not self._rule.needs_successes:
            return
        with self._lock:
            if admitted != self._age:
                return
            if self._state == "closed":
                self._rule.succeeded(self._clock())
            else:
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
            elif self._rule.failed(self._clock()):
                self._change("open", self._clock() + self._cooldown)

    def told(self, admitted: int, error: TacitError, *, seconds: float = 0.0) -> None:
        """A call of this pass raised: who cannot be reached, or not in time, has failed; a refusal is an answer."""
        if error.code in _UNASKED and self._state == "closed":
            return
        if isinstance(error, Unavailable) and error.code not in _ANSWERS:
            self.failed(admitted)
        else:
            self.succeeded(admitted, seconds=seconds)

    def trip(self) -> None:
        """Open, whatever was counted."""
        with self._lock:
            self._change("open", self._clock() + self._cooldown)

    def _change(self, state: State, until: float) -> None:
        self._state, self._until = state, until
        self._rule.forget()
        self._age += 1


def spared(
    breaker: Breaker,
    dependency: str,
    call: Callable[[], T],
    *,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """What a call answers, unless the breaker is open.

    Only who cannot be reached or does not answer in time has failed: a refusal is an answer.

    Raises:
        Unavailable: `<dependency>_spared` if it is; else whatever the call raises.
    """
    admitted = breaker.admit()
    if admitted is None:
        detail = f"The {dependency} cannot be asked now; it is tried again every few seconds."
        raise Unavailable(f"{dependency}_spared", detail, fix="Try again in a moment.")
    began = clock()
    try:
        answer = call()
    except TacitError as error:
        breaker.told(admitted, error, seconds=clock() - began)
        raise
    except BaseException:
        breaker.failed(admitted)
        raise
    breaker.succeeded(admitted, seconds=clock() - began)
    return answer


_ANSWERS = frozenset({"database_conflict", "database_read_only", "storage_full"})
"""Codes of what a dependency says itself, promptly."""

_UNASKED = frozenset({"database_busy"})
"""Codes of calls that were not even made, and say nothing; a probe that could not be made has failed."""
