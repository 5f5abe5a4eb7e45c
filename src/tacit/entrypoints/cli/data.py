"""Commands on data: bring files in, see what is there, and freeze it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core

from tacit.data.imports import ImportReport, Merge, TableSpec, ValueKind
from tacit.entrypoints.cli.options import Asked, command
from tacit.entrypoints.cli.people import actor
from tacit.entrypoints.cli.progress import shown_progress
from tacit.entrypoints.cli.render import facts, show, table
from tacit.errors import BadInput

if TYPE_CHECKING:
    from rich.console import RenderableType

Dataset = Annotated[str | None, typer.Option(help="Dataset; else the one that training takes.", show_default=False)]


def readers() -> dict[str, str]:
    """What may stand for NAME, and what it reads."""
    from tacit.data.readers import READERS

    names = {"auto": "Whatever reader recognises the files.", "table": "Any table; --columns says what is what."}
    return names | {reader.name: reader.summary for reader in READERS}


class _NamesReaders(typer.core.TyperCommand):
    """A command whose help lists the readers; they are looked up only when somebody asks."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        super().format_help(ctx, formatter)
        with formatter.section("Readers"):
            formatter.write_dl(list(readers().items()))


def data_commands(app: typer.Typer) -> None:
    """Add them to the program."""
    command(app, "import", cls=_NamesReaders)(import_files)
    command(app, "datasets")(list_datasets)
    command(app, "snapshot")(freeze_snapshot)


def import_files(
    asked: Asked,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The reader: what the files are (listed below).")],
    source: Annotated[Path, typer.Option("--from", metavar="PATH", help="Folder or file to read.")],
    *,
    dataset: Annotated[str | None, typer.Option(help="Where the rows go; else the reader's own name.")] = None,
    columns: Annotated[
        str | None, typer.Option(help="Columns of a table: user=…,item=…[,value=…][,time=…][,title=…].")
    ] = None,
    delimiter: Annotated[str | None, typer.Option(help=r"What parts a table's fields; a tab is \t.")] = None,
    header: Annotated[bool | None, typer.Option(help="Whether a table's first line names its columns.")] = None,
    merge: Annotated[Merge | None, typer.Option(help="What several rows of one user and item become.")] = None,
    value_kind: Annotated[ValueKind | None, typer.Option(help="Whole numbers, or decimals.")] = None,
    time_format: Annotated[
        str | None, typer.Option(help="seconds, milliseconds, iso, or a pattern such as %d/%m/%Y.")
    ] = None,
    bad_row_budget: Annotated[
        float | None, typer.Option(help="Share of rows that may be set aside (setting `imports.bad_row_budget`).")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Import again although these files were before.")] = False,
) -> None:
    """Bring files in: every row is accepted, merged into another, or set aside with its reason."""
    said = {"header": header, "merge": merge, "value_kind": value_kind, "time_format": time_format}
    spec = _table_spec(name, columns, delimiter=delimiter, said={k: v for k, v in said.items() if v is not None})
    flags = {"imports.bad_row_budget": bad_row_budget}
    with asked.opened(**flags) as app, shown_progress() as progress:
        report = app.import_data(
            name, source, actor=actor(), spec=spec, dataset=dataset, force=force, progress=progress
        )
    show(asdict(report), lambda: told_import(report), is_json=asked.is_json)


def told_import(report: ImportReport) -> Iterator[RenderableType]:
    """What an import did, for a person."""
    if report.repeated:
        yield f"These files were imported before, as {report.dataset}/{report.import_id}; nothing changed."
    yield facts(
        {
            "read": f"{report.read:,} rows",
            "accepted": f"{report.accepted:,}",
            "merged": f"{report.merged:,}",
            "quarantined": _reasons(report.quarantined),
            "users": f"{report.users:,}",
            "items": f"{report.items:,}",
            "into": report.dataset,
            "seconds": f"{report.seconds:.2f}",
        }
    )
    yield from (f"note: {warning}" for warning in report.warnings)
    yield "Next: tacit train"


def list_datasets(asked: Asked) -> None:
    """List the datasets, and what was imported into each."""
    with asked.opened() as app:
        found = {name: app.history.imports(name) for name in app.history.datasets()}
    answer = [
        {"dataset": name, "accepted": sum(each.accepted for each in imports), "imports": [*map(asdict, imports)]}
        for name, imports in found.items()
    ]
    rows = [
        (name, each.reader, f"{each.accepted:,}", f"{each.users:,}", f"{each.items:,}", each.import_id)
        for name, imports in found.items()
        for each in imports
    ]
    columns = ("dataset", "reader", "interactions", "users", "items", "import")
    numbers = ("interactions", "users", "items")
    show(answer, lambda: [table(columns, rows, numbers=numbers)], is_json=asked.is_json)


def freeze_snapshot(
    asked: Asked,
    *,
    dataset: Dataset = None,
    is_list: Annotated[bool, typer.Option("--list", help="List the snapshots kept instead.")] = False,
) -> None:
    """Freeze what is known now, filtered and split as the settings say, and describe it."""
    with asked.opened() as app:
        if is_list:
            kept = [app.snapshots.describe(name) for name in app.snapshots.fingerprints()]
            show(kept, lambda: [_snapshots(kept)], is_json=asked.is_json)
            return
        with shown_progress() as progress:
            progress("freezing", 0.0)
            snapshot = app.freeze(dataset)
    described = {"fingerprint": snapshot.fingerprint, **snapshot.facts()}
    show(described, lambda: [facts(described)], is_json=asked.is_json)


def _snapshots(kept: list[dict[str, Any]]) -> RenderableType:
    columns = ("snapshot", "dataset", "split", "users", "items", "interactions", "held_out")
    rows = [(each["fingerprint"][:16], *(each[name] for name in columns[1:])) for each in kept]
    return table(columns, rows, numbers=columns[3:])


def _table_spec(name: str, columns: str | None, *, delimiter: str | None, said: Mapping[str, Any]) -> TableSpec | None:
    if name == "table":
        from tacit.data.readers import table_spec

        return table_spec(columns or "", delimiter=delimiter, based_on=TableSpec(**said)) if columns else None
    given = next(
        (key for key in (*(("columns",) if columns else ()), *(("delimiter",) if delimiter else ()), *said)), ""
    )
    if given:
        option = f"--{given.replace('_', '-')}"
        raise BadInput(
            "option_unexpected",
            f"{option} describes a table; the reader {name[:64]!a} knows its files.",
            field=given,
            fix=f"Leave it out, or write `tacit import table --columns … {option} …`.",
        )
    return None


def _reasons(quarantined: Mapping[str, int]) -> str:
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in quarantined.items())
    return f"{sum(quarantined.values()):,}" + (f" ({reasons})" if reasons else "")
