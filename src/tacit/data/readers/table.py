"""Any table of interactions, as its owner describes it: CSV, TSV or Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from tacit.data.imports import Source, TableSpec
from tacit.data.readers.files import COMPRESSIONS, dataset_name, shown
from tacit.data.readers.reader import Opened, Reader
from tacit.errors import BadInput

NAME = "table"
ROLES = ("user", "item", "value", "time", "title")
REQUIRED = ("user", "item")
TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq")
TABS = frozenset({"\\t", "\\\\t", "tab"})
"""What people type where a tab is meant, after their shell has or has not removed a backslash."""

EXAMPLE = "Write for example --columns user=listener,item=artist,value=plays,time=played_at."


def table_spec(columns: str, *, delimiter: str | None = None, based_on: TableSpec | None = None) -> TableSpec:
    r"""What a person said of a table, as an importer takes it.

    Args:
        columns: Comma-separated `role=column` pairs; the roles are user, item, value, time and title, a column is a
            name of the header or a 0-based position where there is no header.
        delimiter: One character; a tab may be written `\t` or `tab`. `None` lets the file decide.
        based_on: Every other choice (how times are written, what repeated rows become, …).

    Raises:
        BadInput: `columns_malformed`, `columns_unknown`, `columns_repeated`, `columns_missing` or
            `delimiter_invalid`, naming the role or option at fault.
    """
    named = _named(columns)
    missing = [role for role in REQUIRED if role not in named]
    if missing:
        raise BadInput(
            "columns_missing",
            f"--columns names no column for {missing[0]}.",
            field=missing[0],
            fix=EXAMPLE,
        )
    if named["user"] == named["item"]:
        raise BadInput(
            "columns_repeated",
            f"--columns takes both user and item from column {shown(named['user'])}.",
            field="item",
            fix=EXAMPLE,
        )
    return replace(
        based_on or TableSpec(),
        user=named["user"],
        item=named["item"],
        value=named.get("value"),
        time=named.get("time"),
        title=named.get("title"),
        delimiter=_delimiter(delimiter),
    )


def reader(spec: TableSpec) -> Reader:
    """A reader of tables that look like this: one file, or all tables of one folder in the order of their names."""

    def opened(path: Path) -> AbstractContextManager[Opened]:
        return _opened(path, spec)

    return Reader(
        name=NAME,
        summary="Any CSV, TSV or Parquet file, plain, .gz or .zst, whose columns you name.",
        looks_for="what --columns says",
        recognises=lambda path: bool(_tables(path)),
        open=opened,
        dataset=dataset_name,
    )


def _named(columns: str) -> Mapping[str, str]:
    named: dict[str, str] = {}
    for pair in columns.split(","):
        role, separator, column = (part.strip() for part in pair.partition("="))
        if not (separator and role and column):
            raise BadInput(
                "columns_malformed",
                f"--columns has {shown(pair)} where role=column belongs.",
                field="columns",
                fix=EXAMPLE,
            )
        if role not in ROLES:
            raise _unknown(role)
        if role in named:
            raise BadInput("columns_repeated", f"--columns names {role} twice.", field=role, fix="Name it once.")
        named[role] = column
    return named


def _unknown(role: str) -> BadInput:
    near = get_close_matches(role.lower(), ROLES, n=1)
    fix = f"Did you mean {near[0]}?" if near else f"The roles are {', '.join(ROLES)}."
    return BadInput("columns_unknown", f"--columns knows no role {shown(role)}.", field="columns", fix=fix)


def _delimiter(written: str | None) -> str | None:
    if written is None:
        return None
    delimiter = "\t" if written in TABS else written
    if len(delimiter) != 1 or delimiter.isalnum() or delimiter in '"\r\n\0':
        raise BadInput(
            "delimiter_invalid",
            f"--delimiter {shown(written)} cannot part fields.",
            field="delimiter",
            fix=r"Give one character such as ',' or ';', or \t for a tab.",
        )
    return delimiter


def _tables(path: Path) -> tuple[Path, ...]:
    if path.is_dir():
        return tuple(sorted(file for file in path.iterdir() if file.is_file() and _is_table(file)))
    return (path,) if path.is_file() else ()


def _is_table(file: Path) -> bool:
    return file.name.endswith(tuple(f"{kind}{suffix}" for kind in TABLE_SUFFIXES for suffix in COMPRESSIONS))


@contextmanager
def _opened(path: Path, spec: TableSpec) -> Iterator[Opened]:
    tables = _tables(path)
    if not tables:
        raise BadInput(
            "file_missing",
            f"There is no table at {shown(path)}.",
            field="from",
            fix=f"Give a file, or a folder with files that end in {', '.join(TABLE_SUFFIXES)} (and .gz or .zst).",
        )
    yield Opened(Source(NAME, tuple((table, spec) for table in tables)))
