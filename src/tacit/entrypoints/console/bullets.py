"""A measured value beside what it is held against, laid out on one bar (pure)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tacit.entrypoints.console.spelling import number

Side = Literal["least", "most", "near"]
"""Whether a value must reach its limit, must not exceed it, or should lie near it."""

_DISPROPORTION = 5
"""From how many times its limit on a value is beyond all proportion to it."""
_ROOM = 1.2
"""How much longer the bar is than what lies furthest on it."""


@dataclass(frozen=True, slots=True)
class Bullet:
    """Places along a bar, from 0 to 100.

    Attributes:
        side: On which side of the limit it is well.
        zero: Where nothing lies.
        value: Where the value lies.
        limit: Where the limit lies; `None` where there is none.
        champion: Where the champion's value lies, likewise.
        low: Where the interval of the value begins, likewise.
        high: Where it ends.
    """

    side: Side
    zero: float
    value: float
    limit: float | None = None
    champion: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def begin(self) -> float:
        """Where the mark of the value begins: it reaches from nothing to the value."""
        return min(self.zero, self.value)

    @property
    def length(self) -> float:
        """How long it is."""
        return round(abs(self.value - self.zero), 2)

    @property
    def bad(self) -> tuple[float, float] | None:
        """Where the value is not well, as a beginning and a length."""
        if self.limit is None or self.side == "near":
            return None
        return (0.0, self.limit) if self.side == "least" else (self.limit, round(100 - self.limit, 2))


def bullet(
    measured: object,
    *,
    limit: object,
    side: Side,
    champion: object = None,
    low: object = None,
    high: object = None,
) -> Bullet | None:
    """The bar of a value; `None` where it is none.

    A value beyond all proportion to its limit, such as ten thousand requests where thirty are needed, ends the bar
    rather than make everything else on it too small to see.
    """
    value = number(measured)
    if value is None:
        return None
    held, theirs, ends = number(limit), number(champion), (number(low), number(high))
    scale = _Scale.over([value, *_known((held, theirs, *ends))], held=held, side=side)
    return Bullet(
        side,
        scale.place(0.0),
        scale.place(value),
        scale.maybe(held),
        scale.maybe(theirs),
        scale.maybe(ends[0]),
        scale.maybe(ends[1]),
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    begin: float
    end: float

    @classmethod
    def over(cls, values: list[float], *, held: float | None, side: Side) -> _Scale:
        lowest, highest = min(0.0, *values), max(0.0, *values)
        if held is not None and 0 < held * _DISPROPORTION < highest:
            highest = (2 if side == "least" else 3) * held
        if math.isclose(lowest, highest):
            return cls(0.0, 1.0)
        return cls(lowest * _ROOM, highest * _ROOM if highest > 0 else 0.0)

    def place(self, value: float) -> float:
        share = (value - self.begin) / (self.end - self.begin)
        return round(100 * min(1.0, max(0.0, share)), 2)

    def maybe(self, value: float | None) -> float | None:
        return None if value is None else self.place(value)


def _known(values: Iterable[float | None]) -> list[float]:
    return [each for each in values if each is not None]
