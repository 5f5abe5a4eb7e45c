"""The command on the ledger: who was champion when, and whether what it says is what was written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tacit.entrypoints.cli import exits
from tacit.entrypoints.cli.options import Asked, command
from tacit.entrypoints.cli.render import facts, show, table

if TYPE_CHECKING:
    from tacit.rollout.version_desk import VersionDesk


def history_command(models: typer.Typer) -> None:
    """Add it to the commands on versions."""
    command(models, "history")(list_promotions)


def list_promotions(
    asked: Asked,
    *,
    at: Annotated[
        str | None, typer.Option(help="Say who was champion then: ISO 8601, in UTC unless it names a zone.")
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="See whether the ledger is what was written.")] = False,
    head: Annotated[
        str | None, typer.Option(help="With --verify: a head that was noted outside this installation.")
    ] = None,
) -> None:
    """List every move of the champion, oldest first; or answer one question about them."""
    from tacit.bootstrap.upkeep import version_desk

    if at is not None and verify:
        raise typer.BadParameter("ask one thing at a time", param_hint="--at")
    if head is not None and not verify:
        raise typer.BadParameter("it needs --verify", param_hint="--head")
    with asked.opened() as app:
        desk = version_desk(app)
        if verify:
            _verify(asked, desk, head)
        elif at is not None:
            _tell(asked, desk, at)
        else:
            _list(asked, desk)


def _list(asked: Asked, desk: VersionDesk) -> None:
    found = desk.history()
    names = ("at", "kind", "from_number", "to_number", "actor")
    rows = [
        (*(move[name] for name in names), "yes" if move["forced"] else "", move["reason"], str(move["digest"])[:12])
        for move in found
    ]
    columns = ("at", "what", "from", "to", "by", "forced", "reason", "digest")
    show(found, lambda: [table(columns, rows)], is_json=asked.is_json)


def _tell(asked: Asked, desk: VersionDesk, at: str) -> None:
    found = desk.champion_at(at)
    human = {"version": found["version"], "since": found["since"], "until": found["until"] or "now"}
    move = found["move"]
    said = {"by": move["actor"], "reason": move["reason"], "gate": move["gate"]} if isinstance(move, dict) else {}
    show(found, lambda: [facts({**human, **said})], is_json=asked.is_json)


def _verify(asked: Asked, desk: VersionDesk, head: str | None) -> None:
    found = desk.check(head=head)
    told = f"{found.entries} entries, the head is {found.head or 'none'}"
    verdict = "The ledger is what was written: " if found.is_whole else "The ledger is NOT what was written: "
    show(found.as_dict(), lambda: [verdict + told, *found.problems()], is_json=asked.is_json)
    if not found.is_whole:
        raise typer.Exit(exits.REFUSED)
