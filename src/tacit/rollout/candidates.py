"""From a snapshot to a signed candidate: train, rehearse, judge, register; who meets it is decided elsewhere."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

from tacit.data.interfaces import Progress, silent
from tacit.errors import TacitError
from tacit.models.interfaces import Workload
from tacit.models.training import TrainingRun, run
from tacit.registry.interfaces import Clock
from tacit.registry.registry import Registry
from tacit.registry.versions import Manifest, Version
from tacit.rollout.gate_record import Reference, gate_record
from tacit.rollout.gates import judge
from tacit.rollout.model_card import model_card
from tacit.rollout.policies import Succession, choose_policy
from tacit.rollout.rehearsal import Cost, Replay, Stage, measured, replayed, told
from tacit.rollout.verdicts import Evidence, GateRules, Incumbent, Verdict


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
    gate: Mapping[str, object]
    seconds: float

    def as_dict(self) -> dict[str, object]:
        """The outcome as plain values, for whoever asked for it."""
        return {
            "version": f"{self.version.name}/{self.version.number}",
            "metrics": dict(self.run.evaluation.metrics),
            "intervals": {name: list(interval) for name, interval in self.run.evaluation.intervals.items()},
            "segments": {name: dict(means) for name, means in self.run.evaluation.segments.items()},
            "baselines": {name: dict(scored.metrics) for name, scored in self.run.baselines.items()},
            "gate": dict(self.gate),
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
    stage: Stage,
    clock: Clock,
    actor: str,
    progress: Progress = silent,
) -> Candidate:
    """Train on a lesson, judge the result on its hold-out, and register it as a signed version and challenger.

    What is judged is what will be served: the files are written first, and what answers is loaded from them. A
    candidate whose verdict is `fail` or `insufficient` is registered too: the evidence is worth keeping.

    Raises:
        Refused: What the registry refuses of the files written.
    """
    started = time.monotonic()
    training = run(workload, lesson.data, progress)
    progress("rehearsing", 0.0)
    champion = _champion(registry, name, lesson=lesson, workload=workload)
    bench = _Bench(lesson, workload, rules, stage, champion)
    with stage.scratch() as folder:
        workload.save(training.fitted.model, folder)
        evidence = bench.evidence(training, folder, now=clock())
        verdict = judge(evidence, rules)
        record = bench.record(verdict, evidence, training)
        progress("signing", 0.0)
        version = registry.register(
            _writer(folder, gate=record, lesson=lesson, hyperparameters=training.fitted.hyperparameters, name=name),
            name=name,
            actor=actor,
            **bench.origin(training, record),
        )
    registry.challenge(name, version.number, actor=actor)
    progress("signing", 1.0)
    return Candidate(version, training, verdict, record, time.monotonic() - started)


@dataclass(frozen=True)
class _Champion:
    """The champion scored on the candidate's hold-out, or why there is none to compare with."""

    reference: Reference
    incumbent: Incumbent | None = None
    model: Any = None
    folder: Path | None = None
    manifest: Manifest | None = None


def _champion(registry: Registry, name: str, *, lesson: Lesson, workload: Workload[Any, Any]) -> _Champion:
    version = registry.champion(name)
    if version is None:
        return _Champion(Reference("none"))
    label = f"{version.name}/{version.number}"
    try:
        with registry.held(version.name, version.number) as (_, manifest):
            if manifest.dataset != lesson.dataset:
                return _Champion(Reference(f"{label} learnt from another dataset, {manifest.dataset}"))
            model = workload.load(version.folder)
        incumbent = Incumbent(f"the champion {label}", workload.evaluate(model, lesson.data))
    except TacitError as problem:
        # A champion that no longer verifies must not keep its replacement from being trained.
        return _Champion(Reference(f"{label} cannot be compared: {problem.code}"))
    reference = Reference(incumbent.name, version.number, version.manifest_digest)
    return _Champion(reference, incumbent, model, version.folder, manifest)


@dataclass(frozen=True)
class _Bench:
    """Where the evidence on one candidate is gathered."""

    lesson: Lesson
    workload: Workload[Any, Any]
    rules: GateRules
    stage: Stage
    champion: _Champion

    def evidence(self, training: TrainingRun, folder: Path, *, now: str) -> Evidence:
        """All that a gate goes by, with what the candidate in a folder answers on the spot."""
        name = self.workload.primary_baseline
        succession = self._succession(now)
        policy = choose_policy(self.rules.policy, succession, min_age_days=self.rules.refresh_min_age_days)
        cost, replay = self._rehearsed(folder)
        return Evidence(
            training.evaluation,
            Incumbent(name, training.baselines[name]),
            policy,
            champion=self._incumbent(succession),
            cost=cost,
            replay=replay,
        )

    def record(self, verdict: Verdict, evidence: Evidence, training: TrainingRun) -> dict[str, object]:
        """What is signed of the judgement."""
        reference, recipe = self.champion.reference, self.workload.recipe
        return gate_record(
            verdict,
            evidence,
            training,
            rules=self.rules,
            reference=reference,
            recipe=recipe,
            facts=self.lesson.facts,
        )

    def origin(self, training: TrainingRun, gate: Mapping[str, object]) -> dict[str, Any]:
        """What the manifest says of how the candidate came about; a metric that is no number has no place in it."""
        return {
            "workload": self.workload.name,
            "dataset": self.lesson.dataset,
            "snapshot": self.lesson.snapshot,
            "code": self.lesson.code,
            "hyperparameters": training.fitted.hyperparameters,
            "metrics": {key: value for key, value in training.evaluation.metrics.items() if isfinite(value)},
            "gate": gate,
            "lineage": self.lesson.facts,
        }

    def _rehearsed(self, folder: Path) -> tuple[Cost, Replay | None]:
        try:
            model = self.workload.load(folder)
        except TacitError as problem:
            return Cost.unknown(told(problem)), None
        limit = self.rules.replay_requests
        cost = measured(model, folder, stage=self.stage)
        return cost, replayed(model, limit, stage=self.stage, champion=self.champion.model) if limit else None

    def _incumbent(self, succession: Succession | None) -> Incumbent | None:
        """The champion, with what it takes on this machine now."""
        found, folder = self.champion.incumbent, self.champion.folder
        if found is None or folder is None:
            return None
        cost = measured(self.champion.model, folder, stage=self.stage)
        return replace(found, cost=cost, succession=succession)

    def _succession(self, now: str) -> Succession | None:
        manifest = self.champion.manifest
        if manifest is None:
            return None
        recipes = (self.workload.recipe, manifest.gate.get("recipe"))
        trained_at = manifest.created_at
        return Succession.of(self.lesson.facts, manifest.lineage, recipes=recipes, trained_at=trained_at, now=now)


def _writer(
    made: Path,
    *,
    gate: Mapping[str, object],
    lesson: Lesson,
    hyperparameters: Mapping[str, object],
    name: str,
) -> Callable[[Path], None]:
    """Moves the very files that were rehearsed, and writes the card beside them."""

    def write(folder: Path) -> None:
        for path in sorted(made.iterdir()):
            shutil.move(path, folder / path.name)
        card = model_card(
            name, snapshot=lesson.snapshot, hyperparameters=hyperparameters, lineage=lesson.facts, gate=gate
        )
        (folder / "model_card.md").write_text(card, encoding="utf-8")

    return write
