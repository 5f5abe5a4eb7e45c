"""Commands on experiments: run a sweep, search with a sampler, and look at what was tried and chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tacit.entrypoints.cli.notices import tell_notices
from tacit.entrypoints.cli.options import Asked, command, group_command
from tacit.entrypoints.cli.people import actor
from tacit.entrypoints.cli.progress import shown_progress
from tacit.entrypoints.cli.render import facts, say, show, table
from tacit.errors import BadInput, NotFound

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tacit.models.experiments.sweeping import Report

Dataset = Annotated[str | None, typer.Option(help="Dataset to learn from; else the setting, else the latest.")]
Out = Annotated[
    Path | None,
    typer.Option(help="Folder for experiments_comparison.csv and its plots; files of those names are replaced."),
]
NoFinal = Annotated[
    bool, typer.Option("--no-final", help="Leave the hold-out alone: do not score what was chosen on it.")
]


def experiment_commands(app: typer.Typer) -> None:
    """Add them to the program."""
    group = typer.Typer(help="Try settings side by side, and see what was tried; `list` unless you say otherwise.")
    group_command(group)(_experiments)
    command(group, "run")(run)
    command(group, "search")(search)
    command(group, "list")(list_runs)
    command(group, "show")(show_run)
    command(group, "compare")(compare)
    command(group, "publish")(publish)
    app.add_typer(group, name="experiments")


def _experiments(asked: Asked, context: typer.Context) -> None:
    """Try settings side by side, and see what was tried; `list` unless you say otherwise."""
    if context.invoked_subcommand is None:
        list_runs(asked)


def run(
    asked: Asked,
    sweep: Annotated[
        Path | None, typer.Argument(metavar="[SWEEP.toml]", help="Sweep file; else the seven that come with us.")
    ] = None,
    *,
    dataset: Dataset = None,
    out: Out = None,
    no_final: NoFinal = False,
) -> None:
    """Train each configuration of a sweep on one snapshot, score it on a validation fold, and choose one.

    What was chosen is then trained on all of the training part and scored on the hold-out, once.  What the ledger of
    runs has already is not done again.
    """
    from tacit.bootstrap.experiments import check_folder, experiments
    from tacit.models.experiments.sweeps import read_sweep, shipped_sweep

    read = read_sweep(shipped_sweep() if sweep is None else _text(sweep))
    if out is not None:
        check_folder(out)
    with asked.opened() as app:
        tell_notices(app)
        made = experiments(app, tell=_tell)
        with shown_progress() as progress:
            report = made.run(read, dataset, actor=actor(), final=not no_final, progress=progress)
        paths = () if out is None else made.write(report.comparison, out)
    _show_report(report, paths, is_json=asked.is_json)


def search(
    asked: Asked,
    dataset: Annotated[
        str | None, typer.Argument(metavar="[DATASET]", help="Dataset to search on; else the setting, else the latest.")
    ] = None,
    *,
    minutes: Annotated[float, typer.Option(help="No trial begins after so many minutes.", min=0.01)] = 10.0,
    trials: Annotated[int, typer.Option(help="Trials in all, at most.", min=1, max=10_000)] = 30,
    seed: Annotated[int, typer.Option(help="Seed of the sampler.", min=0, max=2**32 - 1)] = 20_260,
    most_factors: Annotated[int, typer.Option(help="The longest vectors to try.", min=1, max=4_096)] = 256,
    pruner: Annotated[
        Literal["median", "hyperband", "none"], typer.Option(help="What gives hopeless trials up.")
    ] = "median",
    name: Annotated[str, typer.Option(help="What the experiment is called.")] = "search",
    out: Out = None,
    save: Annotated[Path | None, typer.Option(help="New file to write the settings to, as in tacit.toml.")] = None,
    no_final: NoFinal = False,
) -> None:
    """Search with Optuna (extra `search`) on a validation fold; begun again, it goes on where it was."""
    from tacit.bootstrap.experiments import SearchChoices, check_folder, experiments
    from tacit.entrypoints.cli.search import check_new
    from tacit.models.experiments.exploring import SearchBudget
    from tacit.models.experiments.sweeps import checked_name

    check_new(save)
    if out is not None:
        check_folder(out)
    choices = SearchChoices(checked_name(name, "--name"), SearchBudget(trials, minutes), seed, most_factors, pruner)
    with asked.opened() as app:
        tell_notices(app)
        made = experiments(app, tell=_tell)
        with shown_progress() as progress:
            report = made.search(choices, dataset, actor=actor(), final=not no_final, progress=progress)
        paths = () if out is None else made.write(report.comparison, out)
    if save is not None:
        save.write_text(_fragment(report), encoding="utf-8")
    _show_report(report, paths, is_json=asked.is_json)


def list_runs(
    asked: Asked,
    *,
    experiment: Annotated[str | None, typer.Option(help="Only runs of this experiment.")] = None,
    limit: Annotated[int, typer.Option(help="The most runs to list.", min=1, max=100_000)] = 50,
) -> None:
    """List the runs of the ledger, the latest first."""
    with asked.opened() as app:
        found = [each.as_dict() for each in app.runs.runs(experiment=experiment, limit=limit)]
    rows = [
        (row["run_id"][:12], row["experiment"], row["name"], row["fold"], row["state"], _ndcg(row), _seconds(row))
        for row in found
    ]
    columns = ("run", "experiment", "name", "scored on", "state", "NDCG@10", "s")
    human = table(columns, rows, numbers=("NDCG@10", "s"))
    show(found, lambda: [human if rows else "There is no run yet: tacit experiments run."], is_json=asked.is_json)


def show_run(
    asked: Asked,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Id of the run, or as much of it as is unique.")],
) -> None:
    """Show one run: what decided it, what it scored, what it cost, and its factors' digest."""
    with asked.opened() as app:
        found = app.runs.run(run_id) or _by_beginning(app.runs.runs(limit=100_000), run_id)
    said = found.as_dict()
    plain = {key: value for key, value in said.items() if key not in {"parameters", "metrics", "curves"}}
    parts = [facts(plain), facts(said["parameters"]), facts(said["metrics"])]
    show(said, lambda: parts, is_json=asked.is_json)


