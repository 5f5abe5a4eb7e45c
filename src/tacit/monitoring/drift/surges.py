"""How much goes on from day to day: a cumulative sum that sees a rise or a fall that lasts (pure).

A single day says little, since days differ; many days in a row that all lie on one side say much.  The daily counts are
held against the median of the four weeks before, on the scale of logarithms, so that steady growth is steady, in units
of what is usual for this history; what goes beyond half a unit a day is added up (Page, *Continuous inspection
schemes*, 1954).  Page's own bounds suppose days that are independent and normal, and fire far too often where they are
neither; here the bound comes from the history's own days, drawn again in weeks, so that runs of busy days stay runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tacit.monitoring.drift.happenings import Longs

Floats = NDArray[np.float64]

DAY_MS = 86_400_000
BASE_DAYS = 28
"""Days whose median a day is held against."""
HISTORY_DAYS = 84
"""Days before which say what is usual."""
ALARM = 0.01
"""How often a steady quarter of a year raises a false alarm, about."""
LEAST_RATIO = 1.2
"""How many times as much, or as little, is worth a word."""
_SLACK = 0.5
_ODD = 2.5
"""Days further out count for no more in what is usual: a surge of the past must not hide the next."""
_ROUNDS = 400
_WEEK = 7


@dataclass(frozen=True)
class Surge:
    """A lasting change of how much goes on.

    Attributes:
        began_ms: The day on which it began to add up.
        seen_ms: The day after which it was beyond doubt.
        before: Events a day in the four weeks before.
        after: Events a day since it began, until it was seen.
    """

    began_ms: int
    seen_ms: int
    before: float
    after: float


def surges(at_ms: Longs) -> Iterator[Surge]:
    """Rises and falls of the daily number of events, oldest first.

    Args:
        at_ms: `(events,)`, in the order of time; whole days in UTC are counted, the first and the last left out.
    """
    if not len(at_ms):
        return
    first = int(at_ms[0]) // DAY_MS + 1
    counts = np.bincount(np.maximum(0, at_ms // DAY_MS - first + 1))[1:-1].astype(np.float64)
    away, is_steady = _away(counts), np.arange(len(counts)) >= BASE_DAYS
    day, start = HISTORY_DAYS + BASE_DAYS, 0
    while day < len(counts):
        found = _seen(away, day, away[:day][is_steady[:day]][-HISTORY_DAYS:])
        if found is None:
            return
        start, day = found
        before, after = float(np.median(counts[start - BASE_DAYS : start])), float(counts[start : day + 1].mean())
        # Growth that ends is a change of growth, and not of how much goes on.
        if max(before, after) >= LEAST_RATIO * min(before, after):
            yield Surge((first + start) * DAY_MS, (first + day) * DAY_MS, before, after)
        # The base has to be learnt anew before the next one can be told; what is usual is what it was before.
        is_steady[start : day + BASE_DAYS] = False
        day += BASE_DAYS


def _away(counts: Floats) -> Floats:
    """How far each day lies from the median of those before, as logarithms; 0 where there are none yet."""
    logs = np.log1p(counts)
    away = np.zeros(len(counts))
    for day in range(BASE_DAYS, len(counts)):
        away[day] = logs[day] - np.median(logs[day - BASE_DAYS : day])
    return away


def _seen(away: Floats, first: int, history: Floats) -> tuple[int, int] | None:
    """Where the next change began, and where it was seen, from some day on, if these days were steady."""
    middle, unit = float(np.median(history)), _unit(history)
    units = (history - middle) / unit
    bound = _bound(np.clip(units, -_ODD, _ODD))
    sides = (_crossing(sign * (away[first:] - middle) / unit, bound) for sign in (1, -1))
    found = min((each for each in sides if each is not None), key=lambda each: each[1], default=None)
    return None if found is None else (first + found[0], first + found[1])


def _unit(history: Floats) -> float:
    """The usual distance from the median, as a standard deviation: less than a hundredth is no distance."""
    return max(0.01, 1.4826 * float(np.median(np.abs(history - np.median(history)))))


def _crossing(units: Floats, bound: float) -> tuple[int, int] | None:
    total, began = 0.0, 0
    for day, each in enumerate(units):
        if total <= 0:
            began = day
        total = max(0.0, total + float(each) - _SLACK)
        if total > bound:
            return began, day
    return None


def _bound(units: Floats) -> float:
    """What the sum of a steady quarter does not reach, but for one in a hundred: weeks drawn from the history."""
    rng = np.random.default_rng(0)
    weeks = -(-HISTORY_DAYS // _WEEK)
    starts = rng.integers(0, len(units) - _WEEK + 1, (_ROUNDS, weeks))
    drawn = units[starts[:, :, None] + np.arange(_WEEK)].reshape(_ROUNDS, -1)
    highest = np.zeros(_ROUNDS)
    for sign in (1, -1):
        total = np.zeros(_ROUNDS)
        for day in range(drawn.shape[1]):
            total = np.maximum(0.0, total + sign * drawn[:, day] - _SLACK)
            highest = np.maximum(highest, total)
    return float(np.quantile(highest, 1 - ALARM))
