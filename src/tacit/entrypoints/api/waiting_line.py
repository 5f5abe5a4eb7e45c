"""What admission counts with: the room a request takes up, a place in the line, and how hard the latest had it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from tacit.serving.budgets import Pressure

_WEIGHT = 0.05
"""Of the latest question in the shares of those that had to wait and that were refused."""
_FORGOTTEN_SECONDS = 1.0
_LATE_SECONDS = 0.02
_ONCE_MORE_SECONDS = 0.05


class Occupied:
    """What a request takes up of its pool."""

    __slots__ = ("_at_work", "_freed", "_is_in", "_left_at", "began", "out_seconds", "pool")

    def __init__(self, at_work: dict[str, int], pool: str, *, began: float, freed: Callable[[], None]) -> None:
        self._at_work, self.pool, self.began, self._freed = at_work, pool, began, freed
        self._is_in = True
        self._left_at = self.out_seconds = 0.0

    @property
    def is_out(self) -> bool:
        """Whether it takes up nothing now."""
        return not self._is_in

    def step_out(self) -> None:
        if self._is_in:
            self._is_in = False
            self._at_work[self.pool] -= 1
            self._left_at = time.monotonic()
            self._freed()

    def step_in(self) -> None:
        if not self._is_in:
            self._is_in = True
            self._at_work[self.pool] += 1
            self.out_seconds += time.monotonic() - self._left_at


class Ticket:
    """A place in the line, for so many seconds.

    Where the event loop stood still at their end, it is kept for a moment more: room came free meanwhile, of which
    nobody could tell yet.
    """

    __slots__ = ("_due", "_has_more", "_seconds", "_timer", "called", "is_over")

    def __init__(self, called: asyncio.Future[bool], seconds: float) -> None:
        self.called = called
        self.is_over = False
        self._seconds, self._has_more = seconds, True
        self._wait(seconds)

    def tell(self, is_let_in: bool) -> bool:
        """Say whether there is room; `False` if it was said already that there is none."""
        if self.called.done() or self.is_over:
            return False
        self.called.set_result(is_let_in)
        return True

    def end(self) -> None:
        """Leave the line."""
        self.is_over = True
        self._timer.cancel()

    def _wait(self, seconds: float) -> None:
        # Not by the loop's own time, which may be that of when it began its turn.
        self._due = time.monotonic() + seconds
        self._timer = self.called.get_loop().call_later(seconds, self._is_up)

    def _is_up(self) -> None:
        if self._has_more and time.monotonic() - self._due > _LATE_SECONDS:
            self._has_more = False
            self._wait(min(self._seconds, _ONCE_MORE_SECONDS))
        else:
            self.tell(False)


class Strain:
    """Which share of the latest questions had to wait, and which was refused; forgotten when none came for a while."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waited = self._refused = 0.0
        self._told_at = clock()
        self._pressure: Pressure = 0

    @property
    def pressure(self) -> Pressure:
        if self._pressure and self._clock() - self._told_at > _FORGOTTEN_SECONDS:
            self._waited = self._refused = 0.0
            self._pressure = 0
        return self._pressure

    def told(self, *, waited: bool = False, refused: bool = False) -> None:
        """A question came."""
        self._told_at = self._clock()
        self._waited += _WEIGHT * (waited - self._waited)
        self._refused += _WEIGHT * (refused - self._refused)
        # What was begun is ended lower than it began, so that it does not flicker.
        if self._refused > (0.02 if self._pressure == 2 else 0.1):
            self._pressure = 2
        elif self._waited > (0.25 if self._pressure else 0.5):
            self._pressure = 1
        else:
            self._pressure = 0
