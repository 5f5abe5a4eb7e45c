"""Commands that look after versions: pin them, prune them, take them elsewhere and take them in."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tacit.entrypoints.cli.options import LARGEST, Asked, command
from tacit.entrypoints.cli.people import actor
from tacit.entrypoints.cli.render import show, table

_Number = Annotated[int, typer.Argument(metavar="NUMBER", help="Number of the version.", min=1, max=LARGEST)]


def upkeep_commands(models: typer.Typer) -> None:
    """Add them to the commands on versions."""
    command(models, "pin")(pin_version)
    command(models, "unpin")(unpin_version)
    command(models, "prune")(prune_versions)
    command(models, "export")(export_version)
    command(models, "import")(import_version)


def pin_version(
    asked: Asked, number: _Number, *, reason: Annotated[str, typer.Option(help="Why; kept in the audit trail.")]
) -> None:
    """Keep a version deployable, however old it grows."""
    from tacit.bootstrap import MODEL
    from tacit.rollout.rollout_desk import check_given

    check_given(reason)
    with asked.opened() as app:
        pin = app.retention.pin(MODEL, number, actor=actor(), reason=reason)
    show(
        asdict(pin), lambda: [f"{pin.name}/{pin.number} stays deployable until it is unpinned."], is_json=asked.is_json
    )


def unpin_version(asked: Asked, number: _Number) -> None:
    """Take a pin back; the version is pruned when its time comes."""
    from tacit.bootstrap import MODEL

    with asked.opened() as app:
        was_pinned = app.retention.unpin(MODEL, number, actor=actor())
    said = "is no longer pinned." if was_pinned else "was not pinned."
    found = {"name": MODEL, "number": number, "was_pinned": was_pinned}
    show(found, lambda: [f"{MODEL}/{number} {said}"], is_json=asked.is_json)


def prune_versions(
    asked: Asked, *, dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which it would be.")] = False
) -> None:
    """Reduce versions that need not stay deployable to their metadata; for good."""
    from tacit.bootstrap import upkeep

    with asked.opened() as app:
        report = upkeep.prune_versions(app, actor=actor(), is_dry=dry_run)
    rows = [(f"{each.name}/{each.number}", f"{each.freed_bytes:,}") for each in report.pruned]
    human = table(("would be pruned" if dry_run else "pruned", "bytes"), rows, numbers=("bytes",))
    busy = [f"Version {number} is still being read; its files go the next time." for number in report.busy]
    kept = ", ".join(map(str, report.kept)) or "none"
    show(asdict(report), lambda: [human, *busy, f"deployable: {kept}"], is_json=asked.is_json)


def export_version(
    asked: Asked,
    number: _Number,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; it must not be there.")],
) -> None:
    """Write a version, verified and signed, into one file that another installation can import."""
    from tacit.bootstrap import upkeep

    with asked.opened() as app:
        manifest = upkeep.export_version(app, number, file, actor=actor())
    size = file.stat().st_size
    found = {"version": f"{manifest.name}/{manifest.number}", "file": str(file), "bytes": size}
    said = f"{found['version']} is in {file}, {size:,} bytes. Whoever imports it must trust our public key."
    show(found, lambda: [said], is_json=asked.is_json)


def import_version(
    asked: Asked, file: Annotated[Path, typer.Argument(metavar="FILE", help="What another installation exported.")]
) -> None:
    """Take in a version of another installation whose key is trusted here; nobody meets it until it is promoted."""
    from tacit.bootstrap import upkeep

    with asked.opened() as app:
        version = upkeep.import_version(app, file, actor=actor())
        origin = next(each for each in app.versions.origins(version.name) if each.number == version.number)
    label, verdict = f"{version.name}/{version.number}", version.verdict
    found = {"version": label, "number": version.number, "verdict": verdict, "origin": asdict(origin)}
    said = f"It is {label} here, and was {origin.origin_name}/{origin.origin_number} there; its verdict is {verdict}."
    show(found, lambda: [said, f"Next: tacit evaluate {version.number}"], is_json=asked.is_json)
