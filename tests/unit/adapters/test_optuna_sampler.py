"""Optuna as a sampler: seeded, bounded, and ending what is hopeless; and searches led by it."""

from __future__ import annotations

import pytest

pytest.importorskip("optuna", reason="Optuna is not installed (the extra `search`)")

from tacit.adapters.optuna_sampler import OptunaSampler
from tacit.data.datasets import Snapshot
from tacit.models.experiments.exploring import (
    OBJECTIVE,
    Proposal,
    SearchBudget,
    Study,
    explore,
    first_points,
)
from tacit.models.experiments.sweeping import Conclusion, Report, run_sweep
from tacit.models.experiments.sweeps import ChoiceRule, Configuration, Sweep
from tacit.models.recommender.als import AlsSettings
from tacit.models.recommender.search_space import Point
from tests.experiments import Desk, course_over, desk, snapshot

END = Conclusion("ann", ChoiceRule(OBJECTIVE, tolerance=0.0), None)


def sampler(seed: int = 7, **chosen: object) -> OptunaSampler:
    return OptunaSampler(seed=seed, most_factors=16, first=first_points(16), **chosen)  # type: ignore[arg-type]


def led(one: OptunaSampler, trials: int) -> list[Proposal]:
    """Proposals of a sampler that is told the same each time: small factors are good."""
    found = []
    for _ in range(trials):
        proposal = one.ask()
        one.tell(proposal.number, 1 / proposal.factors)
        found.append(proposal)
    return found


def searched(data: Snapshot, made: Desk, *, trials: int, seed: int = 7, **chosen: object) -> Report:
    study = Study("search", sampler(seed, **chosen), SearchBudget(trials))
    return explore(study, course_over(data), made.notebook, end=END)


@pytest.fixture(scope="module")
def data() -> Snapshot:
    return snapshot()


def test_a_study_begins_where_our_own_search_begins() -> None:
    proposals = led(sampler(), 4)

    assert (proposals[0].point, proposals[0].factors) == (Point(), 16)
    assert len({proposal.point for proposal in proposals}) == 4


def test_one_seed_proposes_the_same_and_another_does_not() -> None:
    first, second = led(sampler(), 12), led(sampler(), 12)

    assert first == second
    assert led(sampler(8), 12)[5:] != first[5:]


def test_proposals_stay_within_the_bounds() -> None:
    for proposal in led(sampler(), 25):
        assert 1 <= proposal.factors <= 16
        assert 1 / 3 <= proposal.point.alpha <= 2
        assert 0.5 <= proposal.point.frequency_exponent <= 1


@pytest.mark.parametrize(("pruning", "is_ended"), [("median", True), ("none", False)])
def test_a_trial_far_below_the_others_is_ended_early_unless_nobody_prunes(pruning: str, is_ended: bool) -> None:
    one = sampler(pruning=pruning)
    for _ in range(6):
        proposal = one.ask()
        for iteration in (2, 4, 6):
            assert not one.is_hopeless(proposal.number, iteration, 0.5) or pruning == "median"
        one.tell(proposal.number, 0.5)

    last = one.ask()

    assert any(one.is_hopeless(last.number, iteration, 0.01) for iteration in (2, 4, 6)) == is_ended


def test_a_search_writes_every_trial_down_and_chooses_the_best(data: Snapshot) -> None:
    made = desk()

    report = searched(data, made, trials=8)

    runs = report.comparison.runs
    assert [run.name for run in runs] == [f"trial-{number}" for number in range(8)]
    assert list(reversed(made.store.runs())) == list(runs)
    complete = [run for run in runs if run.outcome.state == "complete"]
    best = max(complete, key=lambda run: run.outcome.metrics[OBJECTIVE])
    assert report.comparison.chosen == best.run_id
    assert best.outcome.metrics[OBJECTIVE] == pytest.approx(max(value for _, value in best.outcome.curves[OBJECTIVE]))
    assert report.ended_by == "trials"


def test_the_same_search_on_another_day_learns_the_same_factors(data: Snapshot) -> None:
    first, second = (searched(data, desk(), trials=7).comparison.runs for _ in range(2))

    assert [run.outcome.factors_digest for run in first] == [run.outcome.factors_digest for run in second]
    assert [run.outcome.metrics for run in first] == [run.outcome.metrics for run in second]


def test_a_search_that_goes_on_repeats_no_trial_and_ends_where_one_would_have(data: Snapshot) -> None:
    broken_off, whole = desk(), desk()
    searched(data, broken_off, trials=5)

    gone_on = searched(data, broken_off, trials=8)

    straight = searched(data, whole, trials=8)
    assert gone_on.known == 5
    assert [run.recipe for run in gone_on.comparison.runs] == [run.recipe for run in straight.comparison.runs]
    assert [run.outcome.state for run in gone_on.comparison.runs] == [
        run.outcome.state for run in straight.comparison.runs
    ]
    assert len(broken_off.store.runs()) == 8


def test_pruned_trials_are_in_the_ledger_and_are_found_there(data: Snapshot) -> None:
    made = desk()
    first = searched(data, made, trials=14)

    again = searched(data, made, trials=14)

    states = [run.outcome.state for run in first.comparison.runs]
    print(states)
    assert "pruned" in states
    assert [run.outcome.state for run in again.comparison.runs] == states
    assert again.known == 14


def test_a_trial_that_the_fold_may_stop_is_not_taken_for_a_configuration_that_runs_to_its_end(data: Snapshot) -> None:
    made, course = desk(), course_over(data)
    first = searched(data, made, trials=1).comparison.runs[0]
    chosen = {name: first.recipe.parameters[name] for name in ("factors", "iterations", "alpha", "regularization")}
    settings = AlsSettings(**chosen, frequency_exponent=first.recipe.parameters["frequency_exponent"])

    sweep = Sweep("one", (Configuration("same", settings),))
    report = run_sweep(sweep, course, made.notebook, end=Conclusion("ann", sweep.rule, None))

    assert report.known == 0
    assert len(report.comparison.runs[0].outcome.curves["loss"]) == settings.iterations


def test_a_budget_in_minutes_ends_a_search_after_the_trial_under_way(data: Snapshot) -> None:
    moments = iter([0.0, 1.0, 30.0, 61.0])
    study = Study("search", sampler(), SearchBudget(trials=9, minutes=1.0), clock=lambda: next(moments))

    report = explore(study, course_over(data), desk().notebook, end=END)

    assert len(report.comparison.runs) == 2
    assert report.ended_by == "minutes"
