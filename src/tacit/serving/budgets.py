"""What an answer may still cost: time, and how much of a list, as whoever lets requests in says."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

Pressure = Literal[0, 1, 2]
"""0: there is room for all. 1: questions wait for their turn. 2: some are refused."""


class Budget:
    """The means of one request; steps look at what is left of them, and are skipped for a cheaper one.

    Args:
        soft_until: Moment of `time.monotonic()` from which only the cheapest step is taken.
        until: Moment by which the request is answered, with or without us.
        pressure: How scarce room is.
        reduced_limit: The longest list under pressure.

    Attributes:
        is_cut: Whether a list was made shorter than asked for.
    """

    __slots__ = ("_reduced_limit", "_soft_until", "is_cut", "pressure", "until")

    def __init__(
        self,
        *,
        soft_until: float = math.inf,
        until: float = math.inf,
        pressure: Pressure = 0,
        reduced_limit: int = 1_000,
    ) -> None:
        self._soft_until, self.until = soft_until, until
        self.pressure: Pressure = pressure
        self._reduced_limit = reduced_limit
        self.is_cut = False

    @property
    def is_tight(self) -> bool:
        """Whether a list that was kept, even an old one, is better than one that is worked out."""
        return self.pressure > 0 or self.is_spent

    @property
    def is_spent(self) -> bool:
        """Whether only the cheapest step is to be taken."""
        return self.pressure > 1 or time.monotonic() >= self._soft_until

    @property
    def left(self) -> float:
        """Seconds until the request is answered without us."""
        return max(0.0, self.until - time.monotonic())

    @property
    def soft_left(self) -> float | None:
        """Seconds until only the cheapest step is to be taken; `None` for ever."""
        return None if self._soft_until == math.inf else max(0.0, self._soft_until - time.monotonic())

    def postponed(self, seconds: float) -> None:
        """Add what the sender of a request took to send it."""
        self._soft_until, self.until = self._soft_until + seconds, self.until + seconds

    def fitted(self, limit: int) -> int:
        """How long a list may be of which so many items are asked; remembers whether it is cut."""
        if self.pressure == 0 or limit <= self._reduced_limit:
            return limit
        self.is_cut = True
        return self._reduced_limit


_UNBOUNDED = Budget()
_current: ContextVar[Budget] = ContextVar("tacit_budget", default=_UNBOUNDED)


def current_budget() -> Budget:
    """That of the request being answered; an unbounded one where nobody let it in."""
    return _current.get()


def spend(budget: Budget) -> None:
    """Have what is answered from now on in this context, which nobody else has, keep to a budget."""
    _current.set(budget)


@contextmanager
def spending(budget: Budget) -> Iterator[None]:
    """Have what is answered meanwhile, also in threads that are given this context, keep to a budget."""
    token = _current.set(budget)
    try:
        yield
    finally:
        _current.reset(token)
