"""The ledger of runs as the console shows it: a list, one run, and several side by side (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tacit.entrypoints.console.spelling import number, score, spelled, value_text, words
from tacit.entrypoints.console.versions_view import Fact, metric_title
from tacit.entrypoints.console.wording import DASH, duration, ms_of, size
from tacit.models.experiments.runs import Run

KINDS = {"sweep": "Sweep", "search": "Search", "final": "Chosen", "training": "Training"}
"""What a kind of run is called on a page."""
MOST_COMPARED = 5
"""Runs that fit beside each other."""
_LESS = ("gini", "popularity", "loss")


@dataclass(frozen=True)
class RunRow:
    """A run in the list.

    Attributes:
        run_id: Its name.
        kind: Why it was made, in words.
        experiment: What it belongs to.
        name: What it is called there.
        state: `complete`, `pruned` or `failed`.
        fold: What it was scored on.
        metric: The metric that is shown, in words.
        value: Its value.
        seconds: How long it learnt.
        factors_bytes: What its factors take.
        ended_ms: When it was over.
        is_copy: Whether it repeats the outcome of another.
        problem: Why it failed.
    """

    run_id: str
    kind: str
    experiment: str
    name: str
    state: str
    fold: str
    metric: str
    value: str
    seconds: str
    factors_bytes: str
    ended_ms: int
    is_copy: bool
    problem: str | None


@dataclass(frozen=True)
class ScoredRow:
    """A metric of a run, and of the baselines it was scored beside."""

    title: str
    value: str
    baselines: tuple[str, ...]


@dataclass(frozen=True)
class RunSheet:
    """One run.

    Attributes:
        row: As in the list.
        parameters: What decided it.
        metrics: What it scored, with what the baselines did beside it.
        baselines: Their names.
        origin: Data, code and digests.
        curves: What was measured along the way: a name in words, and `(iteration, value)` each.
    """

    row: RunRow
    parameters: tuple[Fact, ...]
    metrics: tuple[ScoredRow, ...]
    baselines: tuple[str, ...]
    origin: tuple[Fact, ...]
    curves: tuple[tuple[str, tuple[tuple[int, float], ...]], ...]


@dataclass(frozen=True)
class ComparedRow:
    """A parameter or metric of several runs.

    Attributes:
        name: What it is called.
        values: Of each run, in their order.
        best: Places of the best; none for parameters, and where all are the same.
        differs: Whether they are not all the same.
    """

    name: str
    values: tuple[str, ...]
    best: tuple[int, ...]
    differs: bool


@dataclass(frozen=True)
class RunsCompared:
    """Several runs side by side."""

    runs: tuple[RunRow, ...]
    metrics: tuple[ComparedRow, ...]
    parameters: tuple[ComparedRow, ...]
    is_same_data: bool


def run_row(run: Run) -> RunRow:
    """A run in the list, with the first metric that it was scored by."""
    outcome = run.outcome
    metric = "ndcg@10" if "ndcg@10" in outcome.metrics else next(iter(outcome.metrics), "")
    return RunRow(
        run.run_id,
        KINDS[run.kind],
        run.experiment,
        run.name,
        outcome.state,
        "Hold-out" if run.recipe.fold == "holdout" else "Validation",
        metric_title(metric) if metric else DASH,
        spelled(outcome.metrics.get(metric), score),
        duration(outcome.seconds),
        size(outcome.factor_bytes) if outcome.factor_bytes else DASH,
        ms_of(run.ended_at),
        run.copy_of is not None,
        outcome.problem,
    )


def run_sheet(run: Run) -> RunSheet:
    """One run."""
    outcome, recipe = run.outcome, run.recipe
    origin = [
        Fact("Dataset", run.dataset),
        Fact("Snapshot", recipe.snapshot, is_code=True),
        Fact("Code", recipe.code, is_code=True),
        Fact("Recipe", recipe.key, is_code=True),
        *([Fact("Factors", outcome.factors_digest, is_code=True)] if outcome.factors_digest else []),
        *([Fact("Peak of memory", size(outcome.peak_memory))] if outcome.peak_memory else []),
        *([Fact("Repeats the outcome of", run.copy_of, is_code=True)] if run.copy_of else []),
    ]
    return RunSheet(
        run_row(run),
        tuple(Fact(name, value_text(each)) for name, each in sorted(recipe.parameters.items())),
        tuple(_scored(name, outcome.metrics) for name in outcome.metrics if "/" not in name),
        tuple(map(words, _baselines(outcome.metrics))),
        tuple(origin),
        tuple((words(name), tuple(points)) for name, points in outcome.curves.items()),
    )


def runs_compared(runs: Sequence[Run]) -> RunsCompared:
    """Several runs side by side: metrics with the best of each, then parameters, those that differ first."""
    metrics = [name for name in _names([run.outcome.metrics for run in runs]) if "/" not in name]
    parameters = _names([run.recipe.parameters for run in runs])
    settings = [_setting(name, runs) for name in sorted(parameters)]
    return RunsCompared(
        tuple(map(run_row, runs)),
        tuple(_metric(name, runs) for name in metrics),
        tuple(sorted(settings, key=lambda row: not row.differs)),
        len({(run.recipe.snapshot, run.recipe.fold) for run in runs}) == 1,
    )


def _scored(name: str, metrics: Mapping[str, float]) -> ScoredRow:
    beside = (metrics.get(f"{baseline}/{name}") for baseline in _baselines(metrics))
    return ScoredRow(metric_title(name), score(metrics[name]), tuple(spelled(value, score) for value in beside))


def _baselines(metrics: Mapping[str, float]) -> list[str]:
    """Those whose scores stand beside a run's, as `popularity/ndcg@10`."""
    return sorted({name.partition("/")[0] for name in metrics if "/" in name})


def _names(each: Sequence[Mapping[str, object]]) -> list[str]:
    return list(dict.fromkeys(name for one in each for name in one))


def _metric(name: str, runs: Sequence[Run]) -> ComparedRow:
    values = [number(run.outcome.metrics.get(name)) for run in runs]
    known = [value for value in values if value is not None]
    texts = tuple(spelled(value, score) for value in values)
    best = (min if name.startswith(_LESS) else max)(known, default=None)
    places = tuple(place for place, value in enumerate(values) if best is not None and value == best)
    is_told = len(set(texts)) > 1
    return ComparedRow(metric_title(name), texts, places if is_told else (), is_told)


def _setting(name: str, runs: Sequence[Run]) -> ComparedRow:
    texts = tuple(value_text(run.recipe.parameters[name]) if name in run.recipe.parameters else DASH for run in runs)
    return ComparedRow(name, texts, (), len(set(texts)) > 1)
