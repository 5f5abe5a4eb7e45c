"""Two models on the same cases: how far apart they are, and how sure that is (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from tacit.models.bootstrap_intervals import difference_interval
from tacit.models.interfaces import Evaluation
from tacit.rollout.verdicts import GateRules

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """Two models' values of one metric on the cases both were scored on.

    Attributes:
        cases: How many those are.
        candidate: The candidate's mean.
        incumbent: The incumbent's.
        low: Lower end of the 95 % bootstrap interval of the mean difference.
        high: Its upper end.
    """

    cases: int
    candidate: float
    incumbent: float
    low: float
    high: float

    @classmethod
    def of(cls, ours: Doubles, theirs: Doubles) -> Pair:
        low, high = difference_interval(ours, theirs)
        return cls(len(ours), float(ours.mean()), float(theirs.mean()), low, high)

    @property
    def lift(self) -> float:
        """The difference as a share of the incumbent's mean; from nothing, any lift is infinite."""
        difference = self.candidate - self.incumbent
        if self.incumbent > 0:
            return difference / self.incumbent
        return float("inf") if difference > 0 else 0.0

    @property
    def relative(self) -> tuple[float, float]:
        """The interval as shares of the incumbent's mean; NaN where that is 0."""
        return (self.low / self.incumbent, self.high / self.incumbent) if self.incumbent > 0 else (nan, nan)

    @property
    def numbers(self) -> dict[str, float]:
        """What a record keeps of it."""
        low, high = self.relative
        plain = {"cases": self.cases, "candidate": self.candidate, "incumbent": self.incumbent}
        return {**plain, "low": self.low, "high": self.high, "lift": self.lift, "lift_low": low, "lift_high": high}

    def said(self, metric: str) -> str:
        """Both means, for the beginning of a sentence."""
        return f"{metric} {self.candidate:.4f} against {self.incumbent:.4f}"


def paired(candidate: Evaluation, incumbent: Evaluation, rules: GateRules, *, segment: str | None = None) -> Pair | str:
    """Both models on the cases both were scored on, or why they cannot be compared.

    Args:
        candidate: One.
        incumbent: The other; on the same hold-out.
        rules: Name the metric, and how many cases it takes.
        segment: The only cases to compare them on, however few; all unless given.
    """
    metric, least = rules.metric, rules.min_cases if segment is None else 1
    if metric not in candidate.per_case or metric not in incumbent.per_case:
        return f"{metric} was not measured"
    found = np.intersect1d(candidate.case_ids, incumbent.case_ids, assume_unique=True, return_indices=True)
    inside, theirs = found[1], found[2]
    if segment is not None:
        members = candidate.members.get(segment, np.zeros(len(candidate.case_ids), bool))[inside]
        inside, theirs = inside[members], theirs[members]
    if len(inside) < least:
        return f"only {len(inside)} cases were scored with both, of {least} needed"
    values = candidate.per_case[metric][inside], incumbent.per_case[metric][theirs]
    if not all(np.isfinite(each).all() for each in values):
        return f"some values of {metric} are not numbers"
    return Pair.of(*values)
