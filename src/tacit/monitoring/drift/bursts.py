"""Items that are suddenly chosen: each item's rate against its own history, and how many were looked at (pure).

A count of mean λ has a variance of λ, so that `2(√(c + 3/8) - √(λ + 3/8))` has one of about 1 (Anscombe, 1948).  What
people choose is more uneven than that: the residuals of earlier windows say how much, for all items and for each of
its own, and the larger of the two is what a residual is held against.  Of many items some are always far out: only
those count that the procedure of Benjamini and Hochberg (1995) lets through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tacit.monitoring.drift.happenings import Codes

Floats = NDArray[np.float64]

FALSE_SHARE = 0.01
"""Share of the items named that may be named for nothing."""
_LEAST = 10
"""Choices in the window without which an item is not looked at."""
_MOST_WINDOWS = 40


@dataclass(frozen=True)
class ItemBurst:
    """An item and how far out it is.

    Attributes:
        item: Its position.
        count: How often it was chosen in the window.
        expected: How often it would have been.
        z: Standard deviations above that.
    """

    item: int
    count: int
    expected: float
    z: float


def bursts(window: Codes, reference: Codes, *, false_share: float = FALSE_SHARE) -> Sequence[ItemBurst]:
    """The items chosen far more often than they were, the furthest first.

    Args:
        window: `(events,)`, the items chosen in the window.
        reference: `(events,)`, those chosen before, in the order of time; at least three windows long.
        false_share: Share of those named that may be named for nothing.
    """
    rounds = min(_MOST_WINDOWS, len(reference) // max(1, len(window)))
    if rounds < 3:
        return ()
    size = int(max(window.max(initial=0), reference.max(initial=0))) + 1
    counts = np.bincount(window, minlength=size)
    asked = np.flatnonzero(counts >= _LEAST)
    past = _past(reference, len(window), rounds, size=size)[:, asked]
    expected = past.mean(axis=0)
    z = _residual(counts[asked].astype(np.float64), expected) / _unevenness(past, expected)
    named = _let_through(stats.norm.sf(z), false_share)
    order = sorted(np.flatnonzero(named), key=lambda place: -z[place])
    return [ItemBurst(int(asked[at]), int(counts[asked[at]]), float(expected[at]), float(z[at])) for at in order]


def _past(reference: Codes, length: int, rounds: int, *, size: int) -> Floats:
    """How often each item was chosen in each of the latest windows of this length: `(rounds, items)`."""
    latest = reference[-rounds * length :].reshape(rounds, length)
    return np.stack([np.bincount(each, minlength=size) for each in latest]).astype(np.float64)


def _residual(counts: Floats, expected: Floats) -> Floats:
    found: Floats = 2 * (np.sqrt(counts + 0.375) - np.sqrt(expected + 0.375))
    return found


def _unevenness(past: Floats, expected: Floats) -> Floats:
    """Standard deviations of the residuals of earlier windows, at least 1: the larger of the item's and the usual."""
    if not past.size:
        return np.ones(past.shape[1])
    residuals = _residual(past, expected[None, :])
    own = np.sqrt((residuals**2).mean(axis=0))
    lively = expected >= 1
    common = float(np.median(own[lively])) if lively.any() else 1.0
    found: Floats = np.maximum(np.maximum(own, common), 1.0)
    return found


def _let_through(p_values: Floats, share: float) -> NDArray[np.bool_]:
    """Which hypotheses Benjamini and Hochberg reject."""
    if not len(p_values):
        return np.zeros(0, bool)
    order = np.argsort(p_values)
    bound = share * np.arange(1, len(p_values) + 1) / len(p_values)
    passed = np.flatnonzero(p_values[order] <= bound)
    named = np.zeros(len(p_values), bool)
    named[order[: passed[-1] + 1 if len(passed) else 0]] = True
    return named
