"""Commands on learning: train a candidate and see the evidence, or score a version again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tacit.entrypoints.cli import exits
from tacit.entrypoints.cli.notices import tell_notices
from tacit.entrypoints.cli.options import LARGEST, Asked, command
from tacit.entrypoints.cli.people import actor
from tacit.entrypoints.cli.progress import shown_progress
from tacit.entrypoints.cli.render import say, show, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tacit.models.interfaces import Evaluation
    from tacit.rollout.candidates import Candidate

Dataset = Annotated[str | None, typer.Option(help="Dataset to learn from; else the setting, else the latest.")]


def training_commands(app: typer.Typer) -> None:
    """Add them to the program."""
    command(app, "train")(train)
    command(app, "evaluate")(evaluate)


def train(
    asked: Asked,
    *,
    dataset: Dataset = None,
    warm_start: Annotated[
        str | None,
        typer.Option(help="Start from the item factors of a version, or of the champion.", metavar="NUMBER|champion"),
    ] = None,
    policy: Annotated[
        str | None, typer.Option(help="What the gate asks: auto, improve or refresh; else the setting.")
    ] = None,
    promote: Annotated[bool, typer.Option("--promote", help="Promote it if its verdict is pass.")] = False,
) -> None:
    """Train a candidate, judge it on what was held out, sign it and register it."""
    start = None if warm_start is None else _start(warm_start)
    with asked.opened() as app:
        tell_notices(app)
        with shown_progress() as progress:
            candidate = app.train(dataset, actor=actor(), warm_start=start, policy=policy, progress=progress)
        passed = candidate.verdict.outcome == "pass"
        if promote and passed:
            app.promote(candidate.version.number, actor=actor(), reason="tacit train --promote")
    outcome = {**candidate.as_dict(), **({"promoted": passed} if promote else {})}
    show(outcome, lambda: told_candidate(candidate, is_champion=promote and passed), is_json=asked.is_json)
    if promote and not passed:
        say(f"tacit: not promoted, since its verdict is {candidate.verdict.outcome}")
        raise typer.Exit(exits.REFUSED)


def _start(said: str) -> int | Literal["champion"]:
    """What to start from, as it was said."""
    if said == "champion":
        return "champion"
    if said.isascii() and said.isdigit() and 1 <= len(said) <= 9 and int(said):
        return int(said)
    raise typer.BadParameter("name a version by its number, or say champion", param_hint="--warm-start")


def told_candidate(candidate: Candidate, *, is_champion: bool) -> Iterator[RenderableType]:
    """A candidate and the evidence, for a person."""
    number = candidate.version.number
    yield f"{candidate.version.name}/{number}, trained in {candidate.seconds:.1f} s"
    yield evaluation_table(candidate.run.evaluation, candidate.run.baselines)
    yield f"policy: {candidate.gate['policy']}. {candidate.gate['policy_reason']}"
    yield f"verdict: {candidate.verdict.outcome}"
    yield from (f"  {reason}" for reason in candidate.verdict.reasons)
    yield from (f"  (nothing to go by) {each.gate}: {each.reason}" for each in candidate.verdict.idle)
    if is_champion:
        yield "It is the champion now."
    elif candidate.verdict.outcome == "pass":
        yield f"Next: tacit promote {number}"
    else:
        yield f"It is registered, and reaches nobody: see tacit models show {number}"


def evaluate(
    asked: Asked,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Number of the version.", min=1, max=LARGEST)],
    *,
    dataset: Annotated[str | None, typer.Option(help="Dataset to score on; else the one it learnt from.")] = None,
) -> None:
    """Score a version, and the baselines, on what is held out now."""
    with asked.opened() as app, shown_progress() as progress:
        scored, baselines = app.evaluate(number, dataset, progress=progress)
    outcome = {
        "version": number,
        "metrics": scored.metrics,
        "intervals": scored.intervals,
        "segments": scored.segments,
        "baselines": {name: each.metrics for name, each in baselines.items()},
        "seconds": round(scored.seconds, 3),
    }
    show(outcome, lambda: [evaluation_table(scored, baselines)], is_json=asked.is_json)


def evaluation_table(scored: Evaluation, baselines: Mapping[str, Evaluation]) -> RenderableType:
    """The metrics with their intervals, the baselines beside them."""
    rows = [
        (name, f"{value:.4f}", _interval(scored, name), *(f"{each.metrics[name]:.4f}" for each in baselines.values()))
        for name, value in scored.metrics.items()
    ]
    columns = ("metric", "model", "95 % interval", *(name.replace("_", " ") for name in baselines))
    return table(columns, rows, numbers=columns[1:])


def _interval(scored: Evaluation, name: str) -> str:
    if name not in scored.intervals:
        return ""
    low, high = scored.intervals[name]
    return f"{low:.4f} to {high:.4f}"
