"""The command that looks for better settings than the defaults, and can train with what it found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tacit.entrypoints.cli.notices import tell_notices
from tacit.entrypoints.cli.options import Asked, command
from tacit.entrypoints.cli.people import actor
from tacit.entrypoints.cli.progress import shown_progress
from tacit.entrypoints.cli.render import show, table
from tacit.entrypoints.cli.training import told_candidate
from tacit.errors import BadInput

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tacit.models.recommender.search import SearchResult
    from tacit.models.recommender.search_trials import Trial


def search_commands(app: typer.Typer) -> None:
    """Add it to the program."""
    command(app, "search")(search)


def search(
    asked: Asked,
    dataset: Annotated[
        str | None, typer.Argument(metavar="[DATASET]", help="Dataset to search on; else the setting, else the latest.")
    ] = None,
    *,
    minutes: Annotated[float, typer.Option(help="No trial begins after so many minutes.", min=0.01)] = 10.0,
    trials: Annotated[int, typer.Option(help="Settings to try, at most.", min=1, max=1_000)] = 28,
    train: Annotated[bool, typer.Option("--train", help="Train a candidate with what was found.")] = False,
    save: Annotated[Path | None, typer.Option(help="New file to write the settings to, as in tacit.toml.")] = None,
) -> None:
    """Try settings on a part of the training data, set aside; what is held out to judge by is never looked at."""
    from tacit.models.recommender.search import Budget

    check_new(save)
    with asked.opened() as app:
        tell_notices(app)
        with shown_progress() as progress:
            found = app.search(dataset, budget=Budget(trials, minutes), progress=progress)
            candidate = app.train(dataset, actor=actor(), found=found, progress=progress) if train else None
    if save is not None:
        save.write_text(fragment(found), encoding="utf-8")
    outcome = found.as_dict() | ({} if candidate is None else {"candidate": candidate.as_dict()})

    def told() -> Iterator[RenderableType]:
        yield from told_search(found)
        if save is not None:
            yield f"They are in {save}."
        if candidate is not None:
            yield from told_candidate(candidate, is_champion=False)

    show(outcome, told, is_json=asked.is_json)


def told_search(found: SearchResult) -> Iterator[RenderableType]:
    """What was tried and what won, for a person."""
    yield trial_table(_one_per_voice(found.trials))
    yield f"NDCG@20 on {found.judged_users} users of a validation fold, in {found.seconds:.0f} s:"
    yield f"  popularity {found.popularity:.4f}, the defaults {found.default_ndcg:.4f}, the best {found.ndcg:.4f}"
    if found.ended_by == "minutes":
        yield "The time was over before all trials were made."
    yield "These settings were the best:"
    yield fragment(found).rstrip("\n")


def trial_table(trials: list[Trial]) -> RenderableType:
    """One line a trial."""
    rows = [
        (
            trial.stage,
            trial.factors,
            f"{trial.alpha:.3g}",
            f"{trial.regularization:.3g}",
            f"{trial.frequency_exponent:g}",
            trial.iterations,
            "" if trial.voice is None else f"{trial.voice}, {trial.weight:g}",
            f"{trial.ndcg:.4f}",
            "" if trial.voice else f"{trial.seconds:.1f}",
        )
        for trial in trials
    ]
    columns = ("stage", "factors", "alpha", "regularization", "exponent", "iterations", "second voice", "NDCG@20", "s")
    return table(columns, rows, numbers=[name for name in columns if name not in {"stage", "second voice"}])


def _one_per_voice(trials: tuple[Trial, ...]) -> list[Trial]:
    """Each second voice at its best weight alone."""
    best: dict[str, Trial] = {}
    for trial in trials:
        key = f"{trial.voice} {trial.parameters}"
        if trial.voice and (key not in best or trial.ndcg > best[key].ndcg):
            best[key] = trial
    return [trial for trial in trials if trial.voice is None] + list(best.values())


def fragment(found: SearchResult) -> str:
    """The settings that won, as lines of a `tacit.toml`.

    The number of iterations was chosen already, so that training need not look for it again; a second voice is chosen
    by each training anew, since it depends on the factors of the day.
    """
    chosen = [f"{name} = {value!r}" for name, value in found.chosen().items()]
    blend = "off" if found.voice is None else "auto"
    return "\n".join(["[als]", *chosen, "early_stopping = false", f'blend = "{blend}"', ""])


def check_new(path: Path | None) -> None:
    """Refuse to write over a file, or into a folder that is not there.

    Raises:
        BadInput: `file_exists`, `folder_unknown`.
    """
    if path is None:
        return
    if path.exists():
        raise BadInput("file_exists", f"{path} is there already.", field="--save", fix="Name a new file.")
    if not path.parent.is_dir():
        raise BadInput("folder_unknown", f"There is no folder {path.parent}.", field="--save", fix="Make it first.")
