"""A search led by a sampler: trials on the validation fold, the hopeless ended early, each in the ledger.

The sampler proposes points in the same box around the density rule that our own staged search looks in
(`search_space`), and starts from that search's first points: the rule itself, then points spread evenly.  What it is
told decides what it proposes next, and it is told the same by the ledger as by a training: so a search that was
interrupted proposes what it proposed before, finds it in the ledger, and goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from tacit.data.interfaces import Progress, silent
from tacit.models.experiments.comparison import Comparison
from tacit.models.experiments.judging import Course, digest_of
from tacit.models.experiments.notebook import Notebook, Page
from tacit.models.experiments.runs import Outcome, Run
from tacit.models.experiments.sweeping import Conclusion, Report, conclude, finish, part
from tacit.models.recommender.als import AlsSettings, Factors, train
from tacit.models.recommender.factor_lister import weighted
from tacit.models.recommender.search_space import Box, Point
from tacit.models.recommender.search_trials import JUDGED_EVERY, MOST_ITERATIONS

OBJECTIVE = "ndcg@20"
"""What a trial is judged by along the way, over full rankings."""

FIRST_FACTORS = 64
SPREAD = 3
"""Evenly spread points that a study begins with, after the rule's own."""


@dataclass(frozen=True)
class Proposal:
    """What a sampler wants tried.

    Attributes:
        number: Of the trial, from 0.
        point: Settings relative to the density rule.
        factors: `k`.
    """

    number: int
    point: Point
    factors: int


class Sampler(Protocol):
    """Proposes what to try next from what was found; given the same answers it proposes the same."""

    def ask(self) -> Proposal:
        """The next trial."""
        ...

    def is_hopeless(self, number: int, iteration: int, value: float) -> bool:
        """Hear how a trial stands after an iteration; whether to end it."""
        ...

    def tell(self, number: int, value: float | None) -> None:
        """Hear what a trial came to; `None` if it was ended or failed."""
        ...


@dataclass(frozen=True)
class SearchBudget:
    """What a search may cost; whichever runs out first.

    Attributes:
        trials: Trials in all, those that the ledger has included.
        minutes: No trial begins after so long; the one under way is finished.
    """

    trials: int = 30
    minutes: float = 10.0


@dataclass(frozen=True)
class Study:
    """A search to be made.

    Attributes:
        name: What the experiment is called.
        sampler: Proposes.
        budget: What it may cost.
        clock: Seconds.
    """

    name: str
    sampler: Sampler
    budget: SearchBudget = SearchBudget()
    clock: Callable[[], float] = time.monotonic


def first_points(most_factors: int) -> tuple[tuple[Point, int], ...]:
    """What a study begins with: the rule, and points spread around it; with few factors, or as few as there may be."""
    factors = min(FIRST_FACTORS, most_factors)
    return tuple((point, factors) for point in (Point(), *Box().points(SPREAD)))


def explore(
    study: Study, course: Course, notebook: Notebook, *, end: Conclusion, progress: Progress = silent
) -> Report:
    """Try what the sampler proposes while there is budget, choose, and have the chosen one meet the hold-out once.

    Raises:
        Refused: `nothing_to_choose_from` if no trial came to its end.
    """
    started, budget = study.clock(), study.budget
    done: list[_Trial] = []
    steps = budget.trials + (end.workload is not None)
    while len(done) < budget.trials and study.clock() - started < 60 * budget.minutes:
        step = f"trial {len(done) + 1} of {budget.trials}"
        done.append(_tried(study, course, notebook, told=part(progress, step, len(done), of=steps)))
    ended_by = "trials" if len(done) == budget.trials else "minutes"
    runs = [trial.run for trial in done]
    chosen = conclude(runs, course, notebook, end=end)
    settings = next(trial.settings for trial in done if trial.run.run_id == chosen.run.run_id)
    told = part(progress, f"{chosen.run.name} on the hold-out", budget.trials, of=steps)
    final = finish(chosen.run, settings, course, notebook=notebook, end=end, progress=told)
    comparison = Comparison(study.name, course.snapshot.fingerprint, tuple(runs), chosen.run.run_id, chosen.rationale)
    looks = notebook.store.looks(course.snapshot.fingerprint)
    return Report(comparison, course.baselines, final, looks, sum(trial.is_known for trial in done), ended_by)


