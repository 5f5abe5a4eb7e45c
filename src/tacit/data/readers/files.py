"""Finding the files of a data set and reading catalogue rows out of them: plain, `.gz` or `.zst`."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import pyarrow as pa

from tacit.data.imports import Limits
from tacit.data.tables.sources import decompressed, digest, open_unchanged, recognise
from tacit.errors import BadInput

COMPRESSIONS = ("", ".gz", ".zst")
MAX_LINE_BYTES = 1_000_000
HEAD_BYTES = 512


@dataclass(frozen=True)
class Dialect:
    """How the rows of a catalogue file are written; the first row names the columns.

    Attributes:
        delimiter: Field separator.
        encoding: Text encoding of the whole file.
        quoted: Whether fields may be quoted as in RFC 4180.
    """

    delimiter: str = "\t"
    encoding: str = "utf-8"
    quoted: bool = False


TABS = Dialect()
COMMAS = Dialect(delimiter=",", quoted=True)


def shown(value: object) -> str:
    """A value as a message may repeat it: escaped, in quotes, at most 64 characters."""
    text = ascii(str(value))[1:-1]
    return f"'{text}'" if len(text) <= 64 else f"'{text[:61]}...'"


def dataset_name(path: Path) -> str:
    """A dataset's name made from a file's or folder's: lower case, without suffixes, no odd characters."""
    stem = path.resolve().name.split(".")[0]
    return re.sub(r"[^a-z0-9_-]+", "-", stem.lower()).strip("-_")[:64] or "imported"


def find(folder: Path, name: str) -> Path | None:
    """The file of that name in a folder, plain or compressed; `None` if there is none."""
    candidates = (folder / f"{name}{suffix}" for suffix in COMPRESSIONS)
    return next((path for path in candidates if path.is_file()), None)


def need(folder: Path, name: str) -> Path:
    """The file of that name in a folder, plain or compressed.

    Raises:
        BadInput: `file_missing` if there is none.
    """
    path = find(folder, name)
    if path is None:
        raise BadInput(
            "file_missing",
            f"{shown(folder)} holds no {name}, nor {name}.gz or {name}.zst.",
            field=name,
            fix="Point at the folder that holds the publisher's files under their own names.",
        )
    return path


def find_at(path: Path, name: str) -> Path | None:
    """The file of that name at a path: in it, if it is a folder; the path itself, if it is so called."""
    if path.is_dir():
        return find(path, name)
    return path if path.is_file() and path.name in {f"{name}{suffix}" for suffix in COMPRESSIONS} else None


def first_line(path: Path | None) -> str:
    """The first line of a text file, for recognising it; empty if there is none or it cannot be read."""
    if path is None:
        return ""
    try:
        with _unpacked(path) as stream:
            return stream.readline(MAX_LINE_BYTES).decode("utf-8-sig", errors="replace").rstrip("\r\n")
    except (OSError, EOFError, zlib.error, pa.ArrowException):
        return ""


def _unpacked(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    if path.suffix == ".zst":
        return cast(IO[bytes], io.BufferedReader(pa.input_stream(str(path), compression="zstd")))
    return path.open("rb")


def columns(path: Path, names: Sequence[str], skipped: Counter[str], *, dialect: Dialect) -> Iterator[tuple[str, ...]]:
    """The named columns of every sound row of a file with a header.

    Args:
        path: The file.
        names: The columns wanted, in the order wanted.
        skipped: Rows left out are counted here: `columns` (too few or too many fields), `encoding`, `quote`.
        dialect: How the rows are written.

    Raises:
        BadInput: The file cannot be read, or `column_missing` if its header lacks one of the names.
    """
    rows = _rows(path, skipped, dialect)
    header = next(rows, [])
    missing = [name for name in names if name not in header]
    if missing:
        raise BadInput(
            "column_missing",
            f"{path.name} has no column {shown(missing[0])}; its first row is {shown(dialect.delimiter.join(header))}.",
            field=missing[0],
            fix="Give the publisher's file, unchanged.",
        )
    positions = [header.index(name) for name in names]
    for row in rows:
        if len(row) != len(header):
            skipped["columns"] += 1
        elif not _is_text(row):
            skipped["encoding"] += 1
        else:
            yield tuple(row[position] for position in positions)


def pairs(path: Path, names: tuple[str, str], skipped: Counter[str], *, dialect: Dialect) -> dict[str, str]:
    """Two columns of a file, as `columns` reads them: the second by the first."""
    return {row[0]: row[1] for row in columns(path, names, skipped, dialect=dialect)}


def lines(path: Path, encoding: str = "utf-8") -> Iterator[str]:
    """The lines of a text file without their ends; bytes that are no text stand as lone surrogates.

    Raises:
        BadInput: As `tacit.data.tables.sources` says of files that cannot be read, or `line_too_long`.
    """
    original = digest(path)
    with open_unchanged(original) as file:
        container = recognise(path.name, file.read(HEAD_BYTES))
        file.seek(0)
        chunks = decompressed(file, original, container=container, limits=Limits())
        for number, line in enumerate(_split(chunks, path.name)):
            text = line.decode(encoding, errors="surrogateescape").rstrip("\r")
            yield text.removeprefix("\ufeff") if number == 0 else text


def _split(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
        if len(rest) > MAX_LINE_BYTES:
            raise BadInput(
                "line_too_long",
                f"{name} has a line of more than {MAX_LINE_BYTES:,} bytes.",
                field=name,
                fix="Export it again.",
            )
    if rest:
        yield rest


def _rows(path: Path, skipped: Counter[str], dialect: Dialect) -> Iterator[list[str]]:
    text = lines(path, dialect.encoding)
    if dialect.quoted:
        return _quoted_rows(text, skipped, dialect.delimiter)
    return (line.split(dialect.delimiter) for line in text if line)


def _quoted_rows(text: Iterable[str], skipped: Counter[str], delimiter: str) -> Iterator[list[str]]:
    # Line ends were taken off; a quoted field that spans lines needs one back.
    reader = csv.reader((f"{line}\n" for line in text), delimiter=delimiter, strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            skipped["quote"] += 1
        else:
            if row:
                yield row


def _is_text(row: Sequence[str]) -> bool:
    try:
        "".join(row).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
