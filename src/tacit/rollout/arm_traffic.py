"""What requests came to, arm by arm: counted in every serving process, summed in the store (pure values)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

LATENCY_BOUNDS = tuple(1e-4 * 10 ** (step / 12) for step in range(61))
"""Upper bounds of the latency buckets, in seconds: 12 to a decade, from 0.1 ms to 10 s; one more bucket lies above."""

Buckets = tuple[int, ...]
"""How many requests took so long, by bucket: one more than there are bounds."""

NO_LATENCIES: Buckets = (0,) * (len(LATENCY_BOUNDS) + 1)


def bucket_of(seconds: float) -> int:
    """The latency bucket that a time falls into."""
    return bisect_left(LATENCY_BOUNDS, seconds)


def quantile(buckets: Buckets, share: float) -> float:
    """The time, in seconds, within which such a share of the requests ended; at most 21 % too long; NaN for none."""
    needed, seen = share * sum(buckets), 0
    if not sum(buckets):
        return float("nan")
    for place, number in enumerate(buckets):
        seen += number
        if seen >= needed and number:
            return LATENCY_BOUNDS[min(place, len(LATENCY_BOUNDS) - 1)]
    return LATENCY_BOUNDS[-1]


@dataclass(frozen=True, slots=True)
class ArmCounts:
    """What became of one arm's requests.

    Attributes:
        requests: How many there were.
        errors: Of these, those for which the arm's version failed, whoever answered in its place.
        degraded: Of these, those whose answer was not the one we wanted to give, for whatever reason.
        latencies: How long they took, by bucket.
    """

    requests: int = 0
    errors: int = 0
    degraded: int = 0
    latencies: Buckets = NO_LATENCIES

    def __add__(self, other: ArmCounts) -> ArmCounts:
        return ArmCounts(
            self.requests + other.requests,
            self.errors + other.errors,
            self.degraded + other.degraded,
            _added(self.latencies, other.latencies),
        )


@dataclass(frozen=True, slots=True)
class ShadowCounts:
    """What comparing a shadow's answers with those that were given came to.

    Attributes:
        mirrored: Requests that were handed to the shadow.
        answered: Of these, those it answered.
        errors: Of these, those for which it failed.
        dropped: Of these, those that were given up because too many waited.
        overlap: Sum over the answered of the share of items that are in both lists.
        score_shift: Sum over the answered of the mean absolute difference of the scores of items in both lists.
        latencies: How long the shadow took, by bucket.
        served_latencies: How long those took that were given.
    """

    mirrored: int = 0
    answered: int = 0
    errors: int = 0
    dropped: int = 0
    overlap: float = 0.0
    score_shift: float = 0.0
    latencies: Buckets = NO_LATENCIES
    served_latencies: Buckets = NO_LATENCIES

    def __add__(self, other: ShadowCounts) -> ShadowCounts:
        return ShadowCounts(
            self.mirrored + other.mirrored,
            self.answered + other.answered,
            self.errors + other.errors,
            self.dropped + other.dropped,
            self.overlap + other.overlap,
            self.score_shift + other.score_shift,
            _added(self.latencies, other.latencies),
            _added(self.served_latencies, other.served_latencies),
        )


class ArmTrafficStore(Protocol):
    """Sums what all serving processes counted."""

    def add(self, split_id: str, stage: str, counts: Mapping[str, ArmCounts]) -> None:
        """Add to what is counted of a split's arms within a stage, by the arm's name; all of it or nothing.

        Raises:
            Unavailable: Not now; whoever counted keeps it and tries again.
        """
        ...

    def counts(self, split_id: str, stage: str) -> Mapping[str, ArmCounts]:
        """What is counted of each arm within a stage."""
        ...

    def add_shadow(self, split_id: str, counts: ShadowCounts) -> None:
        """Add to what comparing the shadow came to."""
        ...

    def shadow(self, split_id: str) -> ShadowCounts:
        """What comparing the shadow came to; all zeros if it met no request."""
        ...


def _added(first: Buckets, second: Buckets) -> Buckets:
    return tuple(a + b for a, b in zip(first, second, strict=True))
