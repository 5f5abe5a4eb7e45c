"""Commands on the trails: who did what, who read what of whom, and whether anybody changed what is written there."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tacit.entrypoints.cli.options import Asked, command, group_command
from tacit.entrypoints.cli.people import actor
from tacit.entrypoints.cli.render import facts, show, table
from tacit.errors import Misconfigured, NotFound, Refused

Limit = Annotated[int, typer.Option(min=1, max=100_000, help="How many, the latest first.")]
User = Annotated[str | None, typer.Option(help="Only of this user.", show_default=False)]


def audit_commands(app: typer.Typer) -> None:
    """Add them to the program."""
    audit = typer.Typer(help="See who did what to the platform, and prove that nobody changed the record.")
    group_command(audit)(list_acts)
    command(audit, "access")(list_accesses)
    command(audit, "head")(export_head)
    command(audit, "verify")(verify_trails)
    command(audit, "forget")(forget_subject)
    app.add_typer(audit, name="audit")


def list_acts(asked: Asked, context: typer.Context, *, limit: Limit = 50) -> None:
    """List who did what to the platform."""
    if context.invoked_subcommand is not None:
        return
    with asked.opened() as app:
        entries = app.audit.entries(limit=limit)
    rows = [
        (each.at, each.action, each.subject, each.actor, ", ".join(f"{k}={v}" for k, v in each.facts.items())[:120])
        for each in entries
    ]
    human = table(("at", "action", "subject", "by", "facts"), rows)
    show([asdict(each) for each in entries], lambda: [human], is_json=asked.is_json)


def list_accesses(
    asked: Asked,
    *,
    limit: Limit = 50,
    user: User = None,
    by: Annotated[
        str | None, typer.Option(help="Only by this caller, such as key:ab12cd34.", show_default=False)
    ] = None,
) -> None:
    """List who read or changed what is kept of whom; users stand there under pseudonyms."""
    with asked.opened() as app:
        found = app.accesses.latest(limit=limit, user_id=user, principal=by)
    rows = [
        (
            datetime.fromtimestamp(each.at_ms / 1_000, UTC).isoformat(timespec="milliseconds"),
            each.principal,
            f"{each.method} {each.route}",
            each.subject,
            each.decision,
            each.status,
            each.client,
        )
        for each in found
    ]
    human = table(("at", "by", "call", "of", "decision", "status", "from"), rows)
    show([asdict(each) for each in found], lambda: [human], is_json=asked.is_json)


def export_head(
    asked: Asked,
    *,
    to: Annotated[Path, typer.Option(help="File to add them to; keep it on another machine.", show_default=False)],
) -> None:
    """Note how long both trails are and what their last rows are, outside of the database."""
    from tacit.bootstrap.guarding import write_heads

    with asked.opened() as app:
        heads = write_heads(app, to)
    found: dict[str, object] = {each.trail: f"{each.sequence} {each.digest}" for each in heads}
    show([asdict(each) for each in heads], lambda: [facts(found)], is_json=asked.is_json)


def verify_trails(
    asked: Asked,
    *,
    head: Annotated[
        Path | None, typer.Option(help="File of heads noted earlier; without it, a cut end does not show.")
    ] = None,
) -> None:
    """Go through both trails, and name the first row of each that is not what was written."""
    from tacit.bootstrap.trails import verified

    text = None if head is None else _read(head)
    with asked.opened() as app:
        found = verified(app, text)
    rows = [(each.trail, each.rows, each.first_broken or "-", each.heads) for each in found]
    human = table(("trail", "rows", "first broken", "heads held against"), rows, numbers=("rows",))
    show([asdict(each) for each in found], lambda: [human], is_json=asked.is_json)
    broken = [each for each in found if each.first_broken is not None]
    if broken:
        where = ", ".join(f"{each.trail} {each.first_broken}" for each in broken)
        raise Refused(
            "trail_broken",
            f"The record was changed: the first row that is not what was written is {where}.",
            fix="Keep a copy of the database, and compare it with a backup from before.",
            context={each.trail: each.first_broken for each in broken},
        )


def forget_subject(
    asked: Asked,
    user: Annotated[str, typer.Argument(metavar="USER", help="Id of the user.")],
    *,
    reason: Annotated[str, typer.Option(help="Why, as the trail keeps it.")],
) -> None:
    """Destroy the key of a user's pseudonym: the rows stay, and nobody can say any more whose they were."""
    from tacit.bootstrap.trails import forget

    with asked.opened() as app:
        if not forget(app, user, actor=actor(), reason=reason):
            raise NotFound("subject_unknown", "No row of the trail is of this user.", field="user")
    show({"forgotten": True}, lambda: [facts({"forgotten": True})], is_json=asked.is_json)


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeError) as problem:
        detail = f"{path} cannot be read as a file of heads."
        raise Misconfigured("heads_unreadable", detail, field="head", fix="Name the file.") from problem
