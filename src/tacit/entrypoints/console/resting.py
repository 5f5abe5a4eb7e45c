"""What is dear to read and looked at often: read again only once it has rested."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
K = TypeVar("K")

_MOST = 32


class Rested(Generic[K, T]):
    """Answers of a dear question, each given again for `rest` times as long as reading it took.

    Args:
        read: The question, by what it is about.
        rest: How many times as long.
        least: Seconds for which an answer is given again in any case.
        timer: Seconds that never go back.
    """

    def __init__(
        self,
        read: Callable[[K], T],
        *,
        rest: float = 20.0,
        least: float = 5.0,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._rest, self._least, self._timer = read, rest, least, timer
        self._lock = threading.Lock()
        self._known: dict[K, tuple[float, T]] = {}

    def __call__(self, about: K) -> T:
        """The answer: what was read lately, or what is read now; one at a time reads."""
        with self._lock:
            began, known = self._timer(), self._known.get(about)
            if known is not None and began < known[0]:
                return known[1]
            found = self._read(about)
            ended = self._timer()
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[about] = (ended + max(self._least, self._rest * (ended - began)), found)
            return found

    def forget(self) -> None:
        """Read everything anew: somebody has changed it."""
        with self._lock:
            self._known.clear()
