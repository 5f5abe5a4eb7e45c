"""A version that is asked what users ask, in secret: off the hot path, beside it at most, and seen by nobody."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tacit.rollout.arm_traffic import ShadowCounts
from tacit.serving.answers import Recommendation, Source
from tacit.serving.arm_tallies import ShadowTally, compared
from tacit.serving.fallback import Outcome
from tacit.serving.ladder import Coldstart
from tacit.serving.list_making import Failed, Maker, Wish
from tacit.serving.model_pool import LoadedVersion

CAPACITY = 256
"""Requests that may wait for a shadow; those beyond are given up."""

_MOST_SECONDS = 0.25
"""The longest rest after an answer."""

InSecret = Callable[[Maker, Wish, Failed], Outcome]
"""Computes a list that nobody sees."""

MIRRORED = ShadowCounts(mirrored=1)
FAILED = ShadowCounts(errors=1)
DROPPED = ShadowCounts(dropped=1)


@dataclass(frozen=True, slots=True)
class _Mirrored:
    wish: Wish
    shown: Sequence[Recommendation]
    seconds: float
    ask: InSecret


def nothing() -> None:
    """No need to step back."""


class Shadowing:
    """One shadow: a queue of requests, and a thread that asks it one after the other.

    The thread steps back behind all others and rests after each answer for as long as that took, so that it takes half
    of one core at most.  What waits is bounded; what finds no room is counted and gone.  A shadow that hangs holds up
    its own thread alone.

    Args:
        loaded: The version; `None` where it cannot be had, so that it fails at whatever it is asked.
        rungs: The cold-start ladder that holds for everybody.
        share: How many of the requests it gets, from 0 to 1.
        tally: Where it is counted.
        step_back: Gives the calling thread the lowest priority.
        draw: Draws a number in [0, 1).
        timer: Measures how long an answer takes, in seconds.
    """

    def __init__(
        self,
        loaded: LoadedVersion | None,
        rungs: Coldstart,
        *,
        share: float,
        tally: ShadowTally,
        step_back: Callable[[], None] = nothing,
        draw: Callable[[], float] = random.random,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.loaded = loaded
        self._by = None if loaded is None else Maker(loaded, rungs, is_champion=False)
        self._share = share
        self.tally = tally
        self._step_back = step_back
        self._draw = draw
        self._timer = timer
        self._waiting: deque[_Mirrored] = deque()
        self._come = threading.Event()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Ask what is offered from now on, until `stop`."""
        if self._by is not None:
            self._thread = threading.Thread(target=self._run, args=(self._by,), name="shadow", daemon=True)
            self._thread.start()

    def stop(self, seconds: float = 0.0) -> None:
        """Ask nothing more; what waits is given up, and a thread that hangs is left behind.

        Args:
            seconds: How long the answer under way is waited for.
        """
        self._over.set()
        self._come.set()
        if self._thread is not None and seconds:
            self._thread.join(seconds)

    def offer(self, wish: Wish, shown: Sequence[Recommendation], seconds: float, *, ask: InSecret) -> None:
        """Have the shadow asked what a user asked, if it is its share; takes microseconds, never waits, never raises.

        Args:
            wish: What was asked.
            shown: What the user was given.
            seconds: How long that took.
            ask: Computes a list from the shadow.
        """
        if self._draw() >= self._share or not self._can_be_asked(wish):
            return
        self.tally.add(MIRRORED)
        if self._by is None:
            self.tally.add(FAILED)
        elif self._over.is_set() or len(self._waiting) >= CAPACITY:
            self.tally.add(DROPPED)
        else:
            self._waiting.append(_Mirrored(wish, shown, seconds, ask))
            self._come.set()

    def _can_be_asked(self, wish: Wish) -> bool:
        """Whether there are the categories that are asked for; that there is none is no failure."""
        return self.loaded is None or all(each in self.loaded.model.categories for each in wish.rules.categories)

    def _run(self, by: Maker) -> None:
        self._step_back()
        while not self._over.is_set():
            self._come.wait()
            self._come.clear()
            while self._waiting and not self._over.is_set():
                began = self._timer()
                self._ask(by, self._waiting.popleft())
                self._over.wait(min(_MOST_SECONDS, self._timer() - began))
        self.tally.add(ShadowCounts(dropped=len(self._waiting)))
        self._waiting.clear()

    def _ask(self, by: Maker, mirrored: _Mirrored) -> None:
        began = self._timer()
        failures: list[Source] = []
        try:
            outcome = mirrored.ask(by, mirrored.wish, lambda source, *_: failures.append(source))
        except Exception:
            self.tally.add(FAILED)
            return
        if failures:
            self.tally.add(FAILED)
            return
        seconds = (self._timer() - began, mirrored.seconds)
        self.tally.add(compared(_scores(mirrored.shown), _scores(outcome.items), seconds=seconds))


def _scores(items: Sequence[Recommendation]) -> dict[str, float]:
    return {item.item_id: item.score for item in items}
