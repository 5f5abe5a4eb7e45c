"""A sweep: each configuration on the validation fold, nothing done twice, the hold-out met once and last."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tacit.data.datasets import Snapshot
from tacit.errors import Refused
from tacit.models.experiments.judging import Course
from tacit.models.experiments.sweeping import Conclusion, Report, run_sweep
from tacit.models.experiments.sweeps import ChoiceRule, Sweep, read_sweep
from tacit.models.recommender.als import AlsSettings
from tacit.models.recommender.workload import RecommenderWorkload
from tests.experiments import Desk, course_over, desk, snapshot

SWEEP = read_sweep("""
name = "three"
[defaults]
iterations = 4
[choice]
cost = "bytes"
tolerance = 0.5
[[configuration]]
name = "four"
factors = 4
[[configuration]]
name = "eight"
factors = 8
[[configuration]]
name = "strong"
factors = 4
regularization = 1e6
""")
ALONE = Conclusion("ann", SWEEP.rule, None)


def whole(course: Course) -> Conclusion:
    return Conclusion("ann", SWEEP.rule, RecommenderWorkload(AlsSettings(), engine=course.ground.engine))


@pytest.fixture(scope="module")
def data() -> Snapshot:
    return snapshot()


@pytest.fixture(scope="module")
def swept(data: Snapshot) -> tuple[Report, Desk]:
    made, course = desk(), course_over(data)
    return run_sweep(SWEEP, course, made.notebook, end=whole(course)), made


@pytest.mark.requirement("EVAL-001")
def test_every_configuration_is_scored_by_full_rankings_and_its_cost_is_measured(swept: tuple[Report, Desk]) -> None:
    report, made = swept

    for run in report.comparison.runs:
        assert run.recipe.fold == "validation"
        assert {"precision@10", "map@10", "ndcg@10"} <= set(run.outcome.metrics)
        assert run.outcome.seconds > 0
        assert len(run.outcome.curves["loss"]) == 4
        assert len(run.outcome.factors_digest or "") == 64
    sizes = {run.name: run.outcome.factor_bytes for run in report.comparison.runs}
    assert sizes["eight"] == 2 * sizes["four"]
    assert made.tracker.told == list(reversed(made.store.runs()))


@pytest.mark.requirement("TRAIN-004")
def test_the_choice_is_in_the_ledger_with_its_rule_its_reason_and_who_asked(swept: tuple[Report, Desk]) -> None:
    report, made = swept
    [choice] = made.store.choices()

    chosen = next(run for run in report.comparison.runs if run.run_id == choice.run_id)
    assert chosen.name == "four"
    assert choice.rationale == report.comparison.rationale
    assert choice.rule == {"metric": "ndcg@10", "tolerance": 0.5, "cost": "bytes"}
    assert choice.actor == "ann"


@pytest.mark.requirement("EVAL-003")
def test_popularity_and_chance_stand_beside_the_runs(swept: tuple[Report, Desk]) -> None:
    found = swept[0].baselines

    assert 0 < found["random"]["precision@10"] < 1
    assert 0 < found["popularity"]["precision@10"] < found["popularity"]["recall@20"] < 1
    final = swept[0].final
    assert final is not None
    assert final.outcome.metrics["ndcg@10"] > final.outcome.metrics["popularity/ndcg@10"]


def test_chance_is_what_lists_drawn_at_random_score(data: Snapshot) -> None:
    course = course_over(data)
    fold, generator = course.ground.fold, np.random.default_rng(5)
    hits = []
    for row in range(len(fold.judged)):
        seen = fold.training[[fold.judged[row]]].indices
        left = np.setdiff1d(np.arange(fold.training.shape[1]), seen)
        drawn = np.array([generator.choice(left, 10, replace=False) for _ in range(200)])
        hits.append(np.isin(drawn, fold.wanted[[row]].indices).mean())

    assert course.baselines["random"]["precision@10"] == pytest.approx(np.mean(hits), rel=0.05)


def test_a_sweep_that_does_not_conclude_never_reads_the_holdout(data: Snapshot) -> None:
    poisoned = replace(data)
    object.__setattr__(poisoned, "__dict__", {**poisoned.__dict__, "holdout": None, "history": None})

    report = run_sweep(SWEEP, course_over(poisoned), desk().notebook, end=ALONE)

    assert report.final is None
    assert report.looks == 0


def test_a_sweep_begun_again_trains_nothing_and_says_the_same(swept: tuple[Report, Desk], data: Snapshot) -> None:
    first, made = swept
    runs, choices = list(made.store.runs()), list(made.store.choices())
    course = course_over(data)

    again = run_sweep(SWEEP, course, made.notebook, end=whole(course))

    assert again.comparison == first.comparison
    assert again.final == first.final
    assert (again.known, first.known) == (3, 0)
    assert (again.looks, first.looks) == (1, 1)
    assert (list(made.store.runs()), list(made.store.choices())) == (runs, choices)


def test_another_sweep_with_the_same_recipe_repeats_the_outcome_under_its_own_name(data: Snapshot) -> None:
    made = desk()
    run_sweep(SWEEP, course_over(data), made.notebook, end=ALONE)
    other = replace(SWEEP, name="other", configurations=(replace(SWEEP.configurations[0], name="vier"),))

    [run] = run_sweep(other, course_over(data), made.notebook, end=ALONE).comparison.runs

    [first] = [each for each in made.store.runs(experiment="three") if each.name == "four"]
    assert (run.experiment, run.name, run.copy_of) == ("other", "vier", first.run_id)
    assert run.outcome == first.outcome


@pytest.mark.parametrize("changed", ["code", "data", "seed"])
def test_other_code_other_data_or_another_seed_is_another_run(data: Snapshot, changed: str) -> None:
    made = desk()
    first = run_sweep(SWEEP, course_over(data), made.notebook, end=ALONE)
    courses = {
        "code": course_over(data, code="code-2"),
        "data": course_over(snapshot(seed=2)),
        "seed": course_over(data),
    }
    configurations = SWEEP.configurations
    if changed == "seed":
        configurations = tuple(replace(each, settings=replace(each.settings, seed=3)) for each in configurations)

    second = run_sweep(replace(SWEEP, configurations=configurations), courses[changed], made.notebook, end=ALONE)

    assert second.known == 0
    assert not {run.recipe.key for run in first.comparison.runs} & {run.recipe.key for run in second.comparison.runs}


def test_one_that_fails_is_written_down_and_the_others_go_on_and_it_is_tried_again(data: Snapshot) -> None:
    made = desk()
    left = iter([None, 1, None, None])
    course = replace(course_over(data), memory=lambda: next(left))

    report = run_sweep(SWEEP, course, made.notebook, end=ALONE)

    assert [run.outcome.state for run in report.comparison.runs] == ["complete", "failed", "complete"]
    assert "training_too_large" in str(report.comparison.runs[1].outcome.problem)
    again = run_sweep(SWEEP, replace(course, memory=lambda: None), made.notebook, end=ALONE)
    assert [run.outcome.state for run in again.comparison.runs] == ["complete"] * 3
    assert again.known == 2


def test_a_sweep_of_which_everything_failed_says_so(data: Snapshot) -> None:
    course = replace(course_over(data), memory=lambda: 1)

    with pytest.raises(Refused) as refused:
        run_sweep(SWEEP, course, desk().notebook, end=ALONE)

    assert refused.value.code == "nothing_to_choose_from"


def test_an_interrupted_sweep_keeps_what_was_over_and_goes_on_there(data: Snapshot) -> None:
    made = desk()

    def interrupted(step: str, share: float) -> None:
        if "eight" in step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_sweep(SWEEP, course_over(data), made.notebook, end=ALONE, progress=interrupted)

    assert [run.name for run in made.store.runs()] == ["four"]
    assert run_sweep(SWEEP, course_over(data), made.notebook, end=ALONE).known == 1


def test_a_tracker_that_is_away_costs_no_result_and_is_told_of(data: Snapshot) -> None:
    made = desk(is_away=True)

    report = run_sweep(SWEEP, course_over(data), made.notebook, end=ALONE)

    assert [run.outcome.state for run in report.comparison.runs] == ["complete"] * 3
    assert len(made.store.runs()) == 3
    assert "our ledger" in made.said[0]


def test_progress_of_a_sweep_is_one_bar_that_only_rises(data: Snapshot) -> None:
    told: list[float] = []
    course = course_over(data)

    run_sweep(SWEEP, course, desk().notebook, end=whole(course), progress=lambda _, share: told.append(share))

    assert told == sorted(told)
    assert 0.9 < told[-1] <= 1


def test_the_number_of_threads_changes_no_byte_of_the_factors(data: Snapshot) -> None:
    settings = AlsSettings(factors=8, iterations=4)

    def digest(threads: int) -> str | None:
        course = course_over(data, threads=threads)
        return course.attempt(course.resolved(settings)).factors_digest

    assert digest(1) == digest(3)


def test_a_sweep_of_one_rule_breaks_ties_the_same_way_each_time(data: Snapshot) -> None:
    twins = tuple(replace(SWEEP.configurations[0], name=name) for name in ("b", "a"))
    sweep = Sweep("twins", twins, ChoiceRule(cost="bytes"))

    report = run_sweep(sweep, course_over(data), desk().notebook, end=Conclusion("ann", sweep.rule, None))

    chosen = next(run for run in report.comparison.runs if run.run_id == report.comparison.chosen)
    assert chosen.name == "a"
