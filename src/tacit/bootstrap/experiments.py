"""Experiments, wired over the platform: sweeps, searches, and what is read of the ledger of runs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tacit.bootstrap.app import App, now
from tacit.bootstrap.run_ledger import card_in, notebook_over, tracker_of
from tacit.data.interfaces import Progress, silent
from tacit.errors import BadInput, Misconfigured, NotFound

if TYPE_CHECKING:
    from tacit.models.experiments.comparison import Comparison
    from tacit.models.experiments.exploring import Sampler, SearchBudget
    from tacit.models.experiments.interfaces import Tracker
    from tacit.models.experiments.judging import Course
    from tacit.models.experiments.notebook import Notebook
    from tacit.models.experiments.runs import Run
    from tacit.models.experiments.sweeping import Conclusion, Report
    from tacit.models.experiments.sweeps import ChoiceRule, Sweep

MOST_FACTORS = 256
"""The longest vectors that a search tries unless told otherwise."""


@dataclass(frozen=True)
class SearchChoices:
    """How a search by sampler is made.

    Attributes:
        name: What the experiment is called.
        budget: What it may cost.
        seed: Of the sampler.
        most_factors: The longest vectors to try; fewer where memory affords fewer.
        pruning: What gives hopeless trials up.
    """

    name: str
    budget: SearchBudget
    seed: int = 20_260
    most_factors: int = MOST_FACTORS
    pruning: Literal["median", "hyperband", "none"] = "median"


@dataclass(frozen=True)
class Experiments:
    """What can be done with experiments on this installation.

    Attributes:
        app: The platform.
        tracker: Told of runs beside the ledger.
        tell: Told what an operator should know, in a sentence.
    """

    app: App
    tracker: Tracker
    tell: Callable[[str], None]

    def run(
        self, sweep: Sweep, dataset: str | None = None, *, actor: str, final: bool = True, progress: Progress = silent
    ) -> Report:
        """Run a sweep on a dataset as it is now.

        Raises:
            Refused: `nothing_to_judge_by`, `nothing_to_choose_from`.
        """
        from tacit.models.experiments.sweeping import run_sweep

        end = self._end(sweep.rule, actor=actor, final=final)
        return run_sweep(sweep, self._course(dataset, progress), self.notebook(), end=end, progress=progress)

    def search(
        self,
        choices: SearchChoices,
        dataset: str | None = None,
        *,
        actor: str,
        final: bool = True,
        progress: Progress = silent,
    ) -> Report:
        """Search with Optuna on a dataset as it is now.

        Raises:
            Misconfigured: `extra_missing`.
            Refused: `nothing_to_judge_by`, `nothing_to_choose_from`.
        """
        from tacit.models.experiments.exploring import OBJECTIVE, Study, explore, first_points
        from tacit.models.experiments.sweeps import ChoiceRule

        sampler_of = _optuna_sampler()
        course = self._course(dataset, progress)
        most = max(1, min(choices.most_factors, self._affordable(course), *course.ground.values.shape))
        first = first_points(most)
        sampler = sampler_of(seed=choices.seed, most_factors=most, first=first, pruning=choices.pruning)
        end = self._end(ChoiceRule(OBJECTIVE, tolerance=0.0), actor=actor, final=final)
        study = Study(choices.name, sampler, choices.budget)
        return explore(study, course, self.notebook(), end=end, progress=progress)

    def compare(self, experiment: str) -> Comparison:
        """The runs of an experiment with the snapshot and the code of its latest one, and the latest choice among them.

        Raises:
            NotFound: `experiment_unknown`.
        """
        from tacit.models.experiments.comparison import Comparison, compared

        found = self.app.runs.runs(experiment=experiment, limit=10_000)
        if not found:
            raise self._unknown(experiment)
        snapshot, code = found[0].recipe.snapshot, found[0].recipe.code
        runs = compared(run for run in found if (run.recipe.snapshot, run.recipe.code) == (snapshot, code))
        ids = {run.run_id for run in runs}
        last = next((each for each in self.app.runs.choices(experiment=experiment) if each.run_id in ids), None)
        return Comparison(
            experiment, snapshot, runs, None if last is None else last.run_id, "" if last is None else last.rationale
        )

    def write(self, comparison: Comparison, folder: Path) -> tuple[Path, ...]:
        """Write a comparison's table, and its plots where matplotlib is there, and have the tracker keep them.

        Raises:
            BadInput: `folder_unusable`.
        """
        from tacit.models.experiments.comparison import CSV_NAME, as_csv

        check_folder(folder)
        (folder / CSV_NAME).write_text(as_csv(comparison), encoding="utf-8")
        paths = (folder / CSV_NAME, *self._plots(comparison, folder))
        tags = {"tacit.snapshot": comparison.snapshot, "tacit.chosen": comparison.chosen or ""}
        self.notebook().attach(comparison.experiment, paths, tags | {"tacit.rationale": comparison.rationale})
        return paths

    def publish(self, experiment: str | None = None, *, progress: Progress = silent) -> int:
        """Tell the tracker every run of the ledger that it does not have; how many were gone through.

        Raises:
            Misconfigured: `tracker_missing` if there is none.
            Unavailable: As the tracker fails.
        """
        if self.app.settings.experiments.tracker == "none":
            raise Misconfigured(
                "tracker_missing",
                "There is no tracker to tell.",
                field="experiments.tracker",
                fix="Set experiments.tracker to mlflow.",
            )
        runs = list(reversed(self.app.runs.runs(experiment=experiment, limit=1_000_000)))
        if experiment is not None and not runs:
            raise self._unknown(experiment)
        for place, run in enumerate(runs):
            progress("telling the tracker", place / len(runs))
            self.tracker.record(run, self._card(run))
        return len(runs)

    def _card(self, run: Run) -> Mapping[str, str]:
        """The model card of the version whose training a run was, as long as there is one."""
        name, _, number = run.name.rpartition("/")
        version = self.app.versions.version(name, int(number)) if run.kind == "training" else None
        return {} if version is None else card_in(version.folder)

    def notebook(self) -> Notebook:
        """Where runs are written down."""
        return notebook_over(self.app.runs, self.tracker, clock=now, tell=self.tell)

    def _course(self, dataset: str | None, progress: Progress) -> Course:
        from tacit.adapters.own_source import code_digest
        from tacit.models.experiments.judging import Course

        progress("freezing", 0.0)
        workload = self.app.workload
        snapshot = self.app.freeze(dataset)
        return Course.over(snapshot, workload.engine, code=code_digest(), memory=workload.memory)

    def _affordable(self, course: Course) -> int:
        from tacit.models.recommender.memory import TrainingSize, affordable_factors

        users, items = course.ground.values.shape
        size = TrainingSize(users, items, course.ground.values.nnz, MOST_FACTORS * 16, users, is_judged=True)
        return affordable_factors(size, self.app.workload.memory())

    def _end(self, rule: ChoiceRule, *, actor: str, final: bool) -> Conclusion:
        from tacit.models.experiments.sweeping import Conclusion

        return Conclusion(actor, rule, self.app.workload if final else None)

    def _plots(self, comparison: Comparison, folder: Path) -> Sequence[Path]:
        try:
            from tacit.adapters.plots import draw_comparison
        except ModuleNotFoundError:
            self.tell("No plots were drawn: install the extra, pip install 'tacit[plots]'.")
            return ()
        title = f"{comparison.experiment} on snapshot {comparison.snapshot[:12]}"
        return draw_comparison(title, comparison.rows(), folder)

    def _unknown(self, experiment: str) -> NotFound:
        names = sorted({run.experiment for run in self.app.runs.runs(limit=10_000)})
        return NotFound(
            "experiment_unknown",
            f"There is no experiment {ascii(experiment)[:64]}.",
            field="experiment",
            fix="Known are: " + (", ".join(names[:20]) or "(none)") + ".",
        )


def experiments(app: App, *, tell: Callable[[str], None]) -> Experiments:
    """Experiments with the tracker that the settings ask for.

    Raises:
        Misconfigured: `extra_missing`.
    """
    return Experiments(app, tracker_of(app.settings), tell)


def _optuna_sampler() -> Callable[..., Sampler]:
    try:
        from tacit.adapters.optuna_sampler import OptunaSampler
    except ModuleNotFoundError as missing:
        raise Misconfigured(
            "extra_missing",
            "A search by sampler needs Optuna, which is not installed.",
            fix="Install the extra: pip install 'tacit[search]'; `tacit search` works without.",
        ) from missing
    return OptunaSampler


def check_folder(folder: Path) -> None:
    """Make a folder if need be, and see that it can be written to, before hours are spent on what goes there.

    Raises:
        BadInput: `folder_unusable`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as problem:
        raise _unusable(folder, problem) from problem


def _unusable(folder: Path, problem: OSError) -> BadInput:
    return BadInput(
        "folder_unusable",
        f"Nothing can be written to {ascii(str(folder))[:200]}: {problem.strerror}.",
        field="--out",
        fix="Name a folder that you may write to.",
    )
