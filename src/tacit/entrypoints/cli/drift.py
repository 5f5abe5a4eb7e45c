"""Commands on drift: look now, show the last look, those before it, and write the report of a day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tacit.entrypoints.cli.options import Asked, command
from tacit.entrypoints.cli.render import facts, show, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tacit.monitoring.drift.desk import DriftPoint
    from tacit.monitoring.drift.report import DriftReport


def drift_commands(app: typer.Typer) -> None:
    """Add them to the program."""
    drift = typer.Typer(help="See whether users still do what they did.", no_args_is_help=True)
    command(drift, "run")(run)
    command(drift, "show")(show_last)
    command(drift, "history")(history)
    command(drift, "report")(report)
    app.add_typer(drift, name="drift")


def run(asked: Asked) -> None:
    """Look for drift here and now; above the trigger, a training is asked for."""
    from tacit.bootstrap.drift import look_for_drift
    from tacit.entrypoints.cli.progress import shown_progress

    with asked.opened() as app, shown_progress() as progress:
        found = look_for_drift(app, progress)
    show(found.as_dict(), lambda: _told(found), is_json=asked.is_json)


def show_last(asked: Asked) -> None:
    """Show the last look: drift, estimated and measured quality."""
    from tacit.bootstrap.drift_watching import drift_desk

    with asked.opened() as app:
        found = drift_desk(app).shown()
    show(found.as_dict(), lambda: _told(found), is_json=asked.is_json)


def history(asked: Asked, limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many.")] = 30) -> None:
    """List the last looks, oldest first."""
    from tacit.bootstrap.drift_watching import drift_desk

    with asked.opened() as app:
        found = drift_desk(app).history(limit=limit)
    show({"looks": [each.as_dict() for each in found]}, lambda: _told_history(found), is_json=asked.is_json)


def report(
    asked: Asked,
    *,
    out: Annotated[Path, typer.Option(help="Folder to write DAY.html and DAY.json into.")] = Path(),
    date: Annotated[
        str | None, typer.Option(help="A day in UTC, as 2026-11-22; else the last.", show_default=False)
    ] = None,
) -> None:
    """Write the report of a day: a page that needs nothing else, and its facts."""
    from tacit.bootstrap.drift import write_report
    from tacit.bootstrap.drift_watching import drift_desk

    with asked.opened() as app:
        desk = drift_desk(app)
        found = desk.shown() if date is None else desk.of_day(date)
        written = write_report(app, found, out)
    paths = {"html": str(written[0]), "json": str(written[1])}
    show(paths, lambda: [facts(paths)], is_json=asked.is_json)


def _told(found: DriftReport) -> Iterator[RenderableType]:
    yield facts(
        {
            "looked": _moment(found.at_ms),
            "overall": found.overall,
            "state": found.state,
            "retraining": found.retraining if found.job_id is None else f"{found.retraining} ({found.job_id})",
        }
    )
    numbers = ("score", "effect", "edge", "p", "chance", "units")
    rows = [
        (
            each.title,
            each.state,
            each.score,
            each.effect,
            each.edge,
            _chance(each.p_value),
            _chance(each.chance),
            each.units,
        )
        for each in found.features
    ]
    yield table(("feature", "state", *numbers), rows, numbers=numbers)
    columns = ("baseline", "estimated", "measured", "lists")
    quality = [
        (each.metric, _share(each.baseline), _share(each.estimated), _share(each.measured), each.units, each.state)
        for each in found.quality
    ]
    yield table(("quality", *columns, "state"), quality, numbers=columns)
    if found.bursts:
        bursts = [(each.name or each.item, each.count, each.expected, each.z) for each in found.bursts]
        yield table(("sudden item", "chosen", "expected", "z"), bursts, numbers=("chosen", "expected", "z"))


def _told_history(found: Sequence[DriftPoint]) -> Iterator[RenderableType]:
    if not found:
        yield "There are none."
        return
    rows = [(_moment(each.at_ms), each.overall, each.state, _highest(each), each.retraining) for each in found]
    yield table(("looked", "overall", "state", "highest", "retraining"), rows, numbers=("overall",))


def _highest(point: DriftPoint) -> str:
    known = {name: score for name, score in point.scores.items() if score is not None}
    return max(known, key=lambda name: known[name]) if known else ""


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2%}"


def _chance(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="seconds")
