"""Candidate against incumbent: what evidence lets a version reach users (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tacit.models.bootstrap_intervals import difference_interval
from tacit.models.interfaces import Evaluation

Outcome = Literal["pass", "fail", "insufficient"]


@dataclass(frozen=True)
class GateRules:
    """What a candidate must show.

    Attributes:
        metric: The metric it is judged by.
        min_cases: Fewer cases than this prove nothing.
        max_drop: Largest relative drop against the champion that counts as no worse.
        min_coverage: Smallest share of the catalogue its lists must reach.
    """

    metric: str = "ndcg@10"
    min_cases: int = 50
    max_drop: float = 0.01
    min_coverage: float = 0.01


@dataclass(frozen=True)
class Finding:
    """What one gate said.

    Attributes:
        gate: Name of the gate.
        outcome: What it said.
        reason: Why, as a sentence with its numbers.
        numbers: The numbers, for a program.
    """

    gate: str
    outcome: Outcome
    reason: str
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What the gates said together: `fail` if any failed, else `insufficient` if any could not tell, else `pass`."""

    findings: tuple[Finding, ...]

    @property
    def outcome(self) -> Outcome:
        outcomes = {finding.outcome for finding in self.findings}
        if "fail" in outcomes:
            return "fail"
        return "insufficient" if "insufficient" in outcomes or not outcomes else "pass"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Every gate's sentence, those that stand in the way first."""
        severity = {"fail": 0, "insufficient": 1, "pass": 2}
        return tuple(f.reason for f in sorted(self.findings, key=lambda finding: severity[finding.outcome]))

    def record(self) -> dict[str, object]:
        """The gate record as plain values."""
        findings = [
            {"gate": f.gate, "outcome": f.outcome, "reason": f.reason, "numbers": dict(f.numbers)}
            for f in self.findings
        ]
        return {"verdict": self.outcome, "reasons": list(self.reasons), "findings": findings}


@dataclass(frozen=True)
class Incumbent:
    """What a candidate is measured against on the same hold-out.

    Attributes:
        name: What it is called in reasons (`popularity`, `the champion recommender/3`).
        evaluation: What it scored.
    """

    name: str
    evaluation: Evaluation


def judge(candidate: Evaluation, *, baseline: Incumbent, champion: Incumbent | None, rules: GateRules) -> Verdict:
    """Ask every gate, so that a refusal names all its reasons at once.

    All evaluations are on the same hold-out. Without a champion, the candidate is judged against the baseline alone.
    """
    enough = _enough_cases(candidate, rules)
    if enough.outcome != "pass":
        return Verdict((enough,))
    against = () if champion is None else (_no_worse_than_champion(candidate, champion, rules),)
    return Verdict((enough, _better_than_baseline(candidate, baseline, rules), *against, _coverage(candidate, rules)))


def _enough_cases(candidate: Evaluation, rules: GateRules) -> Finding:
    cases = len(candidate.case_ids)
    numbers = {"cases": float(cases), "needed": float(rules.min_cases)}
    if cases < rules.min_cases:
        reason = f"Only {cases} users have held-out interactions; {rules.min_cases} are needed to tell anything."
        return Finding("enough_cases", "insufficient", reason, numbers)
    return Finding("enough_cases", "pass", f"{cases} users have held-out interactions.", numbers)


def _better_than_baseline(candidate: Evaluation, baseline: Incumbent, rules: GateRules) -> Finding:
    ours, theirs = _paired(candidate, baseline.evaluation, rules.metric)
    low, high = difference_interval(ours, theirs)
    numbers = _numbers(ours, theirs, low=low, high=high)
    said = f"{rules.metric} {ours.mean():.4f} against {theirs.mean():.4f} of {baseline.name}"
    interval = f"95 % interval of the difference {low:+.4f} to {high:+.4f}"
    if low > 0:
        return Finding("better_than_baseline", "pass", f"{said}: better ({interval}).", numbers)
    if ours.mean() > theirs.mean():
        return Finding("better_than_baseline", "insufficient", f"{said}: it may be chance ({interval}).", numbers)
    return Finding("better_than_baseline", "fail", f"{said}: no better than the simplest thing.", numbers)


def _no_worse_than_champion(candidate: Evaluation, champion: Incumbent, rules: GateRules) -> Finding:
    ours, theirs = _paired(candidate, champion.evaluation, rules.metric)
    base = float(theirs.mean())
    if not base > 0:
        reason = f"The {rules.metric} of {champion.name} on this hold-out is 0; there is nothing to fall short of."
        return Finding("no_worse_than_champion", "pass", reason, _numbers(ours, theirs, low=0.0, high=0.0))
    low, high = (end / base for end in difference_interval(ours, theirs))
    numbers = _numbers(ours, theirs, low=low, high=high)
    said = f"{rules.metric} {ours.mean():.4f} against {base:.4f} of {champion.name}"
    interval = f"95 % interval of the relative difference {low:+.2%} to {high:+.2%}"
    if low >= -rules.max_drop:
        return Finding("no_worse_than_champion", "pass", f"{said}: no worse ({interval}).", numbers)
    if (ours.mean() - base) / base < -rules.max_drop:
        return Finding("no_worse_than_champion", "fail", f"{said}: worse ({interval}).", numbers)
    reason = f"{said}: a drop of over {rules.max_drop:.0%} cannot be ruled out ({interval})."
    return Finding("no_worse_than_champion", "insufficient", reason, numbers)


def _coverage(candidate: Evaluation, rules: GateRules) -> Finding:
    name = f"coverage@{rules.metric.rpartition('@')[2]}"
    share = candidate.metrics.get(name, 0.0)
    numbers = {"coverage": share, "needed": rules.min_coverage}
    if share < rules.min_coverage:
        reason = f"Its lists reach {share:.1%} of the catalogue; at least {rules.min_coverage:.1%} is needed."
        return Finding("coverage", "fail", reason, numbers)
    return Finding("coverage", "pass", f"Its lists reach {share:.1%} of the catalogue.", numbers)


def _paired(first: Evaluation, second: Evaluation, metric: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both models' values on the cases both were scored on, in the same order."""
    _, ours, theirs = np.intersect1d(first.case_ids, second.case_ids, assume_unique=True, return_indices=True)
    return first.per_case[metric][ours], second.per_case[metric][theirs]


def _numbers(ours: NDArray[np.float64], theirs: NDArray[np.float64], *, low: float, high: float) -> dict[str, float]:
    return {"candidate": float(ours.mean()), "incumbent": float(theirs.mean()), "low": low, "high": high}
