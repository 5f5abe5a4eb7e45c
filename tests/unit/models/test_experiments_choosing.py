"""The choice among runs: the cheapest of those nearly as good as the best, with its reason."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tacit.errors import Refused
from tacit.models.experiments.choosing import choose
from tacit.models.experiments.comparison import Comparison, as_csv, compared
from tacit.models.experiments.sweeps import ChoiceRule
from tests.experiments import a_run

RUNS = [
    a_run("accurate", ndcg=0.0137, seconds=243, size=370),
    a_run("production", ndcg=0.0120, seconds=13, size=280),
    a_run("small", ndcg=0.0085, seconds=6, size=220),
]


@pytest.mark.requirement("EVAL-008")
def test_the_cheapest_within_the_tolerance_is_chosen_and_the_reason_has_the_numbers() -> None:
    chosen = choose(RUNS, ChoiceRule(tolerance=0.15))

    assert chosen.run.name == "production"
    assert "12.4% below accurate" in chosen.rationale
    assert "5.3% of its training time and 75.7% of its size" in chosen.rationale
    assert "small is best: against it, +41.2%" in chosen.rationale
    assert "2 of 3 are within the tolerance" in chosen.rationale


def test_without_a_tolerance_the_best_is_chosen_whatever_it_costs() -> None:
    assert choose(RUNS, ChoiceRule(tolerance=0.0)).run.name == "accurate"


def test_what_failed_was_pruned_or_met_the_holdout_is_never_chosen() -> None:
    others = [
        a_run("failed", ndcg=0.9, state="failed"),
        a_run("pruned", ndcg=0.9, state="pruned"),
        a_run("final", ndcg=0.9, fold="holdout"),
        a_run("blind", metrics={}),
    ]

    assert choose([*others, RUNS[2]], ChoiceRule()).run.name == "small"
    with pytest.raises(Refused) as refused:
        choose(others, ChoiceRule())
    assert refused.value.code == "nothing_to_choose_from"


positive = some.floats(0.001, 1.0)


@given(
    some.lists(some.tuples(positive, positive, some.integers(1, 100)), min_size=1, max_size=8),
    some.floats(0, 0.99),
    some.sampled_from(["seconds", "bytes"]),
)
def test_nothing_within_the_tolerance_is_cheaper_than_what_was_chosen(
    drawn: list[tuple[float, float, int]], tolerance: float, cost: str
) -> None:
    runs = [a_run(f"r{n}", ndcg=ndcg, seconds=s, size=size) for n, (ndcg, s, size) in enumerate(drawn)]
    price = {"seconds": lambda run: run.outcome.seconds, "bytes": lambda run: run.outcome.factor_bytes}[cost]

    chosen = choose(runs, ChoiceRule(tolerance=tolerance, cost=cost)).run  # type: ignore[arg-type]

    least = max(ndcg for ndcg, _, _ in drawn) * (1 - tolerance)
    good = [run for run in runs if run.outcome.metrics["ndcg@10"] >= least]
    assert chosen in good
    assert price(chosen) == min(map(price, good))
    assert choose(list(reversed(runs)), ChoiceRule(tolerance=tolerance, cost=cost)).run == chosen  # type: ignore[arg-type]


@pytest.mark.requirement("EVAL-006")
def test_the_table_has_one_line_a_run_with_the_chosen_one_marked() -> None:
    comparison = Comparison("seven", "s" * 64, tuple(RUNS), "run-production")

    rows = list(csv.DictReader(io.StringIO(as_csv(comparison))))

    assert [(row["name"], row["ndcg@10"], row["seconds"], row["chosen"]) for row in rows] == [
        ("accurate", "0.0137", "243", "False"),
        ("production", "0.012", "13", "True"),
        ("small", "0.0085", "6", "False"),
    ]


def test_a_spreadsheet_takes_no_cell_of_the_table_for_a_formula() -> None:
    comparison = Comparison("seven", "s", (a_run("a", state="failed", problem="=cmd()"),))

    assert next(csv.DictReader(io.StringIO(as_csv(comparison))))["problem"] == "'=cmd()"


def test_of_runs_that_were_made_again_the_table_shows_the_latest() -> None:
    latest_first = [a_run("a", seconds=3.0), a_run("b"), a_run("a", seconds=1.0), a_run("a", fold="holdout")]

    assert [(run.name, run.recipe.fold, run.outcome.seconds) for run in compared(latest_first)] == [
        ("a", "holdout", 2.0),
        ("a", "validation", 3.0),
        ("b", "validation", 2.0),
    ]
