"""Commands on versions: which there are, what they are, whether they are whole, and which one users meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from tacit.entrypoints.cli import exits
from tacit.entrypoints.cli.model_history import history_command
from tacit.entrypoints.cli.model_upkeep import upkeep_commands
from tacit.entrypoints.cli.options import LARGEST, Asked, command, group_command
from tacit.entrypoints.cli.people import actor
from tacit.entrypoints.cli.progress import shown_progress
from tacit.entrypoints.cli.render import facts, show, table
from tacit.errors import TacitError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tacit.bootstrap import App
    from tacit.registry.versions import Manifest

Number = Annotated[int, typer.Argument(metavar="NUMBER", help="Number of the version.", min=1, max=LARGEST)]


def model_commands(app: typer.Typer) -> None:
    """Add them to the program."""
    models = typer.Typer(help="See the versions that were trained; `list` unless you say otherwise.")
    group_command(models)(_models)
    command(models, "list")(list_versions)
    command(models, "show")(show_version)
    command(models, "card")(show_card)
    command(models, "verify")(verify_versions)
    history_command(models)
    upkeep_commands(models)
    app.add_typer(models, name="models")
    command(app, "promote")(promote)
    command(app, "rollback")(roll_back)


def _models(asked: Asked, context: typer.Context) -> None:
    """See the versions that were trained; `list` unless you say otherwise."""
    if context.invoked_subcommand is None:
        list_versions(asked)


def list_versions(asked: Asked) -> None:
    """List every version, with what the gate said and what it is to users."""
    from tacit.bootstrap.upkeep import version_desk

    with asked.opened() as app:
        found = version_desk(app).overview()
    rows = [
        (row["version"], row["verdict"], ", ".join(_words(row["aliases"])), row["created_at"], row["pruned_at"] or "")
        for row in found
    ]
    human = table(("version", "verdict", "alias", "created", "pruned"), rows)
    show(found, lambda: [human if rows else "There is no version yet: run tacit train."], is_json=asked.is_json)


def show_version(asked: Asked, number: Number) -> None:
    """Show one version, after every byte that is kept of it has been verified."""
    from tacit.bootstrap.upkeep import version_desk

    with asked.opened() as app:
        manifest = app.registry.verify(_model(), number)
        pruned_at = app.registry.version(_model(), number).pruned_at
        aliases: list[str] = [*version_desk(app).roles().get(number, ())]
    found = {**asdict(manifest), "aliases": aliases, "pruned_at": pruned_at}
    told = [_described(manifest, aliases, pruned_at), *_judged(manifest), *_files(manifest)]
    show(found, lambda: told, is_json=asked.is_json)


def show_card(asked: Asked, number: Number) -> None:
    """Print the model card of one version, after every byte that is kept of it has been verified."""
    with asked.opened() as app:
        manifest = app.registry.verify(_model(), number)
        folder = app.registry.version(_model(), number).folder
        card = (folder / "model_card.md").read_text(encoding="utf-8")
    found = {"version": f"{manifest.name}/{manifest.number}", "card": card}
    show(found, lambda: [card.rstrip("\n")], is_json=asked.is_json)


def verify_versions(
    asked: Asked,
    number: Annotated[
        int | None, typer.Argument(metavar="[NUMBER]", help="Number of the version; else all.", min=1, max=LARGEST)
    ] = None,
    *,
    all_: Annotated[
        bool, typer.Option("--all", help="Verify every version and the ledger (as without a number).")
    ] = False,
) -> None:
    """Verify every byte of a version, or of all of them and the ledger, against what was signed and chained."""
    if number is not None and all_:
        raise typer.BadParameter("name a version or say --all, not both", param_hint="NUMBER")
    with asked.opened() as app, shown_progress() as progress:
        numbers = [number] if number is not None else [each.number for each in app.registry.versions(_model())]
        found = []
        for place, each in enumerate(numbers):
            progress(f"verifying version {each}", place / len(numbers))
            found.append(_verified(app, each))
        if number is None:
            found.append(_verified_ledger(app))
    rows = [
        (row["number"] or "ledger", "yes" if row["verified"] else "NO", row["state"], row["files"], row["detail"])
        for row in found
    ]
    human = table(("number", "verified", "state", "files", "problem"), rows, numbers=("files",))
    show(found, lambda: [human], is_json=asked.is_json)
    if not all(row["verified"] for row in found):
        raise typer.Exit(exits.REFUSED)


def promote(
    asked: Asked,
    number: Number,
    *,
    force: Annotated[bool, typer.Option("--force", help="Although its verdict is not pass; audited.")] = False,
    reason: Annotated[str, typer.Option(help="Why; kept in the ledger and the audit trail.")] = "",
) -> None:
    """Make a version the champion, if it verifies, loads and passed its gate."""
    from tacit.rollout.rollout_desk import check_reason

    check_reason(reason)
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
    from tacit.rollout.rollout_desk import check_reason

    check_reason(reason)
    with asked.opened() as app:
        event = app.rollback(actor=actor(), reason=reason)
    said = [f"{event.name}/{event.restored} is the champion again, instead of {event.name}/{event.number}."]
    said += [f"Passed over {each.number}: {each.detail}" for each in event.skipped]
    show(asdict(event), lambda: said, is_json=asked.is_json)


def _model() -> str:
    from tacit.bootstrap import MODEL

    return MODEL


def _words(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


def _verified(app: App, number: int) -> dict[str, object]:
    found: dict[str, object] = {"number": number, "verified": False, "state": "", "files": None, "bytes": None}
    try:
        state = "deployable" if app.registry.version(_model(), number).pruned_at is None else "pruned"
        manifest = app.registry.verify(_model(), number)
    except TacitError as problem:
        return {**found, "code": problem.code, "detail": problem.detail}
    size = sum(each.size for each in manifest.files)
    told = {"verified": True, "state": state, "files": len(manifest.files), "bytes": size}
    detail = None if state == "deployable" else "only its metadata are kept; its manifest verifies"
    return {**found, **told, "code": None, "detail": detail}


def _verified_ledger(app: App) -> dict[str, object]:
    """The ledger as one more row, which has no number."""
    from tacit.bootstrap.upkeep import version_desk

    check = version_desk(app).check()
    found = {"number": None, "verified": check.is_whole, "state": f"{check.entries} entries", "files": None}
    problems = {"code": None if check.is_whole else "ledger_broken", "detail": "; ".join(check.problems()) or None}
    return {**found, "bytes": None, **problems}


def _described(manifest: Manifest, aliases: list[str], pruned_at: str | None) -> RenderableType:
    return facts(
        {
            "version": f"{manifest.name}/{manifest.number}",
            "alias": ", ".join(aliases) or "none",
            **({} if pruned_at is None else {"pruned": pruned_at}),
            "created": manifest.created_at,
            "dataset": manifest.dataset,
            "snapshot": manifest.snapshot[:16],
            "verdict": manifest.gate.get("verdict"),
            "policy": f"{manifest.gate.get('policy', 'none')}: {manifest.gate.get('policy_reason', 'not recorded')}",
            "compared with": manifest.gate.get("champion"),
            **{name: f"{value:.4f}" for name, value in manifest.metrics.items()},
            **manifest.hyperparameters,
        }
    )


def _judged(manifest: Manifest) -> Iterator[RenderableType]:
    """What each gate found, with its numbers beside what they were held against, and every reason."""
    from tacit.rollout.model_card import finding_rows, idle_lines

    yield table(("gate", "said", "numbers", "limits"), finding_rows(manifest.gate))
    reasons = manifest.gate.get("reasons")
    yield from (f"  {reason}" for reason in (reasons if isinstance(reasons, list) else []))
    yield from (f"  (nothing to go by) {line}" for line in idle_lines(manifest.gate))


def _files(manifest: Manifest) -> list[RenderableType]:
    rows = [(each.name, f"{each.size:,}", each.sha256[:16]) for each in manifest.files]
    return [table(("file", "bytes", "sha256"), rows, numbers=("bytes",))]
