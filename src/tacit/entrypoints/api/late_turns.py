"""Whether the event loop's turns have become longer than whoever waits in them can be kept waiting.

What came since the last turn is answered one by one in the next: where that is more than fits, the last of them wait
for all others, and those of the next turn for all of these.  So once turns stay long, a turn answers what it can in a
short while and refuses the rest, which costs little; everybody knows soon.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Protocol

LONG_SECONDS = 0.005
"""Of a turn, from which on those who are still to be heard have waited too long, if the turns before were long too."""
_MEMORY_SECONDS = 0.2
"""How far back it matters how turns were."""
_BEGINS, _ENDS = 0.6, 0.3
"""The share of that time in long turns from which on they are held to stay long, and below which they no longer are."""


class Loop(Protocol):
    """An event loop, as far as it is used here."""

    def call_soon(self, callback: Callable[[], object], /) -> Any: ...


class LateTurns:
    """Looks at the turns of one event loop, each time somebody is heard in one.

    Args:
        clock: Passing time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: float | None = None
        self._is_long = False
        self._share_long = 0.0
        self._ended = clock()
        self.is_standing = False
        """Whether turns stay long."""

    def is_too_late(self, loop: Loop, *, share: float = 1.0) -> bool:
        """Whether somebody who is heard now is to be refused.

        Args:
            loop: The event loop; its own time is set anew within a turn.
            share: Of the time that those have who are given up last.
        """
        now = self._clock()
        if self._began is None:
            self._began = now
            # What is called soon is called when all who are ready now were heard.
            loop.call_soon(self._end_turn)
            return False
        late = now - self._began
        if late > LONG_SECONDS:
            self._is_long = True
        return self.is_standing and late > LONG_SECONDS * share

    def _end_turn(self) -> None:
        now = self._clock()
        weight = 1.0 - math.exp((self._ended - now) / _MEMORY_SECONDS)
        self._share_long += weight * (self._is_long - self._share_long)
        self._began, self._ended, self._is_long = None, now, False
        self.is_standing = self._share_long > (_ENDS if self.is_standing else _BEGINS)