def compare(
    asked: Asked,
    experiment: Annotated[str, typer.Argument(help="The sweep or search to compare the runs of.")],
    *,
    out: Out = None,
) -> None:
    """Compare an experiment's runs on its latest snapshot, with the choice and its reason."""
    from tacit.bootstrap.experiments import experiments

    with asked.opened() as app:
        made = experiments(app, tell=_tell)
        comparison = made.compare(experiment)
        paths = () if out is None else made.write(comparison, out)
    answer = {**comparison.as_dict(), "files": [str(path) for path in paths]}

    def told() -> Iterator[RenderableType]:
        yield _table(answer["rows"])
        yield comparison.rationale or "Nothing was chosen yet."
        yield from _files(paths)

    show(answer, told, is_json=asked.is_json)


def publish(
    asked: Asked, *, experiment: Annotated[str | None, typer.Option(help="Only runs of this experiment.")] = None
) -> None:
    """Tell the tracker every run of the ledger that it does not have yet."""
    from tacit.bootstrap.experiments import experiments

    with asked.opened() as app:
        made = experiments(app, tell=_tell)
        with shown_progress() as progress:
            count = made.publish(experiment, progress=progress)
    show({"runs": count}, lambda: [f"The tracker has all {count} runs."], is_json=asked.is_json)


