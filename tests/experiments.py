"""A small course to try settings on, and a notebook whose tracker does as it is told."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tacit.adapters.memory_runs import MemoryRunStore
from tacit.adapters.peak_memory import PeakMemory
from tacit.data.datasets import Snapshot, SnapshotRules, freeze
from tacit.errors import Unavailable
from tacit.models.experiments.judging import Course
from tacit.models.experiments.notebook import Notebook
from tacit.models.experiments.runs import Outcome, Recipe, Run
from tacit.models.recommender.engines.choosing import choose_engine
from tests.communities import titled, two_tastes


@dataclass
class ToldTracker:
    """A `Tracker` that remembers what it was told, or is away."""

    is_away: bool = False
    told: list[Run] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)

    def record(self, run: Run, texts: Mapping[str, str] | None = None) -> None:
        if self.is_away:
            raise Unavailable("tracker_unavailable", "Nobody is there.")
        self.told.append(run)

    def attach(self, experiment: str, files: Sequence[Path], tags: Mapping[str, str]) -> None:
        if self.is_away:
            raise Unavailable("tracker_unavailable", "Nobody is there.")
        self.kept += files


def snapshot(users: int = 80, *, seed: int = 1) -> Snapshot:
    found = two_tastes(users=users, items=40, seed=seed)
    return freeze(found, titled(found), SnapshotRules())


def course_over(data: Snapshot, *, code: str = "code-1", threads: int = 1) -> Course:
    return Course.over(data, choose_engine("auto", threads), code=code, memory=lambda: None)


@dataclass(frozen=True)
class Desk:
    """A notebook, and what it writes to."""

    notebook: Notebook
    store: MemoryRunStore
    tracker: ToldTracker
    said: list[str]


def desk(*, is_away: bool = False) -> Desk:
    store, tracker, said = MemoryRunStore(), ToldTracker(is_away), []
    ids, moments = itertools.count(1), itertools.count(1)
    return Desk(
        Notebook(
            store,
            tracker,
            PeakMemory(),
            clock=lambda: f"2026-01-01T00:00:00.{next(moments):03}+00:00",
            new_id=lambda: f"id-{next(ids)}",
            tell=said.append,
        ),
        store,
        tracker,
        said,
    )


def a_run(
    name: str = "production", *, seconds: float = 2.0, ndcg: float = 0.25, size: int = 1_000, **more: object
) -> Run:
    """A run of a sweep; `more` replaces fields of the recipe, the outcome or the run."""
    recipe = {"snapshot": "s" * 64, "code": "c" * 64, "fold": "validation", "parameters": {"factors": 8, "seed": 7}}
    outcome = {
        "metrics": {"ndcg@10": ndcg, "precision@10": 0.1 + 0.2},
        "curves": {"loss": ((1, 5.5), (2, 4.25))},
        "seconds": seconds,
        "peak_memory": 2**40,
        "factor_bytes": size,
        "factors_digest": "d" * 64,
    }
    run = {
        "run_id": f"run-{name}",
        "kind": "sweep",
        "experiment": "seven",
        "name": name,
        "dataset": "made-up",
        "started_at": "2026-01-01T00:00:00.000+00:00",
        "ended_at": "2026-01-01T00:00:02.000+00:00",
    }
    for key, value in more.items():
        target = recipe if key in recipe else outcome if key in (*outcome, "state", "problem") else run
        target[key] = value
    return Run(**run, recipe=Recipe(**recipe), outcome=Outcome(**outcome))  # type: ignore[arg-type]
