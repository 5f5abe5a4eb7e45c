"""Choosing among runs: the cheapest of those nearly as good as the best, with the reason in words (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tacit.errors import Refused
from tacit.models.experiments.runs import Run
from tacit.models.experiments.sweeps import ChoiceRule, Cost


@dataclass(frozen=True)
class Chosen:
    """What a rule chose.

    Attributes:
        run: The run.
        rationale: Why, against the best, against the next smaller, and what fell short.
    """

    run: Run
    rationale: str


def comparable(runs: Iterable[Run], metric: str) -> list[Run]:
    """The runs that a choice may fall on: complete, scored on the validation fold."""
    return [
        run
        for run in runs
        if run.outcome.state == "complete" and run.recipe.fold == "validation" and metric in run.outcome.metrics
    ]


def choose(runs: Sequence[Run], rule: ChoiceRule) -> Chosen:
    """Apply the rule; of two that cost the same the better, of two alike the first by name.

    Raises:
        Refused: `nothing_to_choose_from`.
    """
    eligible = comparable(runs, rule.metric)
    if not eligible:
        raise Refused(
            "nothing_to_choose_from",
            f"None of {len(runs)} runs is complete, scored on a validation fold and has {rule.metric}.",
            fix="See `tacit experiments list` for why runs failed.",
        )
    best = max(eligible, key=lambda run: (score(run, rule.metric), run.name))
    least = score(best, rule.metric) * (1 - rule.tolerance)
    good = [run for run in eligible if score(run, rule.metric) >= least]
    chosen = min(good, key=lambda run: (cost(run, rule.cost), -score(run, rule.metric), run.name))
    return Chosen(chosen, " ".join(_reasons(chosen, best, eligible, rule=rule, good=len(good))))


def score(run: Run, metric: str) -> float:
    """What a run scored."""
    return run.outcome.metrics[metric]


def cost(run: Run, kind: Cost) -> float:
    """What a run cost."""
    return run.outcome.seconds if kind == "seconds" else float(run.outcome.factor_bytes)


def _reasons(chosen: Run, best: Run, eligible: Sequence[Run], *, rule: ChoiceRule, good: int) -> Iterable[str]:
    mine, metric = score(chosen, rule.metric), rule.metric
    if chosen is best:
        yield f"{chosen.name} has the best {metric}, {mine:.4f}, and is the cheapest within {rule.tolerance:.1%} of it."
    else:
        gap = _share(score(best, metric) - mine, score(best, metric))
        yield (
            f"{chosen.name} scores {metric} {mine:.4f}, {gap} below "
            f"{best.name}, the best, within the {rule.tolerance:.1%} allowed, at {_costs(chosen, best)}."
        )
    smaller = [run for run in eligible if run.outcome.factor_bytes < chosen.outcome.factor_bytes]
    if smaller:
        rival = max(smaller, key=lambda run: (score(run, metric), run.name))
        gain = _share(mine - score(rival, metric), score(rival, metric), is_signed=True)
        yield f"Of the smaller ones {rival.name} is best: against it, {gain}."
    yield f"{good} of {len(eligible)} are within the tolerance; the cheapest by {rule.cost} was taken."


def _costs(run: Run, other: Run) -> str:
    seconds = _share(run.outcome.seconds, other.outcome.seconds)
    size = _share(run.outcome.factor_bytes, other.outcome.factor_bytes)
    return f"{seconds} of its training time and {size} of its size"


def _share(part: float, whole: float, *, is_signed: bool = False) -> str:
    if not whole:
        return "incomparable"
    return f"{part / whole:+.1%}" if is_signed else f"{part / whole:.1%}"
