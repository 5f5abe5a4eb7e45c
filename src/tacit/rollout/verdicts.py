"""The words of the gate: what it is told, what each of its questions found, and what that comes to (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Literal

from tacit.models.interfaces import Evaluation
from tacit.rollout.policies import Policy, Succession
from tacit.rollout.rehearsal import Cost, Replay

Outcome = Literal["pass", "fail", "insufficient"]

_SEVERITY: Mapping[Outcome, int] = {"fail": 0, "insufficient": 1, "pass": 2}


@dataclass(frozen=True)
class GateRules:
    """What a candidate must show; all but the metric are settings of the same names under `gate`.

    Attributes:
        metric: The metric it is judged by.
        policy: `improve`, `refresh`, or `auto` for whichever suits how the candidate came about.
        min_cases: Fewer cases than this prove nothing.
        min_lift: Smallest relative lift over the champion that counts as an improvement.
        max_drop: Largest relative drop against the champion that counts as no worse.
        refresh_min_age_days: Age of the champion from which a mere refresh may replace it.
        max_segment_drop: Largest relative drop that any segment may suffer.
        min_segment_cases: Cases of a segment below which only harm beyond doubt counts.
        min_coverage: Smallest share of the catalogue its lists must reach.
        max_coverage_drop: Largest relative drop of that share against the champion.
        max_popularity_rise: Most by which its lists may lean further than the champion's to what is popular.
        max_item_rise: Most by which the share of lists that show one item may rise.
        max_p95_ms: Milliseconds within which 95 % of answers must be worked out.
        max_slowdown: How many times as long as the champion's its answers may take.
        max_size_mib: Most that its files may take on disk.
        max_memory_mib: Most that it may take in memory.
        replay_requests: How many recorded requests it is asked again; 0 for none.
        min_replayed: Recorded requests below which answering them proves nothing.
    """

    metric: str = "ndcg@10"
    policy: Literal["auto", "improve", "refresh"] = "auto"
    min_cases: int = 50
    min_lift: float = 0.05
    max_drop: float = 0.01
    refresh_min_age_days: float = 6.0
    max_segment_drop: float = 0.15
    min_segment_cases: int = 500
    min_coverage: float = 0.01
    max_coverage_drop: float = 0.30
    max_popularity_rise: float = 0.10
    max_item_rise: float = 0.10
    max_p95_ms: float = 100.0
    max_slowdown: float = 3.0
    max_size_mib: float = 2_048.0
    max_memory_mib: float = 4_096.0
    replay_requests: int = 200
    min_replayed: int = 20

    @property
    def cutoff(self) -> str:
        """The metric's own K, which guardrails on lists use too."""
        return self.metric.rpartition("@")[2]


@dataclass(frozen=True)
class Finding:
    """What one gate said.

    Attributes:
        gate: Name of the gate.
        outcome: What it said.
        reason: Why, as a sentence with its numbers.
        numbers: The numbers, for a program.
        limits: What they were held against, by the setting that says so (`gate.min_cases`).
    """

    gate: str
    outcome: Outcome
    reason: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)

    def record(self) -> dict[str, object]:
        """The finding as plain values; a number that is none is `None`, since a signed record holds numbers only."""
        return {
            "gate": self.gate,
            "outcome": self.outcome,
            "reason": self.reason,
            "numbers": finite(self.numbers),
            "limits": dict(self.limits),
        }


@dataclass(frozen=True)
class Idle:
    """A gate that had nothing to go by, and therefore does not stand in the way; it is told all the same.

    Attributes:
        gate: Name of the gate.
        reason: What was missing.
    """

    gate: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What the gates said together: `fail` if any failed, else `insufficient` if any could not tell, else `pass`.

    Attributes:
        findings: What each said.
        idle: Those that had nothing to go by.
    """

    findings: tuple[Finding, ...]
    idle: tuple[Idle, ...] = ()

    @property
    def outcome(self) -> Outcome:
        outcomes = {finding.outcome for finding in self.findings}
        if "fail" in outcomes:
            return "fail"
        return "insufficient" if "insufficient" in outcomes or not outcomes else "pass"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Every gate's sentence, those that stand in the way first."""
        return tuple(f.reason for f in sorted(self.findings, key=lambda finding: _SEVERITY[finding.outcome]))

    def record(self) -> dict[str, object]:
        """The verdict as plain values."""
        return {
            "verdict": self.outcome,
            "reasons": list(self.reasons),
            "findings": [finding.record() for finding in self.findings],
            "idle": [{"gate": each.gate, "reason": each.reason} for each in self.idle],
        }


@dataclass(frozen=True)
class Incumbent:
    """What a candidate is measured against on the same hold-out.

    Attributes:
        name: What it is called in reasons (`popularity`, `the champion recommender/3`).
        evaluation: What it scored.
        cost: What answering with it takes; `None` where that was not measured.
        succession: How the candidate stands to it, where it is the champion.
    """

    name: str
    evaluation: Evaluation
    cost: Cost | None = None
    succession: Succession | None = None


@dataclass(frozen=True)
class Evidence:
    """Everything a gate goes by; all evaluations are on the same hold-out.

    Attributes:
        candidate: What the candidate scored.
        baseline: What any candidate must beat.
        policy: What is asked of it against the champion.
        champion: The champion; `None` where there is none to compare with.
        cost: What answering with the candidate takes; `None` where that was not measured.
        replay: What it answered to recorded requests; `None` where it was not asked.
    """

    candidate: Evaluation
    baseline: Incumbent
    policy: Policy
    champion: Incumbent | None = None
    cost: Cost | None = None
    replay: Replay | None = None


def finite(numbers: Mapping[str, float]) -> dict[str, float | None]:
    """The numbers, with `None` for what is none (NaN, infinite)."""
    return {name: float(value) if isfinite(value) else None for name, value in numbers.items()}
