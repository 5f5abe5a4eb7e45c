"""From a snapshot to a signed candidate: train, judge, register; whether it reaches users is decided elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tacit.data.interfaces import Progress, silent
from tacit.errors import TacitError
from tacit.models.interfaces import Workload
from tacit.models.training import TrainingRun, run
from tacit.registry.registry import Registry
from tacit.registry.versions import Version
from tacit.rollout.gates import GateRules, Incumbent, Verdict, judge
from tacit.rollout.model_card import model_card


@dataclass(frozen=True)
class Lesson:
    """What a candidate is learnt from, and how the registry will remember it.

    Attributes:
        data: What the workload fits and scores on.
        dataset: Name of the dataset.
        snapshot: Fingerprint of the snapshot.
        facts: What the manifest says of it.
        code: Digest of the code that trains.
    """

    data: Any
    dataset: str
    snapshot: str
    facts: Mapping[str, object]
    code: str


@dataclass(frozen=True)
class Candidate:
    """A registered version and the evidence for or against it."""

    version: Version
    run: TrainingRun
    verdict: Verdict
    seconds: float

    def as_dict(self) -> dict[str, object]:
        """The outcome as plain values, for whoever asked for it."""
        return {
            "version": f"{self.version.name}/{self.version.number}",
            "metrics": dict(self.run.evaluation.metrics),
            "intervals": {name: list(interval) for name, interval in self.run.evaluation.intervals.items()},
            "segments": {name: dict(means) for name, means in self.run.evaluation.segments.items()},
            "baselines": {name: dict(scored.metrics) for name, scored in self.run.baselines.items()},
            "gate": self.verdict.record(),
            "hyperparameters": dict(self.run.fitted.hyperparameters),
            "losses": list(self.run.fitted.losses),
            "fit_seconds": round(self.run.fit_seconds, 3),
            "seconds": round(self.seconds, 3),
        }


def train_candidate(
    lesson: Lesson,
    *,
    workload: Workload[Any, Any],
    registry: Registry,
    name: str,
    rules: GateRules,
    actor: str,
    progress: Progress = silent,
) -> Candidate:
    """Train on a lesson, judge the result on its hold-out, and register it as a signed version and challenger.

    A candidate whose verdict is `fail` or `insufficient` is registered too: the evidence is worth keeping.

    Raises:
        Refused: What the registry refuses of the files written.
    """
    started = time.monotonic()
    training = run(workload, lesson.data, progress)
    champion, note = _champion(registry, name, lesson=lesson, workload=workload)
    baseline = Incumbent(workload.primary_baseline, training.baselines[workload.primary_baseline])
    verdict = judge(training.evaluation, baseline=baseline, champion=champion, rules=rules)
    record = _gate_record(verdict, training, rules, champion=champion.name if champion else note)
    progress("signing", 0.0)
    version = registry.register(
        _writer(training, workload, gate=record, lesson=lesson, name=name),
        name=name,
        workload=workload.name,
        dataset=lesson.dataset,
        snapshot=lesson.snapshot,
        code=lesson.code,
        hyperparameters=training.fitted.hyperparameters,
        metrics=training.evaluation.metrics,
        gate=record,
        lineage=lesson.facts,
        actor=actor,
    )
    registry.challenge(name, version.number, actor=actor)
    progress("signing", 1.0)
    return Candidate(version, training, verdict, time.monotonic() - started)


def _gate_record(verdict: Verdict, training: TrainingRun, rules: GateRules, *, champion: str) -> dict[str, object]:
    """What the manifest keeps of the judgement: every finding, against whom, and what the learning cost."""
    cost = {"fit_seconds": round(training.fit_seconds, 3)}
    return {**verdict.record(), "metric": rules.metric, "champion": champion, **cost}


def _champion(
    registry: Registry, name: str, *, lesson: Lesson, workload: Workload[Any, Any]
) -> tuple[Incumbent | None, str]:
    """The champion scored on this very hold-out, or why there is none to compare with."""
    version = registry.champion(name)
    if version is None:
        return None, "none"
    label = f"{version.name}/{version.number}"
    try:
        _, manifest = registry.open(version.name, version.number)
        if manifest.dataset != lesson.dataset:
            return None, f"{label} learnt from another dataset, {manifest.dataset}"
        return Incumbent(f"the champion {label}", workload.evaluate(workload.load(version.folder), lesson.data)), ""
    except TacitError as problem:
        # A champion that no longer verifies must not keep its replacement from being trained.
        return None, f"{label} cannot be compared: {problem.code}"


def _writer(
    training: TrainingRun, workload: Workload[Any, Any], *, gate: Mapping[str, object], lesson: Lesson, name: str
) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        workload.save(training.fitted.model, folder)
        card = model_card(name, training=training, gate=gate, facts=lesson.facts, snapshot=lesson.snapshot)
        (folder / "model_card.md").write_text(card, encoding="utf-8")

    return write
