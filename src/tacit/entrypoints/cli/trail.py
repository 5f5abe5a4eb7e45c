"""The command on the record of what was shown to users."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from tacit.entrypoints.cli.options import Asked, command
from tacit.entrypoints.cli.render import show, table

Limit = Annotated[int, typer.Option(min=1, max=100_000, help="How many, the latest first.")]


def trail_commands(app: typer.Typer) -> None:
    """Add them to the program."""
    command(app, "exposures")(list_exposures)


def list_exposures(asked: Asked, *, limit: Limit = 20) -> None:
    """List the latest lists that were shown: to whom, by which version."""
    with asked.opened() as app:
        shown = app.exposures.recent(limit)
        count = app.exposures.count()
    rows = [
        (
            datetime.fromtimestamp(each.at_ms / 1_000, UTC).isoformat(timespec="seconds"),
            each.user_id,
            each.model_version,
            each.source + (" (degraded)" if each.degraded else ""),
            len(each.item_ids),
            " ".join(each.item_ids[:5]),
        )
        for each in shown
    ]
    columns = ("at", "user", "version", "source", "items", "first five")
    human = table(columns, rows, numbers=("items",))
    show([asdict(each) for each in shown], lambda: [human, f"{len(shown)} of {count:,} lists"], is_json=asked.is_json)
