"""Online rates, one observation after the other: ADWIN sees the moment at which one changes.

Bifet and Gavaldà, *Learning from Time-Changing Data with Adaptive Windowing*, SDM 2007, as `river` has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from river.drift import ADWIN

from tacit.monitoring.drift.happenings import Longs
from tacit.monitoring.drift.report import RateChange

DELTA = 1e-4
"""How surely two halves of what is remembered must differ; river's own 0.002 is for streams looked at once."""
LEAST = 200
"""Observations without which nothing is said."""


class Detector(Protocol):
    """Whatever is told one observation after the other, and says when they changed."""

    def tell(self, observation: float) -> bool:
        """Take one; whether they have changed."""
        ...


class Adwin:
    """River's ADWIN.

    Args:
        delta: The chance of a false alarm that its bound allows.
    """

    def __init__(self, delta: float = DELTA) -> None:
        self._adwin = ADWIN(delta=delta, clock=32, grace_period=LEAST // 2)  # type: ignore[no-untyped-call]

    def tell(self, observation: float) -> bool:
        self._adwin.update(observation)  # type: ignore[no-untyped-call]
        return bool(self._adwin.drift_detected)


class Always:
    """A dummy that fires at every observation: what no detector may be worse than."""

    def tell(self, observation: float) -> bool:
        del observation
        return True


class Never:
    """A dummy that never fires."""

    def tell(self, observation: float) -> bool:
        del observation
        return False


def fired(detector: Detector, observations: NDArray[np.float64]) -> list[int]:
    """Where a detector fires."""
    return [place for place, each in enumerate(observations) if detector.tell(float(each))]


def rate_changes(rate: str, at_ms: Longs, happened: NDArray[np.bool_]) -> Iterator[RateChange]:
    """When a rate changed: what was 0 or 1 at each moment, in the order of time."""
    if len(happened) < LEAST:
        return
    places = _apart(fired(Adwin(), happened.astype(np.float64)))
    for first, place, end in zip([0, *places], places, [*places[1:], len(happened)], strict=False):
        before, after = float(happened[first:place].mean()), float(happened[place:end].mean())
        yield RateChange(rate, int(at_ms[place]), round(before, 5), round(after, 5))


def _apart(places: list[int]) -> list[int]:
    """Without those that follow another closely: a detector that forgets in steps tells of one change several times."""
    kept: list[int] = []
    for place in places:
        if not kept or place - kept[-1] >= LEAST:
            kept.append(place)
    return kept
