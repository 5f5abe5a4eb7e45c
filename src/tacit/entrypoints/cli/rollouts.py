"""Commands on rollouts: bring a version to users step by step, see where it is, carry it on, end it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from tacit.entrypoints.cli import exits
from tacit.entrypoints.cli.options import LARGEST, Asked, command
from tacit.entrypoints.cli.people import actor
from tacit.entrypoints.cli.render import facts, show, table
from tacit.errors import BadInput, Refused

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tacit.bootstrap import App
    from tacit.rollout.rollout_desk import Status
    from tacit.rollout.rollouts import Advance, Rollout

RolloutId = Annotated[
    int | None, typer.Argument(metavar="[ROLLOUT]", help="Its number; else the one under way.", min=1, max=LARGEST)
]
Reason = Annotated[str, typer.Option(help="Why; kept in the ledger and the audit trail.")]
Follow = Annotated[bool, typer.Option("--follow", help="Say what happens until it is over.")]

FOLLOW_SECONDS = 1.0
"""How often `--follow` looks."""


def rollout_commands(app: typer.Typer) -> None:
    """Add them to the program."""
    rollout = typer.Typer(help="Bring a version to users step by step, or back.", no_args_is_help=True)
    command(rollout, "start")(start_rollout)
    command(rollout, "status")(rollout_status)
    command(rollout, "list")(list_rollouts)
    command(rollout, "advance")(advance_rollout)
    command(rollout, "promote")(promote_rollout)
    command(rollout, "abort")(abort_rollout)
    app.add_typer(rollout, name="rollout")


def start_rollout(
    asked: Asked,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Number of the version.", min=1, max=LARGEST)],
    *,
    reason: Reason = "",
    advance: Annotated[
        str | None, typer.Option(help="automatic or manual (setting rollout.advance).", show_default=False)
    ] = None,
    steps: Annotated[
        str | None, typer.Option(help="Percentages, as 5,25,100 (setting rollout.steps).", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Although its verdict is not pass; audited.")] = False,
    follow: Follow = False,
) -> None:
    """Begin to bring a version to users: in secret, then to few, then to all; a running server carries it on."""
    from tacit.rollout.rollout_desk import Opening

    opening = Opening(number, actor(), reason, _advance(advance), _steps(steps), force)
    with asked.opened() as app:
        rollout = app.rollouts.desk.start(opening)
        _answer(app, rollout, asked, follow=follow)


def rollout_status(asked: Asked, rollout_id: RolloutId = None, *, follow: Follow = False) -> None:
    """Show a rollout: its stage, every number beside its limit, and how it came there."""
    with asked.opened() as app:
        status = app.rollouts.desk.status(_number(app, rollout_id))
        if follow:
            _answer(app, status.rollout, asked, follow=True)
            return
    show(status.as_dict(), lambda: _told(status), is_json=asked.is_json)


def list_rollouts(
    asked: Asked, *, limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many.")] = 20
) -> None:
    """List the latest rollouts, newest first."""
    from tacit.rollout.rollout_desk import described

    with asked.opened() as app:
        found = [described(rollout) for rollout in app.rollouts.desk.rollouts(limit=limit)]
    columns = ("rollout_id", "version", "replaces", "state", "stage", "opened_at", "actor", "reason")
    human = table(("rollout", *columns[1:]), [tuple(row[name] for name in columns) for row in found])
    said = [human] if found else ["There was no rollout yet: tacit rollout start NUMBER --reason WHY"]
    show(found, lambda: said, is_json=asked.is_json)


def advance_rollout(asked: Asked, rollout_id: RolloutId = None, *, reason: Reason = "", follow: Follow = False) -> None:
    """On to the next step now, whatever its stage lacks."""
    with asked.opened() as app:
        rollout = app.rollouts.desk.advance(_number(app, rollout_id), actor=actor(), reason=reason)
        _answer(app, rollout, asked, follow=follow)


def promote_rollout(asked: Asked, rollout_id: RolloutId = None, *, reason: Reason = "", follow: Follow = False) -> None:
    """To all users now, whatever steps are left."""
    with asked.opened() as app:
        rollout = app.rollouts.desk.promote(_number(app, rollout_id), actor=actor(), reason=reason)
        _answer(app, rollout, asked, follow=follow)


def abort_rollout(asked: Asked, rollout_id: RolloutId = None, *, reason: Reason = "") -> None:
    """End a rollout: all users meet the champion of before."""
    with asked.opened() as app:
        rollout = app.rollouts.desk.abort(_number(app, rollout_id), actor=actor(), reason=reason)
        _answer(app, rollout, asked, follow=False)


def _answer(app: App, rollout: Rollout, asked: Asked, *, follow: bool) -> None:
    """Say where a rollout is; if it is to be followed, each step as it is made, and how it ended by the exit code."""
    from tacit.rollout.rollout_desk import described

    show(described(rollout), lambda: [_sentence(rollout)], is_json=asked.is_json)
    if not follow:
        return
    for step in _steps_made(app, rollout):
        shown = step
        show(described(shown), lambda: [_sentence(shown)], is_json=asked.is_json)  # noqa: B023 - shown at once
        rollout = step
    if rollout.state != "done":
        raise typer.Exit(exits.REFUSED)


def _steps_made(app: App, rollout: Rollout) -> Iterator[Rollout]:
    """A rollout each time it has moved on, until it is over."""
    while not rollout.is_over:
        time.sleep(FOLLOW_SECONDS)
        now = app.rollouts.standing.store.rollout(rollout.rollout_id)
        if now is not None and now.revision != rollout.revision:
            rollout = now
            yield now


def _sentence(rollout: Rollout) -> str:
    where = f"{rollout.name}/{rollout.version}: {rollout.state}"
    where += f", {rollout.share:.0%} of the users" if rollout.state == "canary" else ""
    because = f" ({' '.join(rollout.reasons)})" if rollout.reasons else ""
    return f"Rollout {rollout.rollout_id} of {where}, by {rollout.by}{because}"


def _told(status: Status) -> Iterator[RenderableType]:
    rollout = status.rollout
    yield _sentence(rollout)
    yield facts(
        {
            "instead of": f"{rollout.name}/{rollout.replaces}",
            "advance": rollout.advance,
            "steps": ", ".join(f"{step:g} %" for step in rollout.course.steps),
            "started by": f"{rollout.actor}: {rollout.purpose}",
        }
    )
    if status.verdict is not None:
        yield f"{rollout.stage} so far: {status.verdict.outcome}"
        yield table(("check", "says", "measured", "limit", "why"), _checks(status), numbers=("measured", "limit"))
    steps = [(step.revision, step.state, step.stage, step.actor, " ".join(step.reasons)) for step in status.history]
    yield table(("step", "state", "stage", "by", "why"), steps, numbers=("step",))


def _checks(status: Status) -> Iterator[tuple[object, ...]]:
    for finding in status.verdict.findings if status.verdict else ():
        measured, limit = (finding.numbers.get(name) for name in ("measured", "limit"))
        shown = tuple("–" if value is None else f"{value:.4g}" for value in (measured, limit))
        yield finding.gate, finding.outcome, *shown, finding.reason


def _number(app: App, rollout_id: int | None) -> int:
    """The rollout that is meant: the one named, else the one under way, else the last."""
    if rollout_id is not None:
        return rollout_id
    under_way = app.rollouts.desk.under_way()
    latest = [under_way] if under_way is not None else app.rollouts.desk.rollouts(limit=1)
    if not latest:
        raise Refused("rollout_missing", "There was no rollout yet.", fix="`tacit rollout start` begins one.")
    return latest[0].rollout_id


def _advance(text: str | None) -> Advance | None:
    if text in (None, "automatic", "manual"):
        return text  # type: ignore[return-value]  # one of those it may be
    raise BadInput("advance_invalid", f"{ascii(text)[:32]} is no way to advance.", fix="Say automatic or manual.")


def _steps(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        return tuple(float(each) for each in text.split(","))
    except ValueError as error:
        detail = f"The steps {ascii(text)[:64]} are not numbers."
        raise BadInput("steps_invalid", detail, field="steps", fix="Give percentages, as 5,25,100.") from error
