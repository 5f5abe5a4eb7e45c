"""Commands on what was set aside: see it, mend it, let it go, or forget it for good."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tacit.entrypoints.cli.options import Asked, command
from tacit.entrypoints.cli.people import actor
from tacit.entrypoints.cli.render import facts, show, table
from tacit.errors import BadInput

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tacit.bootstrap import App
    from tacit.data.interfaces import QuarantinedRow
    from tacit.data.quarantine import Chosen, QuarantinePage

Entry = Annotated[int, typer.Argument(metavar="ENTRY", help="Number of the entry.", min=1, max=2**63 - 1)]
Entries = Annotated[
    list[int] | None, typer.Argument(metavar="[ENTRY]...", help="Numbers of entries.", min=1, max=2**63 - 1)
]
Reason = Annotated[str | None, typer.Option(help="All that were set aside for this reason.", show_default=False)]

_NUMBERS = frozenset({"value", "occurred_at", "properties", "schema_version"})
"""Fields that may hold something else than text."""


def quarantine_commands(app: typer.Typer) -> None:
    """Add them to the program."""
    quarantine = typer.Typer(help="See what may not enter, and decide what becomes of it.", no_args_is_help=True)
    command(quarantine, "list")(list_quarantined)
    command(quarantine, "show")(show_entry)
    command(quarantine, "fix")(fix_entry)
    command(quarantine, "release")(release_entries)
    command(quarantine, "purge")(purge_entries)
    app.add_typer(quarantine, name="quarantine")


def list_quarantined(
    asked: Asked,
    *,
    reason: Annotated[str | None, typer.Option(help="Only what was set aside for this.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many, of events and of rows.")] = 20,
    cursor: Annotated[int, typer.Option(min=0, help="Only events behind this entry; rows are left out then.")] = 0,
    dataset: Annotated[
        str | None, typer.Option(help="Dataset whose rows are listed; else the latest.", show_default=False)
    ] = None,
) -> None:
    """List events that were set aside, the oldest first, then rows of imports, each with its reason."""
    with asked.opened() as app:
        page = app.quarantine.page(limit=limit, cursor=cursor, reason=reason)
        rows = [] if cursor else _rows(app, dataset, reason=reason, limit=limit)
    show(_listed(page, rows), lambda: _told_list(page, rows), is_json=asked.is_json)


def show_entry(asked: Asked, number: Entry) -> None:
    """Show one event that was set aside: where it came from, why, and what is applied once it is released."""
    from tacit.data.quarantine import described

    with asked.opened() as app:
        found = described(app.quarantine.entry(number))
    show(found, lambda: [facts(_for_a_person(found))], is_json=asked.is_json)


def fix_entry(
    asked: Asked,
    number: Entry,
    changes: Annotated[
        list[str] | None, typer.Argument(metavar="[FIELD=VALUE]...", help="Fields to change; FIELD= leaves one out.")
    ] = None,
    *,
    event: Annotated[
        str | None, typer.Option(metavar="JSON", help="The whole event as it should have been sent, instead.")
    ] = None,
    release: Annotated[bool, typer.Option("--release", help="Release it as well.")] = False,
) -> None:
    """Correct an event: the corrected one is judged by the rules, and applied in its place once it is released."""
    from tacit.data.quarantine import Chosen, described

    if (event is None) == (not changes):
        raise typer.BadParameter("name fields to change, or give the whole --event", param_hint="FIELD=VALUE")
    said = _changes(changes or ()) if event is None else _whole(event)
    with asked.opened() as app:
        entry = app.quarantine.fix(number, said, actor=actor(), is_whole=event is not None)
        if release:
            app.quarantine.release(Chosen((number,)), actor=actor())
            entry = app.quarantine.entry(number)
    found = described(entry)
    told = "It will be applied within a second." if release else f"Next: tacit quarantine release {number}"
    show(found, lambda: [facts(_for_a_person(found)), told], is_json=asked.is_json)


def release_entries(asked: Asked, entries: Entries = None, *, reason: Reason = None) -> None:
    """Let events be applied after all, each once; a server that runs applies them within a second."""
    chosen = _chosen(entries, reason)
    with asked.opened() as app:
        count = app.quarantine.release(chosen, actor=actor())
    show({"released": count}, lambda: [f"{count:,} released."], is_json=asked.is_json)


def purge_entries(
    asked: Asked,
    entries: Entries = None,
    *,
    reason: Reason = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; what they say is gone then.")] = False,
) -> None:
    """Forget events for good: their ids stay known, and they count as rejected."""
    chosen = _chosen(entries, reason)
    if not yes:
        raise typer.BadParameter("what is purged is gone for good; say --yes to do it", param_hint="--yes")
    with asked.opened() as app:
        count = app.quarantine.purge(chosen, actor=actor())
    show({"purged": count}, lambda: [f"{count:,} purged."], is_json=asked.is_json)


def _chosen(entries: Sequence[int] | None, reason: str | None) -> Chosen:
    from tacit.data.quarantine import Chosen

    if bool(entries) == (reason is not None):
        raise typer.BadParameter("name entries, or a --reason, and not both", param_hint="ENTRY")
    return Chosen(tuple(entries or ()), reason)


def _rows(app: App, dataset: str | None, *, reason: str | None, limit: int) -> list[QuarantinedRow]:
    """Rows that imports set aside; none where nothing was imported, unless a dataset was asked for."""
    known = app.history.datasets()
    if dataset is None and not known:
        return []
    chosen = dataset or (app.settings.dataset if app.settings.dataset in known else known[-1])
    # The reason is looked for in all of them: the first few may all have another.
    rows = app.history.quarantined(chosen, limit=limit if reason is None else 10_000)
    return [row for row in rows if reason in (None, row.reason)][:limit]


def _listed(page: QuarantinePage, rows: Sequence[QuarantinedRow]) -> dict[str, object]:
    from tacit.data.quarantine import described

    return {
        "events": [described(entry) for entry in page.entries],
        "next_cursor": page.next_cursor,
        "reasons": page.reasons,
        "rows": [asdict(row) for row in rows],
    }


def _told_list(page: QuarantinePage, rows: Sequence[QuarantinedRow]) -> Iterator[RenderableType]:
    if not page.entries and not rows:
        yield "Nothing is in quarantine."
    if page.entries:
        yield table(("entry", "reason", "state", "received", "type", "user", "item", "tries"), _cells(page))
        yield ", ".join(f"{count:,} {reason}" for reason, count in page.reasons.items())
    if page.next_cursor is not None:
        yield f"More: tacit quarantine list --cursor {page.next_cursor}"
    if rows:
        cells = [(row.reason, row.file, row.line, row.raw[:120]) for row in rows]
        yield table(("reason", "file", "line", "row"), cells, numbers=("line",))
        yield "Rows of imports are released by importing the mended file again."


def _cells(page: QuarantinePage) -> Iterator[tuple[object, ...]]:
    for entry in page.entries:
        event = entry.mended or entry.logged.event
        number = f"{entry.quarantine_id}{' (mended)' if entry.mended else ''}"
        received = _moment(entry.logged.received_at_ms)
        yield number, entry.reason.code, entry.state, received, event.type, event.user_id, event.item_id, entry.tries


def _for_a_person(found: dict[str, Any]) -> dict[str, object]:
    shown = {**found, "received": _moment(found["received_at_ms"]), "place in the log": found["sequence"]}
    for name in ("event", "mended"):
        shown[name] = None if found[name] is None else json.dumps(found[name], ensure_ascii=False)
    order = ("quarantine_id", "state", "reason", "detail", "tries", "source", "received", "place in the log")
    return {name: shown[name] for name in (*order, "event", "mended")}


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds")


def _changes(pairs: Sequence[str]) -> dict[str, object]:
    """Fields and what they are to hold; `None` for one to leave out."""
    changes: dict[str, object] = {}
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator or not name.strip():
            raise typer.BadParameter("write FIELD=VALUE, for example item_id=42", param_hint="FIELD=VALUE")
        changes[name.strip()] = _read(name.strip(), text) if text else None
    return changes


def _read(name: str, text: str) -> object:
    """What a field is to hold: text as it stands, but numbers and objects where a field may hold them."""
    if name not in _NUMBERS:
        return text
    try:
        return json.loads(text)
    except ValueError:
        # A time may be text; whatever else is wrong with it, the rules say.
        return text


def _whole(text: str) -> dict[str, object]:
    try:
        event = json.loads(text)
    except ValueError as error:
        raise BadInput("json_invalid", f"The event is not JSON: {str(error)[:100]}.", field="event") from error
    if not isinstance(event, dict):
        raise BadInput("type", "The event is not an object.", field="event", fix='Write {"event_id": …, …}.')
    return event
