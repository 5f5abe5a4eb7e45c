"""What experiments ask of the outside world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tacit.models.experiments.runs import Choice, Kind, Run


class RunStore(Protocol):
    """The ledger of runs and choices: append-only, whatever tracker is told beside it."""

    def add(self, run: Run) -> None:
        """Write a run that is over.

        Raises:
            Refused: `run_immutable` if a run of that id is there.
        """
        ...

    def run(self, run_id: str) -> Run | None:
        """One run."""
        ...

    def finished(self, key: str) -> Sequence[Run]:
        """The runs of a recipe that did not fail and copy none, the latest first."""
        ...

    def runs(self, *, experiment: str | None = None, kind: Kind | None = None, limit: int = 100) -> Sequence[Run]:
        """Runs, the latest first."""
        ...

    def looks(self, snapshot: str) -> int:
        """How many different recipes were scored on the hold-out of a snapshot."""
        ...

    def choose(self, choice: Choice) -> None:
        """Write a choice down."""
        ...

    def choices(self, *, experiment: str | None = None, limit: int = 100) -> Sequence[Choice]:
        """Choices, the latest first."""
        ...


class Tracker(Protocol):
    """Somebody else's record of runs, beside ours; it may be away, and nobody waits for it beyond its deadline."""

    def record(self, run: Run, texts: Mapping[str, str] | None = None) -> None:
        """Tell of a run, with texts to keep beside it by file name; a run told before changes nothing.

        Raises:
            Unavailable: `tracker_unavailable` or `tracker_timeout`; from then on at once.
        """
        ...

    def attach(self, experiment: str, files: Sequence[Path], tags: Mapping[str, str]) -> None:
        """Keep files of a whole experiment.

        Raises:
            Unavailable: As `record`.
        """
        ...


class MemoryMeter(Protocol):
    """Tells how much memory a piece of work took."""

    def start(self) -> None:
        """Begin anew."""
        ...

    def peak(self) -> int | None:
        """Most bytes that the process held since; `None` where the system does not tell."""
        ...
