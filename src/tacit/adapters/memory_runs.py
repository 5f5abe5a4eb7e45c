"""The ledger of runs in process, and a tracker that keeps what it is told: for tests, demonstrations and trials."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from tacit.errors import Refused
from tacit.models.experiments.runs import Choice, Kind, Run


class MemoryRunStore:
    """A `RunStore` that keeps what it is told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._choices: list[Choice] = []

    def add(self, run: Run) -> None:
        with self._lock:
            if run.run_id in self._runs:
                detail = f"Run {ascii(run.run_id)[:64]} is in the ledger already and never changes."
                raise Refused("run_immutable", detail, field="run_id")
            self._runs[run.run_id] = run

    def run(self, run_id: str) -> Run | None:
        return self._runs.get(run_id)

    def finished(self, key: str) -> Sequence[Run]:
        made = [run for run in self._latest() if run.recipe.key == key and run.outcome.state != "failed"]
        return [run for run in made if run.copy_of is None]

    def runs(self, *, experiment: str | None = None, kind: Kind | None = None, limit: int = 100) -> Sequence[Run]:
        found = [run for run in self._latest() if experiment in (None, run.experiment) and kind in (None, run.kind)]
        return found[:limit]

    def looks(self, snapshot: str) -> int:
        recipes = [run.recipe for run in self._latest()]
        return len({each.key for each in recipes if each.snapshot == snapshot and each.fold == "holdout"})

    def choose(self, choice: Choice) -> None:
        with self._lock:
            self._choices.append(choice)

    def choices(self, *, experiment: str | None = None, limit: int = 100) -> Sequence[Choice]:
        return [each for each in reversed(self._choices) if experiment in (None, each.experiment)][:limit]

    def _latest(self) -> list[Run]:
        return list(reversed(self._runs.values()))


class NoTracker:
    """A `Tracker` for whoever has none."""

    def record(self, run: Run, texts: Mapping[str, str] | None = None) -> None:
        """Nothing is told."""

    def attach(self, experiment: str, files: Sequence[Path], tags: Mapping[str, str]) -> None:
        """Nothing is kept."""