@dataclass(frozen=True)
class _Trial:
    """A trial that is over.

    Attributes:
        run: As the ledger has it.
        settings: What trains the same again, with as many iterations as were best.
        is_known: Whether it was in the ledger before.
    """

    run: Run
    settings: AlsSettings
    is_known: bool


def _tried(study: Study, course: Course, notebook: Notebook, *, told: Progress) -> _Trial:
    proposal = study.sampler.ask()
    resolved = replace(
        course.resolved(course.ground.resolved(proposal.point, proposal.factors)),
        iterations=MOST_ITERATIONS,
        judge_every=JUDGED_EVERY,
        patience=2,
    )
    recipe = course.recipe(resolved, is_judged=True)
    page = Page("search", study.name, f"trial-{proposal.number}", course.snapshot.dataset)
    known = next((run for run in notebook.store.finished(recipe.key) if _replays(study.sampler, proposal, run)), None)
    if known is None:
        attempt = _Attempt(study.sampler, proposal, resolved, course=course, told=told)
        run = notebook.made(page, recipe, attempt.run)
    else:
        run = notebook.copied(page, known)
    is_complete = run.outcome.state == "complete"
    study.sampler.tell(proposal.number, run.outcome.metrics[OBJECTIVE] if is_complete else None)
    best = int(run.outcome.metrics.get("best_iteration", MOST_ITERATIONS))
    return _Trial(run, replace(resolved, iterations=best), known is not None)


def _replays(sampler: Sampler, proposal: Proposal, run: Run) -> bool:
    """Tell the sampler what a run of the ledger said along the way; whether it would have gone the same way now."""
    for iteration, value in run.outcome.curves.get(OBJECTIVE, ()):
        if sampler.is_hopeless(proposal.number, iteration, value):
            return run.outcome.state == "pruned"
    return run.outcome.state == "complete"


class _Hopeless(Exception):
    """Ends a trial from within."""


@dataclass(frozen=True)
class _Attempt:
    """A trial under way."""

    sampler: Sampler
    proposal: Proposal
    settings: AlsSettings
    course: Course = field(kw_only=True)
    told: Progress = field(kw_only=True)

    def run(self) -> Outcome:
        """Train, judged every other iteration, until it gets no better or the sampler gives it up."""
        ground, settings = self.course.ground, self.settings
        judged: list[tuple[int, float]] = []
        self.course.check_memory(settings)
        started = time.monotonic()

        def judge(factors: Factors) -> float:
            value = self.course.scores(factors.item_factors, settings)[OBJECTIVE]
            judged.append((factors.iteration, value))
            if self.sampler.is_hopeless(self.proposal.number, factors.iteration, value):
                raise _Hopeless
            return value

        try:
            weights = weighted(ground.values, self.course.confidence(settings))
            learnt = train(weights, settings, ground.engine, judge=judge, progress=self.told)
        except _Hopeless:
            return self._outcome(judged, time.monotonic() - started)
        return self._outcome(judged, time.monotonic() - started, learnt)

    def _outcome(self, judged: list[tuple[int, float]], seconds: float, learnt: Factors | None = None) -> Outcome:
        curves = {OBJECTIVE: tuple(judged)}
        size = self.course.factor_bytes(self.settings.k)
        if learnt is None:
            best = max(value for _, value in judged)
            return Outcome("pruned", {OBJECTIVE: best}, curves, seconds=seconds, factor_bytes=size)
        metrics = {
            **self.course.scores(learnt.item_factors, self.settings),
            "best_iteration": float(learnt.iteration),
        }
        return Outcome(
            "complete", metrics, curves, seconds=seconds, factor_bytes=size, factors_digest=digest_of(learnt)
        )
