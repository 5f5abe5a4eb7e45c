"""A run: what was trained on which data by which code, what it scored, and what it cost (pure)."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["sweep", "search", "final", "training"]
"""Why it was made: a configuration of a sweep, a trial of a search, what either chose, or a version's training."""

Fold = Literal["validation", "holdout"]
"""What it was scored on.  Only what was chosen already meets the hold-out."""

State = Literal["complete", "pruned", "failed"]

Curves = Mapping[str, tuple[tuple[int, float], ...]]
"""What was measured along the way, by name: `(iteration, value)` each."""


@dataclass(frozen=True)
class Recipe:
    """All that decides a run's factors, to the last byte, and what they are scored on.

    The number of threads is not in it: it changes no bit.  The memory that was there is not either: it only refuses.

    Attributes:
        snapshot: Fingerprint of the data.
        code: Digest of the code that trains.
        fold: What the run is scored on.
        parameters: The settings in full, the seed and the engine among them; JSON values.
    """

    snapshot: str
    code: str
    fold: Fold
    parameters: Mapping[str, Any]

    @property
    def key(self) -> str:
        """SHA-256 (hex) over all of it: two runs with one key learn the same."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True, allow_nan=False).encode()).hexdigest()


def numbers_of(metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics without those that are none, such as the spread of lists where no list shows anything."""
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        state: `pruned` if it was ended early because others did better.
        metrics: By name (`ndcg@10`), over full rankings; finite, since JSON has no other numbers.
        curves: What was measured along the way.
        seconds: How long learning took, without the scoring of the end.
        peak_memory: Most bytes that the process held while it ran; `None` where the system does not tell.
        factor_bytes: Size of the factors of everybody and everything, as a version keeps them.
        factors_digest: SHA-256 (hex) over the factors; `None` if none were finished.
        problem: Why it failed, code and detail.
    """

    state: State = "complete"
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Curves = field(default_factory=dict)
    seconds: float = 0.0
    peak_memory: int | None = None
    factor_bytes: int = 0
    factors_digest: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Run:
    """A line of the ledger of runs; written once, when the run is over.

    Attributes:
        run_id: Its name, unique for ever.
        kind: Why it was made.
        experiment: The sweep or search that it belongs to; `training` for the trainings of versions.
        name: The configuration, the trial, or the version.
        dataset: What the snapshot was frozen from.
        recipe: What decided it.
        outcome: What it came to.
        started_at: UTC, as ledgers write it.
        ended_at: Likewise.
        copy_of: The run whose outcome this one repeats, because the recipe was the same.
    """

    run_id: str
    kind: Kind
    experiment: str
    name: str
    dataset: str
    recipe: Recipe
    outcome: Outcome
    started_at: str
    ended_at: str
    copy_of: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """As plain values, one level of names for what is asked for most."""
        recipe, outcome = asdict(self.recipe), asdict(self.outcome)
        return {
            "run_id": self.run_id,
            "kind": self.kind,
            "experiment": self.experiment,
            "name": self.name,
            "dataset": self.dataset,
            **recipe,
            "key": self.recipe.key,
            "seed": self.recipe.parameters.get("seed"),
            **outcome,
            "curves": {name: [list(point) for point in curve] for name, curve in self.outcome.curves.items()},
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "copy_of": self.copy_of,
        }


@dataclass(frozen=True)
class Choice:
    """Which run of an experiment was chosen, by which rule, and in words why.

    Attributes:
        choice_id: Its name, unique for ever.
        experiment: The sweep or search.
        snapshot: The data that its runs were compared on.
        run_id: The run chosen.
        rule: What was asked of it; JSON values.
        rationale: The reason, with its numbers.
        actor: Who had it chosen.
        at: UTC, as ledgers write it.
    """

    choice_id: str
    experiment: str
    snapshot: str
    run_id: str
    rule: Mapping[str, Any]
    rationale: str
    actor: str
    at: str

    def as_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)
