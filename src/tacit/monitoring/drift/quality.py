"""Drift is not damage: what quality should be by now without any click, and what the clicks say (pure).

What is estimated needs no labels: a measure's baseline is known for each part of those who are served (a step of the
chain, a segment of users), and the parts are weighed as they are served now.  This is importance weighting over a
covariate that is always seen (Shimodaira, 2000): it tells what the change of *who asks* does, and is blind to a change
of *what they want*.  That is what the third column, the measured one, is for, as far as there are clicks.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

import numpy as np

from tacit.monitoring.drift.happenings import Shown
from tacit.monitoring.drift.report import Quality, State

PLACES = 10
"""Places of a list that count as shown."""
LEAST_LISTS = 100
"""Lists to known users without which nothing is measured."""
DROP = 0.10
"""Share of what was estimated that may be missing before it is worth a word."""
_Z = 1.959964
_PRIOR = 20.0


def click_through(now: Shown, before: Shown) -> Quality:
    """The click-through rate: of the reference, as the steps of the chain answer now, and as users click."""
    now, before = now.only(now.known), before.only(before.known)
    if len(before) < LEAST_LISTS:
        return Quality("ctr", units=len(now))
    baseline = float(before.clicked.mean())
    parts = len(before.source_names)
    lists, clicked = (
        np.bincount(before.sources, weights, minlength=parts) for weights in (None, before.clicked.astype(np.float64))
    )
    # A step with few lists is pulled to the rate of all, as with so many lists of that rate beside its own.
    rates = (clicked + _PRIOR * baseline) / (lists + _PRIOR)
    estimated = float(rates[now.sources].mean()) if len(now) else None
    return _measured("ctr", baseline, estimated, clicked=float(now.clicked.sum()), lists=len(now))


def live_precision(
    now: Shown, *, baseline: float | None, by_segment: Mapping[str, float], live: Mapping[str, float]
) -> Quality:
    """Precision@10: of the hold-out, as the segments of users are served now, and by what users chose of their lists.

    What is measured counts choices that name the list only, and the hold-out all that a user met later: the two are
    on different scales, so that no state follows from them; each is to be held against its own past.

    Args:
        now: The lists of the window.
        baseline: What the version scored on its hold-out.
        by_segment: What it scored there for each segment of users.
        live: The share of each segment among those served now.
    """
    known = now.only(now.known)
    share = sum(live.get(name, 0.0) for name in by_segment)
    estimated = sum(by_segment[name] * live.get(name, 0.0) for name in by_segment) / share if share > 0 else None
    if len(known) < LEAST_LISTS:
        return Quality("precision@10", baseline, estimated, units=len(known))
    precisions = known.hits / np.maximum(1, known.depth)
    mean, error = float(precisions.mean()), float(precisions.std(ddof=1)) / sqrt(len(precisions))
    low, high = max(0.0, mean - _Z * error), min(1.0, mean + _Z * error)
    return Quality("precision@10", baseline, estimated, mean, low, high, len(known), "ok")


def _measured(metric: str, baseline: float, estimated: float | None, *, clicked: float, lists: int) -> Quality:
    if lists < LEAST_LISTS:
        return Quality(metric, baseline, estimated, units=lists)
    low, high = wilson(clicked, lists)
    expected = baseline if estimated is None else estimated
    state: State = "warn" if high < (1 - DROP) * expected else "ok"
    return Quality(metric, baseline, estimated, clicked / lists, low, high, lists, state)


def wilson(successes: float, trials: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927)."""
    share, square = successes / trials, _Z**2 / trials
    middle = (share + square / 2) / (1 + square)
    reach = _Z / (1 + square) * sqrt(share * (1 - share) / trials + square / (4 * trials))
    return max(0.0, middle - reach), min(1.0, middle + reach)
