"""Counting what was asked, in this process: every take is remembered for as long as its window.

So no window, wherever it begins, ever holds more than the limit.  The library's strategy over a storage of ours: its
own storage in memory starts a thread every ten milliseconds that looks at every caller, and never forgets one.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from limits import RateLimitItem
from limits.limits import Granularity
from limits.storage import Storage
from limits.storage.base import MovingWindowSupport
from limits.strategies import MovingWindowRateLimiter

from tacit.security.limiting import DAY, Allowance, Ask, Taken

MAX_CALLERS = 20_000
"""Callers counted apart at once, of each kind of window."""
_SHARED = 1_024
"""Buckets that those share who come beyond."""


class Window(RateLimitItem):
    """A limit as the library knows it, of so much in any so many seconds."""

    GRANULARITY: ClassVar[Granularity] = Granularity(1, "tacit_second")

    def key_for(self, *identifiers: bytes | str | float) -> str:
        """A name without the amount, so that a limit that is changed counts on from where it was."""
        return f"{self.multiples}:{identifiers[0]!s}"


class WindowStorage(Storage, MovingWindowSupport):
    """The moments of what was taken, the oldest first, for a bounded number of callers.

    Where as many are counted as can be, a new caller shares a bucket with others, which can only be too strict; but one
    of a day's window takes the place of whoever was quiet for longest, since they are free of charge to invent, and
    limited in each minute anyway.
    """

    STORAGE_SCHEME = None

    def __init__(self, *, callers: int = MAX_CALLERS, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._most, self._clock = callers, clock
        self._tables: dict[int, OrderedDict[str, deque[float]]] = {}
        self._lock = threading.Lock()

    def acquire_entry(self, key: str, limit: int, expiry: int, *, amount: int = 1) -> Taken:  # type: ignore[override]
        now = self._clock()
        with self._lock:
            taken = self._of(key, expiry, now)
            while taken and taken[0] <= now - expiry:
                taken.popleft()
            left = limit - len(taken)
            if left < amount:
                freed = min(amount - left, len(taken)) - 1
                wait = taken[freed] + expiry - now if taken else float(expiry)
                return Taken.of(False, max(0, left), wait)
            taken.extend([now] * amount)
            return Taken.of(True, left - amount, taken[0] + expiry - now)

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        now = self._clock()
        with self._lock:
            taken = [each for each in self._tables.get(expiry, OrderedDict()).get(key, ()) if each > now - expiry]
        return (taken[0], len(taken)) if taken else (now, 0)

    def _of(self, key: str, expiry: int, now: float) -> deque[float]:
        table = self._tables.setdefault(expiry, OrderedDict())
        taken = table.get(key)
        if taken is not None:
            table.move_to_end(key)
            return taken
        if len(table) >= self._most:
            quiet = next(iter(table))
            last = table[quiet]
            if expiry < DAY and last and last[-1] > now - expiry:
                return table.setdefault(f"shared:{zlib.crc32(key.encode()) % _SHARED}", deque())
            del table[quiet]
        table[key] = deque()
        return table[key]

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        return ValueError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        raise NotImplementedError("windows are moving here, and no counters are kept")

    def get(self, key: str) -> int:
        return sum(len(table[key]) for table in self._tables.values() if key in table)

    def get_expiry(self, key: str) -> float:
        return self._clock()

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        with self._lock:
            count = sum(map(len, self._tables.values()))
            self._tables.clear()
        return count

    def clear(self, key: str) -> None:
        with self._lock:
            for table in self._tables.values():
                table.pop(key, None)


class Limiter(Protocol):
    """Counts what is taken: no window of a limit's length, wherever it begins, ever holds more than the limit."""

    @property
    def is_immediate(self) -> bool:
        """Whether `take` never waits."""
        ...

    def counting(self, ask: Ask) -> Callable[[], Taken] | None:
        """`take` of the same again and again, for who cannot wait; `None` where one must."""
        ...

    async def take(self, ask: Ask) -> Allowance:
        """Take it, or find that there is too little left: then nothing is taken."""
        ...

    async def close(self) -> None:
        """Let go of what belongs to this event loop."""
        ...


class MemoryLimiter:
    """A `Limiter` of this process alone.

    Args:
        share: What every limit is multiplied by, where several processes give out of one.
        storage: Where takes are remembered.
    """

    is_immediate = True

    def __init__(self, *, share: float = 1.0, storage: WindowStorage | None = None) -> None:
        self._share = share
        self._storage = storage or WindowStorage()
        self._strategy = MovingWindowRateLimiter(self._storage)

    def counting(self, ask: Ask) -> Callable[[], Taken]:
        window, cost = self._window(ask)
        key, take = window.key_for(ask.key), self._storage.acquire_entry
        return lambda: take(key, window.amount, ask.seconds, amount=cost)

    async def take(self, ask: Ask) -> Allowance:
        return self.take_now(ask)

    async def close(self) -> None:
        """Nothing is held."""

    def take_now(self, ask: Ask) -> Allowance:
        """The same, at once."""
        window, cost = self._window(ask)
        return allowance_of(ask, self._strategy.hit(window, ask.key, cost=cost))

    def _window(self, ask: Ask) -> tuple[Window, int]:
        """This process' share of a limit, and what is taken of it."""
        amount = ask.amount if self._share == 1.0 else max(1, int(ask.amount * self._share))
        return Window(amount, ask.seconds), min(ask.cost, amount)


def allowance_of(ask: Ask, taken: Any) -> Allowance:
    """What a storage of ours found, as a room reads it."""
    return Allowance(ask, bool(taken), taken.remaining, max(0.0, taken.reset_seconds))
