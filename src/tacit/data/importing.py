"""One import, from what a person names to what the history holds."""

from __future__ import annotations

from pathlib import Path

from tacit.data.imports import ImportReport, Limits, TableSpec
from tacit.data.interfaces import Importer, Progress, silent
from tacit.data.readers import reader_named


def import_path(
    importer: Importer,
    *,
    name: str,
    path: Path,
    limits: Limits,
    spec: TableSpec | None = None,
    dataset: str | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> ImportReport:
    """Import what is at a path.

    Args:
        importer: Reads the files into the history.
        name: A reader's name or alias, `table`, or `auto` for the one that recognises the path.
        path: Folder or file.
        limits: What the files may contain.
        spec: How a table is laid out; needed for `table`, and for nothing else.
        dataset: Where the rows go; the reader's own name for them unless given.
        force: Import again although the same files were imported before.
        progress: Told of each step.

    Raises:
        BadInput: What `reader_named` and `Importer.load` say of the name and the files.
        Refused: `bad_row_budget`.
    """
    reader = reader_named(name, path, spec=spec)
    with reader.open(path) as opened:
        return importer.load(
            opened.source,
            opened.items,
            dataset=dataset or reader.dataset(path),
            limits=limits,
            force=force,
            progress=progress,
        )