def _show_report(report: Report, paths: Sequence[Path], *, is_json: bool) -> None:
    answer = {**report.as_dict(), "files": [str(path) for path in paths]}

    def told() -> Iterator[RenderableType]:
        yield _table(answer["rows"])
        yield _baselines(report.baselines)
        yield report.comparison.rationale
        if report.final is not None:
            scored = report.final.outcome
            yield f"On the hold-out: {_final(scored.metrics) if scored.state == 'complete' else scored.problem}"
            yield f"{report.looks} different recipes have met this snapshot's hold-out."
        if report.known:
            yield f"{report.known} runs were in the ledger already and were not done again."
        if report.ended_by == "minutes":
            yield "The time was over before all trials were made."
        yield from _files(paths)

    show(answer, told, is_json=is_json)


def _table(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    columns = ("name", "factors", "it.", "alpha", "lambda", "P@10", "MAP@10", "NDCG@10", "s", "peak MiB", "MiB", "")
    shown = [
        (
            row["name"],
            row["factors"],
            row["iterations"],
            _short(row["alpha"]),
            _short(row["regularization"]),
            *(_score(row[name]) for name in ("precision@10", "map@10", "ndcg@10")),
            f"{row['seconds']:.2f}",
            row["peak_memory_mib"],
            row["factors_mib"],
            _mark(row),
        )
        for row in rows
    ]
    return table(columns, shown, numbers=columns[1:-1])


def _mark(row: Mapping[str, Any]) -> str:
    if row["chosen"]:
        return "chosen"
    if row["state"] == "failed":
        return str(row["problem"])[:80]
    return "on the hold-out" if row["fold"] == "holdout" else row["state"].replace("complete", "")


def _baselines(found: Mapping[str, Mapping[str, float]]) -> str:
    popular = {name: _score(found["popularity"][name]) for name in ("precision@10", "map@10", "ndcg@10")}
    by_chance = found["random"]["precision@10"]
    said = ", ".join(f"{name} {value}" for name, value in popular.items())
    return f"Beside them: popularity {said}; lists at random precision@10 {by_chance:.6f}."


def _final(metrics: Mapping[str, float]) -> str:
    names = ("precision@10", "map@10", "ndcg@10")
    mine = ", ".join(f"{name} {_score(metrics.get(name))}" for name in names)
    return f"{mine}; popularity ndcg@10 {_score(metrics.get('popularity/ndcg@10'))}"


def _files(paths: Sequence[Path]) -> Iterator[str]:
    if paths:
        yield "Written: " + ", ".join(str(path) for path in paths)


def _score(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"


def _short(value: float | None) -> str | None:
    return None if value is None else f"{value:.3g}"


def _ndcg(row: Mapping[str, Any]) -> str | None:
    return _score(row["metrics"].get("ndcg@10"))


def _seconds(row: Mapping[str, Any]) -> str:
    return f"{row['seconds']:.1f}"


def _tell(sentence: str) -> None:
    say(f"tacit: {sentence}")


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is not UTF-8"
        detail = f"The sweep {ascii(str(path))[:200]} cannot be read: {reason}."
        raise BadInput("sweep_unreadable", detail, field="SWEEP.toml", fix="Name a TOML file.") from problem


def _by_beginning(runs: Sequence[Any], beginning: str) -> Any:
    found = [run for run in runs if len(beginning) >= 4 and run.run_id.startswith(beginning)]
    if len(found) != 1:
        detail = f"{len(found)} runs have an id that begins with {ascii(beginning)[:64]}."
        raise NotFound("run_unknown", detail, field="RUN", fix="See tacit experiments list --json for whole ids.")
    return found[0]


def _fragment(report: Report) -> str:
    """The settings chosen, as lines of a `tacit.toml`."""
    names = ("factors", "iterations", "alpha", "regularization", "frequency_exponent")
    chosen = next(run for run in report.comparison.runs if run.run_id == report.comparison.chosen)
    values = {**chosen.recipe.parameters, "iterations": int(chosen.outcome.metrics["best_iteration"])}
    lines = [f"{name} = {values[name]!r}" for name in names]
    return "\n".join(["[als]", *lines, "early_stopping = false", 'blend = "off"', ""])
