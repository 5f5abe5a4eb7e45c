"""The command that writes everybody's list into one file, for mails, caches and other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tacit.entrypoints.cli.notices import tell_notices
from tacit.entrypoints.cli.options import Asked, command
from tacit.entrypoints.cli.progress import shown_progress
from tacit.entrypoints.cli.render import show


def list_commands(app: typer.Typer) -> None:
    """Add it to the program."""
    command(app, "lists")(lists)


def lists(
    asked: Asked,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="File to write: lists.arrow (a stream) or lists.parquet.")],
    *,
    count: Annotated[int, typer.Option(help="Items in each list.", min=1, max=1_000)] = 100,
    category: Annotated[str | None, typer.Option(help="The only category to list from.")] = None,
    number: Annotated[int | None, typer.Option("--version", help="Number of the version; else the champion.")] = None,
) -> None:
    """Write every known user's best items into one file, as each would be answered.

    Users with too few interactions to have a taste (setting `coldstart.blended_from`) are left out.
    """
    with asked.opened() as app, shown_progress() as progress:
        tell_notices(app)
        written = app.write_lists(out, count=count, category=category, number=number, progress=progress)
    said = f"{written['users']} lists of up to {count} items by {written['version']} are in {out}."
    show(dict(written), lambda: [said], is_json=asked.is_json)
