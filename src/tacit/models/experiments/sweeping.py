"""Running a sweep: every configuration on the validation fold, one chosen, and that one on the hold-out, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from tacit.data.interfaces import Progress, silent
from tacit.models.experiments.choosing import Chosen, choose
from tacit.models.experiments.comparison import Comparison
from tacit.models.experiments.judging import Course, digest_of
from tacit.models.experiments.notebook import Notebook, Page
from tacit.models.experiments.runs import Choice, Outcome, Run, numbers_of
from tacit.models.experiments.sweeps import ChoiceRule, Configuration, Sweep
from tacit.models.recommender.als import AlsSettings, Factors
from tacit.models.recommender.training_plan import PlanRules
from tacit.models.recommender.workload import RecommenderWorkload
from tacit.models.training import run as train_and_score


@dataclass(frozen=True)
class Report:
    """What an experiment came to.

    Attributes:
        comparison: Its runs side by side, and the choice.
        baselines: What popularity and chance score on the same fold.
        final: What was chosen, on the hold-out; `None` if that was not asked for, or nothing could be chosen.
        looks: How many different recipes have met this snapshot's hold-out so far.
        known: How many of the runs were in the ledger already.
        ended_by: What ended a search: `trials` or `minutes`; a sweep ends by itself.
    """

    comparison: Comparison
    baselines: Mapping[str, Mapping[str, float]]
    final: Run | None
    looks: int
    known: int
    ended_by: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            **self.comparison.as_dict(),
            "baselines": {name: dict(found) for name, found in self.baselines.items()},
            "final": None if self.final is None else self.final.as_dict(),
            "holdout_looks": self.looks,
            "known_runs": self.known,
            "ended_by": self.ended_by,
        }


@dataclass(frozen=True)
class Conclusion:
    """How an experiment ends.

    Attributes:
        actor: Who has it run.
        rule: Chooses.
        workload: Trains what was chosen and scores it on the hold-out; `None` leaves the hold-out alone.
    """

    actor: str
    rule: ChoiceRule
    workload: RecommenderWorkload | None


def run_sweep(
    sweep: Sweep, course: Course, notebook: Notebook, *, end: Conclusion, progress: Progress = silent
) -> Report:
    """Run what the ledger does not have already, choose, and have the chosen one meet the hold-out once.

    A configuration that fails is in the ledger with its reason, and the others go on.

    Raises:
        Refused: `nothing_to_choose_from` if all of them failed.
    """
    steps = len(sweep.configurations) + (end.workload is not None)
    runs, known = [], 0
    for place, configuration in enumerate(sweep.configurations):
        told = part(progress, f"{configuration.name}, {place + 1} of {steps}", place, of=steps)
        settings = course.resolved(configuration.settings)
        known += notebook.complete(course.recipe(settings)) is not None
        runs.append(_once(configuration, settings, sweep.name, course=course, notebook=notebook, told=told))
    chosen = conclude(runs, course, notebook, end=end)
    settings = next(each.settings for each in sweep.configurations if each.name == chosen.run.name)
    told = part(progress, f"{chosen.run.name} on the hold-out", steps - 1, of=steps)
    final = finish(chosen.run, settings, course, notebook=notebook, end=end, progress=told)
    comparison = Comparison(sweep.name, course.snapshot.fingerprint, tuple(runs), chosen.run.run_id, chosen.rationale)
    looks = notebook.store.looks(course.snapshot.fingerprint)
    return Report(comparison, course.baselines, final, looks, known)


def _once(
    configuration: Configuration,
    settings: AlsSettings,
    experiment: str,
    *,
    course: Course,
    notebook: Notebook,
    told: Progress,
) -> Run:
    page = Page("sweep", experiment, configuration.name, course.snapshot.dataset)
    return notebook.once(page, course.recipe(settings), lambda: course.attempt(settings, told))


def conclude(runs: list[Run], course: Course, notebook: Notebook, *, end: Conclusion) -> Chosen:
    """The run chosen, written down with its reason.

    Raises:
        Refused: `nothing_to_choose_from`.
    """
    chosen = choose(runs, end.rule)
    _write_choice(chosen, course=course, notebook=notebook, end=end)
    return chosen


def _write_choice(chosen: Chosen, *, course: Course, notebook: Notebook, end: Conclusion) -> None:
    """Write a choice down, unless the last one of this experiment says the same."""
    run, snapshot, rule = chosen.run, course.snapshot.fingerprint, asdict(end.rule)
    said = (run.run_id, snapshot, rule, chosen.rationale)
    for last in notebook.store.choices(experiment=run.experiment, limit=1):
        if (last.run_id, last.snapshot, dict(last.rule), last.rationale) == said:
            return
    made = Choice(
        notebook.new_id(), run.experiment, snapshot, run.run_id, rule, chosen.rationale, end.actor, notebook.clock()
    )
    notebook.choose(made)


def finish(
    chosen: Run,
    settings: AlsSettings,
    course: Course,
    *,
    notebook: Notebook,
    end: Conclusion,
    progress: Progress = silent,
) -> Run | None:
    """Train what was chosen on all of the training part and score it on the hold-out; once for each recipe."""
    if end.workload is None:
        return None
    snapshot = course.snapshot
    resolved = settings.resolved(snapshot.training)
    resolved = replace(resolved, factors=max(1, min(resolved.k, *snapshot.training.shape)))
    workload = replace(end.workload, settings=resolved, rules=PlanRules(), start=None)
    page = Page("final", chosen.experiment, chosen.name, snapshot.dataset)
    recipe = course.recipe(resolved, fold="holdout")
    return notebook.once(page, recipe, lambda: _on_holdout(workload, course, progress))


def _on_holdout(workload: RecommenderWorkload, course: Course, progress: Progress) -> Outcome:
    made = train_and_score(workload, course.snapshot, progress)
    model = made.fitted.model
    others = {
        f"{name}/{metric}": value for name, found in made.baselines.items() for metric, value in found.metrics.items()
    }
    return Outcome(
        metrics=numbers_of({**made.evaluation.metrics, **others}),
        curves={"loss": tuple(enumerate(made.fitted.losses, 1))},
        seconds=made.fit_seconds,
        factor_bytes=model.user_factors.nbytes + model.item_factors.nbytes,
        factors_digest=digest_of(Factors(model.user_factors, model.item_factors)),
    )


def part(progress: Progress, step: str, place: int, *, of: int) -> Progress:
    """A step of several as a `Progress` of its own, in one bar that only rises, even where the step begins anew."""
    most = 0.0

    def told(_: str, share: float) -> None:
        nonlocal most
        most = max(most, min(share, 1.0))
        progress(step, (place + most) / of)

    return told
