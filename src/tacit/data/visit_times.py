"""When people come to a platform in a simulation, and what they ask once they are there (pure).

Visits begin at random (a Poisson process, thinned to the shape of a day: Lewis and Shedler, 1979); each asks a few
questions, some seconds apart.  The schedule follows from the seed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Literal, TypeVar

from tacit.errors import BadInput

Name = TypeVar("Name", bound=str)
Curve = Literal["flat", "day"]
Guest = Literal["regular", "stranger", "nameless"]
"""Who comes: one who comes often, somebody seen for the first time, or somebody without a name."""

DAY_SECONDS = 86_400.0
QUESTIONS_PER_VISIT = 4.0
"""On average; how many a visit has is geometric."""
THINKING_SECONDS = 6.0
_RUN_UP_SECONDS = 120.0
"""Visits that began before the start are counted from there on, so that the rate holds from the first minute."""

GUESTS: Mapping[Guest, float] = {"regular": 0.8, "stranger": 0.08, "nameless": 0.12}
QUESTIONS: Mapping[Guest, Mapping[str, float]] = {
    "regular": {
        "user": 0.5, "mood": 0.16, "similar": 0.1, "search": 0.08, "chart": 0.04, "trending": 0.04, "discovery": 0.08,
    },
    "stranger": {"user": 0.3, "likes": 0.3, "mood": 0.2, "chart": 0.1, "discovery": 0.1},
    "nameless": {"session": 0.35, "popular": 0.15, "mood": 0.25, "similar": 0.15, "trending": 0.1},
}  # fmt: skip
"""What each asks, in shares."""


@dataclass(frozen=True)
class Pace:
    """How often something is asked.

    Attributes:
        per_minute: Questions in a minute of the clock on the wall, over a whole day on average.
        curve: `flat` for the same at any time, `day` for a night that is quiet and an evening that is not.
        speed: How many times as fast as on the wall a day goes by; a day is over in 24 minutes at 60.

    Raises:
        BadInput: `pace_invalid`.
    """

    per_minute: float = 40.0
    curve: Curve = "flat"
    speed: float = 1.0

    def __post_init__(self) -> None:
        for field, value in (("rate", self.per_minute), ("speed", self.speed)):
            if not 0 < value < math.inf:
                raise BadInput("pace_invalid", f"{field} is {value:g}; it must be a number above 0.", field=field)

    def level(self, seconds: float) -> float:
        """How much is asked so many seconds after a midnight, as a multiple of the day's mean."""
        if self.curve == "flat":
            return 1.0
        hour = (seconds * self.speed % DAY_SECONDS) / 3_600
        # Lowest at five in the morning, a tenth of the mean; highest at eight in the evening.
        return 1 + 0.75 * math.cos((hour - 18) * math.tau / 24) - 0.2 * math.cos((hour - 4) * math.tau / 12)

    @property
    def peak(self) -> float:
        """No level is higher."""
        return 1.0 if self.curve == "flat" else 1.8


@dataclass(frozen=True, order=True)
class Step:
    """One question that is due.

    Attributes:
        at: Seconds after the start.
        number: Of the question; orders those that are due together.
        visit: The number of the visit it belongs to.
        guest: What sort of visitor asks.
        question: What is asked.
    """

    at: float
    number: int
    visit: int
    guest: Guest
    question: str


def steps(pace: Pace, *, seed: int, seconds: float = math.inf) -> Iterator[Step]:
    """Everything that is asked, in the order of time.

    Args:
        pace: How often.
        seed: The same seed gives the same steps, whatever `seconds` is.
        seconds: None is due at the end or later.
    """
    draw = random.Random(seed)  # noqa: S311 - nothing secret about it
    numbers, waiting = count(1), list[Step]()
    for visit, begins in enumerate(_beginnings(pace, draw), 1):
        while waiting and waiting[0].at <= begins:
            step = heappop(waiting)
            if step.at >= seconds:
                return
            yield step
        for step in _visit(visit, begins, draw=draw, numbers=numbers):
            if step.at >= 0:
                heappush(waiting, step)


def _beginnings(pace: Pace, draw: random.Random) -> Iterator[float]:
    per_second = pace.per_minute / 60 / QUESTIONS_PER_VISIT * pace.peak
    at = -_RUN_UP_SECONDS
    while True:
        at += draw.expovariate(per_second)
        if draw.random() * pace.peak < pace.level(at):
            yield at


def _visit(visit: int, at: float, *, draw: random.Random, numbers: Iterator[int]) -> Iterator[Step]:
    guest = _one_of(GUESTS, draw)
    while True:
        yield Step(at, next(numbers), visit, guest, _one_of(QUESTIONS[guest], draw))
        if draw.random() < 1 / QUESTIONS_PER_VISIT:
            return
        at += draw.expovariate(1 / THINKING_SECONDS)


def _one_of(shares: Mapping[Name, float], draw: random.Random) -> Name:
    return draw.choices(list(shares), weights=list(shares.values()))[0]
