"""The notebook of an experiment: every outcome into our ledger first, then to the tracker, which may be away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tacit.errors import TacitError, Unavailable
from tacit.models.experiments.interfaces import MemoryMeter, RunStore, Tracker
from tacit.models.experiments.runs import Choice, Kind, Outcome, Recipe, Run


@dataclass(frozen=True)
class Page:
    """Where in the notebook a run stands.

    Attributes:
        kind: Why it is made.
        experiment: The sweep or search.
        name: The configuration or trial.
        dataset: What the snapshot was frozen from.
    """

    kind: Kind
    experiment: str
    name: str
    dataset: str


@dataclass(frozen=True)
class Notebook:
    """Writes runs down, and repeats none that is written down already.

    Attributes:
        store: Our ledger; what it cannot take is an error.
        tracker: Told afterwards; what it cannot take is told of and no error, since our ledger has it.
        meter: Measures memory.
        clock: The time as ledgers write it.
        new_id: A name for a run or a choice.
        tell: Told what an operator should know, in a sentence.
    """

    store: RunStore
    tracker: Tracker
    meter: MemoryMeter
    clock: Callable[[], str]
    new_id: Callable[[], str]
    tell: Callable[[str], None]

    def once(self, page: Page, recipe: Recipe, attempt: Callable[[], Outcome]) -> Run:
        """The run of a recipe: the one in the ledger if it is complete there, else a new one.

        A failure is written down with its reason, and tried again the next time.  An interruption writes nothing.
        """
        made = self.complete(recipe)
        return self.made(page, recipe, attempt) if made is None else self.copied(page, made)

    def complete(self, recipe: Recipe) -> Run | None:
        """The run of a recipe that is complete in the ledger, if there is one."""
        return next((run for run in self.store.finished(recipe.key) if run.outcome.state == "complete"), None)

    def made(self, page: Page, recipe: Recipe, attempt: Callable[[], Outcome]) -> Run:
        """A run made now."""
        started = self.clock()
        self.meter.start()
        try:
            outcome = attempt()
        except TacitError as problem:
            outcome = Outcome(state="failed", problem=f"{problem.code}: {problem.detail}")
        outcome = replace(outcome, peak_memory=self.meter.peak())
        return self.written(page, recipe, outcome, started=started)

    def copied(self, page: Page, made: Run) -> Run:
        """A run made before: itself if it stands on this page already, else a line that repeats its outcome."""
        standing = self.store.runs(experiment=page.experiment, kind=page.kind, limit=_MOST)
        for run in standing:
            if run.recipe.key == made.recipe.key and run.name == page.name and run.outcome == made.outcome:
                return run
        return self.written(page, made.recipe, made.outcome, copy_of=made.run_id)

    def written(
        self,
        page: Page,
        recipe: Recipe,
        outcome: Outcome,
        *,
        started: str | None = None,
        copy_of: str | None = None,
        texts: Mapping[str, str] | None = None,
    ) -> Run:
        """A run that is over, in the ledger, and the tracker told."""
        now = self.clock()
        run = Run(
            run_id=self.new_id(),
            kind=page.kind,
            experiment=page.experiment,
            name=page.name,
            dataset=page.dataset,
            recipe=recipe,
            outcome=outcome,
            started_at=started or now,
            ended_at=now,
            copy_of=copy_of,
        )
        self.store.add(run)
        self._told(lambda: self.tracker.record(run, texts))
        return run

    def choose(self, choice: Choice) -> None:
        """Write a choice down."""
        self.store.choose(choice)

    def attach(self, experiment: str, files: Sequence[Path], tags: Mapping[str, str]) -> None:
        """Have the tracker keep files of an experiment."""
        self._told(lambda: self.tracker.attach(experiment, files, tags))

    def _told(self, telling: Callable[[], None]) -> None:
        try:
            telling()
        except Unavailable as problem:
            self.tell(f"The tracker was not told: {problem.detail} Everything is in our ledger.")


_MOST = 1_000_000
"""As many runs as a ledger may have of one experiment."""
