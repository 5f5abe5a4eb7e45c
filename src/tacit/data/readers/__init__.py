"""The named readers: which there are, which one a name means, and which one a folder or file calls for."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from tacit.data.imports import TableSpec
from tacit.data.readers import benchmark, coco, hetrec_lastfm, jodie, lastfm_360k, listening, movielens, table
from tacit.data.readers.files import shown
from tacit.data.readers.reader import Opened, Reader
from tacit.data.readers.table import table_spec
from tacit.errors import BadInput

__all__ = ["READERS", "Opened", "Reader", "detect", "reader_named", "table_spec"]

READERS: tuple[Reader, ...] = (
    hetrec_lastfm.READER,
    movielens.READER,
    coco.READER,
    lastfm_360k.READER,
    jodie.READER,
    listening.READER,
    benchmark.READER,
)
"""Every reader that knows its files by itself; where two would recognise a folder, the first one reads it."""

AUTO = "auto"


def detect(path: Path) -> Reader:
    """The reader that recognises what is at a path.

    Raises:
        BadInput: `file_unreadable` if nothing is there, `reader_unknown` if no reader recognises it.
    """
    if not path.exists():
        raise BadInput("file_unreadable", f"There is nothing at {shown(path)}.", field="from", fix="Check the path.")
    found = next((reader for reader in READERS if reader.recognises(path)), None)
    if found is None:
        looked_for = {reader.name: reader.looks_for for reader in READERS}
        listing = "; ".join(f"{name}: {files}" for name, files in looked_for.items())
        raise BadInput(
            "reader_unknown",
            f"No reader recognises {shown(path)}. They look for: {listing}.",
            field="from",
            fix="Point at such a folder or file, or describe your own: tacit import table --columns user=…,item=…",
            context={"looked_for": looked_for},
        )
    return found


def reader_named(name: str, path: Path, *, spec: TableSpec | None = None) -> Reader:
    """The reader that a name or alias means, `auto` being the one that recognises the path.

    Args:
        name: A reader's name or alias, `table` or `auto`.
        path: What is to be read.
        spec: How the table is laid out; needed for `table`, and for nothing else.

    Raises:
        BadInput: `reader_unknown`, or `columns_missing` if a table is to be read and nobody said how.
    """
    if name == AUTO:
        return detect(path)
    if name == table.NAME:
        if spec is None:
            raise BadInput("columns_missing", "A table needs its columns named.", field="columns", fix=table.EXAMPLE)
        return table.reader(spec)
    found = next((reader for reader in READERS if name in {reader.name, *reader.aliases}), None)
    if found is None:
        raise _unknown(name)
    return found


def _unknown(name: str) -> BadInput:
    names = [AUTO, table.NAME, *(name for reader in READERS for name in (reader.name, *reader.aliases))]
    near = get_close_matches(name, names, n=1)
    fix = f"Did you mean {near[0]}?" if near else f"The readers are {', '.join(names)}."
    return BadInput("reader_unknown", f"There is no reader {shown(name)}.", field="name", fix=fix)
