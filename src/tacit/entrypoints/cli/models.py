"""Commands on versions: which there are, what they are, whether they are whole, and which one users meet."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tacit.entrypoints.cli import exits
from tacit.entrypoints.cli.options import Asked, command, group_command
from tacit.entrypoints.cli.people import actor
from tacit.entrypoints.cli.progress import shown_progress
from tacit.entrypoints.cli.render import facts, show, table
from tacit.errors import TacitError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tacit.bootstrap import App
    from tacit.registry.versions import Manifest

Number = Annotated[int, typer.Argument(metavar="NUMBER", help="Number of the version.", min=1)]


def model_commands(app: typer.Typer) -> None:
    """Add them to the program."""
    models = typer.Typer(help="See the versions that were trained; `list` unless you say otherwise.")
    group_command(models)(_models)
    command(models, "list")(list_versions)
    command(models, "show")(show_version)
    command(models, "verify")(verify_versions)
    command(models, "history")(list_promotions)
    app.add_typer(models, name="models")
    command(app, "promote")(promote)
    command(app, "rollback")(roll_back)


def _models(asked: Asked, context: typer.Context) -> None:
    """See the versions that were trained; `list` unless you say otherwise."""
    if context.invoked_subcommand is None:
        list_versions(asked)


def list_versions(asked: Asked) -> None:
    """List every version, with what the gate said and what it is to users."""
    with asked.opened() as app:
        aliases = _aliases(app)
        found: list[dict[str, Any]] = [
            {
                "version": f"{each.name}/{each.number}",
                "number": each.number,
                "verdict": each.verdict,
                "aliases": aliases.get(each.number, []),
                "created_at": each.created_at,
                "manifest": each.manifest_digest,
            }
            for each in app.registry.versions(_model())
        ]
    rows = [(row["version"], row["verdict"], ", ".join(row["aliases"]), row["created_at"]) for row in found]
    human = table(("version", "verdict", "alias", "created"), rows)
    show(found, lambda: [human if rows else "There is no version yet: run tacit train."], is_json=asked.is_json)


def show_version(asked: Asked, number: Number) -> None:
    """Show one version, after every byte of it has been verified."""
    with asked.opened() as app:
        manifest = app.registry.verify(_model(), number)
        found = {**asdict(manifest), "aliases": _aliases(app).get(number, [])}
    show(found, lambda: [_described(manifest), *_files(manifest)], is_json=asked.is_json)


def verify_versions(
    asked: Asked,
    number: Annotated[int | None, typer.Argument(metavar="[NUMBER]", help="Number of the version; else all.")] = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Verify every version (as without a number).")] = False,
) -> None:
    """Verify every byte of a version, or of all of them, against its signed manifest."""
    if number is not None and all_:
        raise typer.BadParameter("name a version or say --all, not both", param_hint="NUMBER")
    with asked.opened() as app, shown_progress() as progress:
        numbers = [number] if number is not None else [each.number for each in app.registry.versions(_model())]
        found = []
        for place, each in enumerate(numbers):
            progress(f"verifying version {each}", place / len(numbers))
            found.append(_verified(app, each))
    rows = [(row["number"], "yes" if row["verified"] else "NO", row["files"], row["detail"]) for row in found]
    human = table(("version", "verified", "files", "problem"), rows, numbers=("files",))
    show(found, lambda: [human], is_json=asked.is_json)
    if not all(row["verified"] for row in found):
        raise typer.Exit(exits.REFUSED)


def list_promotions(asked: Asked) -> None:
    """List every move of the champion, oldest first."""
    with asked.opened() as app:
        moves = app.versions.promotions(_model())
    rows = [
        (each.at, each.kind, each.from_number, each.to_number, each.actor, "yes" if each.forced else "", each.reason)
        for each in moves
    ]
    columns = ("at", "what", "from", "to", "by", "forced", "reason")
    show([asdict(each) for each in moves], lambda: [table(columns, rows)], is_json=asked.is_json)


def promote(
    asked: Asked,
    number: Number,
    *,
    force: Annotated[bool, typer.Option("--force", help="Although its verdict is not pass; audited.")] = False,
    reason: Annotated[str, typer.Option(help="Why; kept in the ledger and the audit trail.")] = "",
) -> None:
    """Make a version the champion, if it verifies, loads and passed its gate."""
    with asked.opened() as app:
        event = app.promote(number, actor=actor(), force=force, reason=reason)
    instead = f" instead of {event.name}/{event.replaced}" if event.replaced else ""
    forced = f", although its verdict is {event.verdict}" if event.forced else ""
    said = f"{event.name}/{event.number} is the champion{instead}{forced}. Servers follow within a second."
    show(asdict(event), lambda: [said], is_json=asked.is_json)


def roll_back(
    asked: Asked, *, reason: Annotated[str, typer.Option(help="Why; kept in the ledger and the audit trail.")] = ""
) -> None:
    """Return to the champion before this one, once it has been verified and loaded."""
    with asked.opened() as app:
        event = app.rollback(actor=actor(), reason=reason)
    said = [f"{event.name}/{event.restored} is the champion again, instead of {event.name}/{event.number}."]
    said += [f"Passed over {each.number}: {each.detail}" for each in event.skipped]
    show(asdict(event), lambda: said, is_json=asked.is_json)


def _model() -> str:
    from tacit.bootstrap import MODEL

    return MODEL


def _aliases(app: App) -> dict[int, list[str]]:
    holders = {
        "champion": app.registry.champion(_model()),
        "challenger": app.registry.challenger(_model()),
        "previous": app.registry.previous(_model()),
    }
    named: dict[int, list[str]] = {}
    for alias, version in holders.items():
        if version is not None:
            named.setdefault(version.number, []).append(alias)
    return named


def _verified(app: App, number: int) -> dict[str, object]:
    try:
        manifest = app.registry.verify(_model(), number)
    except TacitError as problem:
        found = {"number": number, "verified": False, "files": None, "bytes": None}
        return {**found, "code": problem.code, "detail": problem.detail}
    size = sum(each.size for each in manifest.files)
    found = {"number": number, "verified": True, "files": len(manifest.files), "bytes": size}
    return {**found, "code": None, "detail": None}


def _described(manifest: Manifest) -> RenderableType:
    return facts(
        {
            "version": f"{manifest.name}/{manifest.number}",
            "created": manifest.created_at,
            "dataset": manifest.dataset,
            "snapshot": manifest.snapshot[:16],
            "verdict": manifest.gate.get("verdict"),
            **{name: f"{value:.4f}" for name, value in manifest.metrics.items()},
            **manifest.hyperparameters,
        }
    )


def _files(manifest: Manifest) -> list[RenderableType]:
    rows = [(each.name, f"{each.size:,}", each.sha256[:16]) for each in manifest.files]
    return [table(("file", "bytes", "sha256"), rows, numbers=("bytes",))]
