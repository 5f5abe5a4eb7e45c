"""Counting further requests of somebody whose first one was counted, for less than finding out anew what counts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from tacit.monitoring import guard_metrics as catalogue
from tacit.monitoring.interfaces import MetricSink
from tacit.security.guard_keeper import GuardKeeper
from tacit.security.limiting import Allowance, Ask, Taken, headers_of


class CountedAgain:
    """An `Again` that counts on for a caller.

    Args:
        keeper: Knows whether limits are strict.
        takes: What each of their requests takes, and how.
        metrics: Told of what came of it.
    """

    def __init__(
        self,
        keeper: GuardKeeper,
        takes: Sequence[tuple[Ask, Callable[[], Taken]]],
        metrics: MetricSink,
    ) -> None:
        self._keeper = keeper
        self._takes = [
            (take, metrics.series(catalogue.LIMIT_CHECKS, tier=ask.tier, outcome="passed"), _limit_lines(ask))
            for ask, take in takes
        ]
        self._was_strict = keeper.is_strict

    def __call__(self) -> bytes | None:
        if self._keeper.is_strict != self._was_strict:
            return None
        lines = b""
        for take, passed, always in self._takes:
            taken = take()
            if not taken:
                return None  # and whoever asks again is told so
            passed.increment()
            # Of several limits the last one's is told, as `HEADERS` has it.
            lines = always % (max(0, taken.remaining), max(0, math.ceil(taken.reset_seconds)))
        return lines


def _limit_lines(ask: Ask) -> bytes:
    """What an answer says of a limit, with places for what is left of it and when there is more."""
    said = headers_of(Allowance(ask, True, 0, 0.0))
    places = {"RateLimit-Remaining": "%d", "RateLimit-Reset": "%d"}
    return "".join([f"{name}: {places.get(name, value)}\r\n" for name, value in said.items()]).encode()
