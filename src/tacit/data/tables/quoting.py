"""RFC 4180: quoted fields, which may hold the delimiter, quotes and line ends."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tacit.data.tables.lines import Block
from tacit.errors import BadInput

UNIT_SEPARATOR = "\x1f"
"""Stands between the fields of every row once its quotes are gone, since a field may hold the delimiter."""

_SPLIT_BY = UNIT_SEPARATOR.encode()


@dataclass(frozen=True)
class Record:
    """One row of a quoted table.

    Attributes:
        line: 1-based line at which it begins.
        text: Its fields without quotes, joined by `UNIT_SEPARATOR`.
        raw: The row as it was.
        reason: `ragged` if its quotes make no sense, so that its fields cannot be told apart.
    """

    line: int
    text: str
    raw: str
    reason: str | None = None


def unquoted_blocks(
    blocks: Iterable[Block], *, delimiter: str, name: str, max_record_bytes: int
) -> Iterator[Block | list[Record]]:
    """Take the quotes off a table.

    A block without any quote keeps its shape, its delimiter replaced by `UNIT_SEPARATOR`; any other comes as records.

    Args:
        blocks: The file's lines in order.
        delimiter: One character.
        name: What the file is called.
        max_record_bytes: Longest row; a quote that is never closed stops there.

    Raises:
        BadInput: `quote_unbalanced` with the line of the row that a missing quote begins.
    """
    stream = iter(blocks)
    for block in stream:
        if b'"' not in block.data:
            yield _plainly_split(block, delimiter)
        else:
            reader = _RecordReader(block, stream, delimiter, name=name, max_record_bytes=max_record_bytes)
            yield list(reader.records())
            # Flagged lines stand as empty ones in their block; they are told of in a block that holds nothing else.
            yield Block(block.first_line, b"", block.line_ends[:0], tuple(reader.flagged))


def split_header(line: str, delimiter: str, *, quoted: bool) -> list[str]:
    """The column names in a first line."""
    if quoted and '"' in line:
        return next(csv.reader([line], delimiter=delimiter), [])
    return line.split(delimiter)


def _plainly_split(block: Block, delimiter: str) -> Block:
    data = block.data
    if _SPLIT_BY in data:
        # As long as the separator and just as forbidden in an id.
        data = data.replace(_SPLIT_BY, b"\x1e")
    return Block(block.first_line, data.replace(delimiter.encode(), _SPLIT_BY), block.line_ends, block.flagged)


class _RecordReader:
    """Feeds lines to the csv module, and takes further blocks where a row runs over the end of its own."""

    def __init__(
        self, block: Block, following: Iterator[Block], delimiter: str, *, name: str, max_record_bytes: int
    ) -> None:
        self.flagged = list(block.flagged)
        self._following = following
        self._name = name
        self._max_record_bytes = max_record_bytes
        self._pending = _lines_of(block)
        self._next_line = block.first_line
        self._fed: list[str] = []
        self._fed_characters = 0
        self._reader = csv.reader(self._feed(), delimiter=delimiter, strict=True)

    def records(self) -> Iterator[Record]:
        while self._pending:
            line = self._next_line
            self._fed.clear()
            self._fed_characters = 0
            record = self._one_record(line)
            if record is not None:
                yield record

    def _one_record(self, line: int) -> Record | None:
        try:
            fields = next(self._reader, [])
        except csv.Error as error:
            return self._judge(line, error)
        text = UNIT_SEPARATOR.join(field.replace(UNIT_SEPARATOR, "\x1e") for field in fields)
        return Record(line, text, self._raw) if fields else None

    def _judge(self, line: int, error: csv.Error) -> Record:
        # A stray quote inside one line spoils that row; one that swallowed other lines has spoilt what follows.
        if len(self._fed) > 1 or "unexpected end" in str(error) or "field larger" in str(error):
            raise self._unbalanced(line) from error
        return Record(line, "", self._raw, "ragged")

    @property
    def _raw(self) -> str:
        return "".join(self._fed).rstrip("\n")[:4096]

    def _feed(self) -> Iterator[str]:
        while True:
            if not self._pending:
                block = next(self._following, None)
                if block is None:
                    return
                self.flagged.extend(block.flagged)
                self._pending = _lines_of(block)
            line = self._pending.pop()
            self._next_line += 1
            self._fed.append(line)
            self._fed_characters += len(line)
            if self._fed_characters > self._max_record_bytes:
                raise self._unbalanced(self._next_line - len(self._fed))
            yield line

    def _unbalanced(self, line: int) -> BadInput:
        return BadInput(
            "quote_unbalanced",
            f"A quote that opens in line {line} of {self._name!r} is never closed, or swallows the rows after it.",
            field=self._name,
            fix="Double the quotes inside quoted fields, or say that the file is not quoted.",
            context={"line": line},
        )


def _lines_of(block: Block) -> list[str]:
    # Last line first, so that taking the next one is cheap; str.splitlines would also split at U+2028.
    lines = block.data.decode("utf-8").split("\n")
    return [f"{line}\n" for line in lines[-2::-1]]
