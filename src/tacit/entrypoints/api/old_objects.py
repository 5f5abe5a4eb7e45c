"""When the interpreter looks for cycles among objects: nobody is answered meanwhile, and requests leave hardly any.

A look takes a third of a microsecond for each object.  The interpreter's own count is of objects made less those given
up, whichever those are: while as many lists are forgotten as are kept, it stands still, the young grow in number, and
then a hundred thousand of them are looked through at once.  So they are looked through by the clock, while they are
few.  The old are hundreds of thousands, lists kept for whoever asks again above all: they wait for a moment in which
nobody asks, or until very many requests may have left something among them.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_YOUNG, _MIDDLING = 2_500, 4
"""New objects after which the young are looked through before it is time to, and looks at them between two at those
that survived one."""
_NEVER = 1_000_000_000
_ENOUGH, _MOST = 5_000, 1_000_000
"""Requests after which the old are looked through as soon as it is quiet, or at once."""
_QUIET_TURNS, _LONG_TURNS = 10, 6_000
"""Turns without a request from which on it is quiet, and after which even few requests are enough."""


class OldObjects:
    """Keeps looks short, and those at the old away from requests.  To be told of time passing ten times a second."""

    def __init__(self) -> None:
        self._answered = self._answered_then = 0
        self._quiet = self._turns = 0

    def set_aside(self) -> None:
        """Never look again at what is there now: what is loaded before the first request stays for good."""
        gc.collect()
        gc.freeze()

    def look_through(self, *, answered: int) -> None:
        """Look for cycles.

        Args:
            answered: How many requests were so far: while that stays, it is quiet.
        """
        self._quiet = self._quiet + 1 if answered == self._answered else 0
        self._answered, self._turns = answered, self._turns + 1
        if self._is_time_for_all():
            self._answered_then, self._turns = answered, 0
            gc.collect()
        else:
            gc.collect(1 if gc.get_count()[1] >= _MIDDLING else 0)

    def _is_time_for_all(self) -> bool:
        since = self._answered - self._answered_then
        if self._quiet < _QUIET_TURNS:
            return since >= _MOST
        return since >= _ENOUGH or self._turns >= _LONG_TURNS


@contextmanager
def rare_collections() -> Iterator[None]:
    """Have the interpreter look at few objects at a time, and at the old ones never of itself."""
    before = gc.get_threshold()
    gc.set_threshold(_YOUNG, _MIDDLING, _NEVER)
    try:
        yield
    finally:
        gc.set_threshold(*before)
