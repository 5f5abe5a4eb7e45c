"""The line of those who are answered in the event loop's own turns: each turn answers for a moment, and then listens.

Whoever is worked for keeps everybody else from being heard, also those who are only to be told that there is no room.
So a turn first hears all who came, refuses those who would wait for too long, and then answers one, or as many as fit
into a moment; the rest waits for the next turns, in the order in which they came.
"""

from __future__ import annotations

import math
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

SLICE_SECONDS = 0.001
"""Of a turn in which answers are begun."""
MOST_GIVEN = 16
"""Answers that lie ready and are given in a turn whoever waits: together they take about as long."""
SHORT_SECONDS = 0.005
"""Longest wait once the line stays: a longer one makes everybody late and serves nobody more."""
_TURN_SECONDS = 0.001
"""Of a thread, before another may have the interpreter."""
_MEMORY_SECONDS = 0.4
"""How far back it matters whether somebody waited."""
_BEGINS, _ENDS = 0.9, 0.5
"""The share of that time with somebody in line from which on it is held to stay, and below which it no longer is."""
_FIRST_GUESS, _WEIGHT, _MOST_TIMES = 0.002, 0.05, 4.0
"""Of the time from one answer to the next: the first guess, the weight of the latest, and as what a pause counts."""


class Loop(Protocol):
    """An event loop, as far as it is used here."""

    def call_soon(self, callback: Callable[[Any], object], argument: Any, /) -> Any: ...


class TurnLine:
    """Says who is answered at once, who may wait, and answers those.  For one event loop.

    A burst waits until all of it is answered, as far as that takes no longer than a question may wait at all.

    Args:
        longest_seconds: How long somebody may wait while the line does not stay.
        clock: Passing time in seconds.

    Attributes:
        is_standing: Whether the line stays: nearly always somebody waits.
        is_full: Whether somebody was told in this turn that there is no room: so nobody else has any before the next.
    """

    def __init__(self, longest_seconds: float = 0.1, clock: Callable[[], float] = time.monotonic) -> None:
        self._longest = max(longest_seconds, SHORT_SECONDS)
        self._clock = clock
        self._line: deque[Callable[[], object]] = deque()
        self._began: float | None = None
        self._is_called = False
        self._given = 0
        self._each = _FIRST_GUESS
        self._is_waited_in = False
        self._share = 0.0
        self._noted = self._answered = clock()
        self.is_standing = self.is_full = False

    def __len__(self) -> int:
        """How many wait."""
        return len(self._line)

    def is_free(self, loop: Loop) -> bool:
        """Whether somebody who is heard now is to be answered before anybody else is heard."""
        if self._began is None:
            self._begin(loop)
            return not self._line
        return not self._line and self._clock() - self._began < SLICE_SECONDS

    def _begin(self, loop: Loop) -> None:
        self._began = self._clock()
        self._note(self._began)
        self._call(loop)

    def may_give(self, loop: Loop) -> bool:
        """Whether what lies ready may be given before anybody's turn: so many in each, for it takes little time."""
        if self._began is None:
            self._begin(loop)
        self._given += 1
        return self._given <= MOST_GIVEN

    def has_room(self, share: float = 1.0) -> bool:
        """Whether somebody may wait.

        Args:
            share: Of the wait of those who are given up last.
        """
        longest = SHORT_SECONDS if self.is_standing else self._longest
        waiting = len(self._line) * self._each
        if self._line and waiting >= longest:
            self.is_full = True
        return not self._line or waiting < longest * share

    def wait(self, loop: Loop, answer: Callable[[], object]) -> None:
        """Have somebody answered in their turn."""
        self._line.append(answer)
        if len(self._line) == 1:
            self._answered = self._clock()
            self._note(self._answered)
        self._call(loop)

    def _call(self, loop: Loop) -> None:
        """Have the next turn begun where this one ends: what is called soon is called when all who came were heard."""
        if not self._is_called:
            self._is_called = True
            loop.call_soon(self._turn, loop)

    def _turn(self, loop: Loop) -> None:
        self._is_called, self._began, self._given = False, None, 0
        try:
            self._answer_some()
        finally:
            if self._line:
                self._call(loop)

    def _answer_some(self) -> None:
        self.is_full = False
        now = self._clock()
        until = now + SLICE_SECONDS
        while self._line and now < until:
            self._line.popleft()()
            before, now = self._answered, self._clock()
            self._answered = now
            self._learn(now - before)
        self._note(now)

    def _learn(self, seconds: float) -> None:
        """Learn how long it takes from one answer to the next, with all that is done between them."""
        self._each += _WEIGHT * (min(seconds, _MOST_TIMES * self._each) - self._each)

    def _note(self, now: float) -> None:
        """Note for how long somebody, or nobody, has waited by now, and whether anybody does from now on."""
        weight = 1.0 - math.exp((self._noted - now) / _MEMORY_SECONDS)
        self._share += weight * (self._is_waited_in - self._share)
        self._noted, self._is_waited_in = now, bool(self._line)
        self.is_standing = self._share > (_ENDS if self.is_standing else _BEGINS)


@contextmanager
def fair_turns() -> Iterator[None]:
    """Have threads take turns more often: a request passes through several, and waits for each turn."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
