"""The gate record: everything a judgement rests on, as plain values that are signed with the version (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from tacit.models.interfaces import Evaluation
from tacit.models.training import TrainingRun
from tacit.rollout.rehearsal import Cost, Replay
from tacit.rollout.verdicts import Evidence, GateRules, Verdict, finite

FORMAT = 2
"""Format 1, of the time before policies, holds verdict, reasons, findings, metric, champion and fit_seconds alone."""


@dataclass(frozen=True)
class Reference:
    """Whom a candidate was compared with.

    Attributes:
        name: What it is called, or why there was nobody.
        number: The version; `None` where there was nobody.
        manifest: Digest of its manifest; empty likewise.
    """

    name: str
    number: int | None = None
    manifest: str = ""


def gate_record(
    verdict: Verdict,
    evidence: Evidence,
    training: TrainingRun,
    *,
    rules: GateRules,
    reference: Reference,
    recipe: Mapping[str, object],
    facts: Mapping[str, object],
) -> dict[str, object]:
    """The record of one judgement; from it alone the verdict can be understood, and the model card written."""
    return {
        "format": FORMAT,
        **verdict.record(),
        "policy": evidence.policy.name,
        "policy_reason": evidence.policy.reason,
        "thresholds": asdict(rules),
        "metric": rules.metric,
        "champion": reference.name,
        "champion_number": reference.number,
        "champion_manifest": reference.manifest,
        "holdout": {
            "fingerprint": facts.get("holdout"),
            "cases": len(evidence.candidate.case_ids),
            "watermark_ms": facts.get("watermark_ms"),
        },
        "evaluation": _scored(training.evaluation),
        "baselines": {name: finite(scored.metrics) for name, scored in training.baselines.items()},
        "champion_metrics": {} if evidence.champion is None else finite(evidence.champion.evaluation.metrics),
        "cost": _plain(evidence.cost),
        "replay": _plain(evidence.replay),
        "recipe": dict(recipe),
        "fit_seconds": round(training.fit_seconds, 3),
    }


def _scored(evaluation: Evaluation) -> dict[str, object]:
    """What was measured of a model, without the cases themselves."""
    intervals = {name: finite({"low": low, "high": high}) for name, (low, high) in evaluation.intervals.items()}
    return {
        "metrics": finite(evaluation.metrics),
        "intervals": {name: [each["low"], each["high"]] for name, each in intervals.items()},
        "segments": {name: finite(means) for name, means in evaluation.segments.items()},
    }


def _plain(record: Cost | Replay | None) -> dict[str, object] | None:
    if record is None:
        return None
    values = asdict(record)
    numbers = {key: value for key, value in values.items() if isinstance(value, float)}
    return {**values, **finite(numbers)}
