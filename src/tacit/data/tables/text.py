"""One pass over one text table: its clean lines as Arrow batches, every line accounted for and numbered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tacit.data.imports import Limits, TableSpec
from tacit.data.tables.layout import TextLayout, lay_out
from tacit.data.tables.lines import Block, LineReader, first_undecodable, refuse_encoding, unix_newlines, utf8_chunks
from tacit.data.tables.quoting import UNIT_SEPARATOR, Record, unquoted_blocks
from tacit.data.tables.sources import Container, Original, decompressed, open_unchanged, table_suffix
from tacit.errors import BadInput

SAMPLE_LINES = 1000
"""Lines at the head of a table that decide its width and how its times are written."""

TEXT_SCHEMA = pa.schema([("line", pa.int64()), ("text", pa.string()), ("raw", pa.string()), ("reason", pa.string())])
"""Of a text batch: line number; the line, which may end in a line feed; what to show of it, where that is not the line
itself; and why it cannot be read, where it cannot."""


@dataclass(frozen=True)
class TextTable:
    """A text table on its way in.

    Attributes:
        layout: Where its columns stand; a quoted table's fields are separated by `UNIT_SEPARATOR` by now.
        batches: The lines after the header, to be read once; raises what is wrong with the file as a whole.
        warnings: Filled while the batches are read.
    """

    layout: TextLayout
    batches: Iterator[pa.RecordBatch]
    warnings: list[str]

    @property
    def separator(self) -> str:
        """What separates the fields in the batches."""
        return UNIT_SEPARATOR if self.layout.is_quoted else self.layout.delimiter


def open_text(
    original: Original, spec: TableSpec, *, container: Container, limits: Limits, told: Callable[[int], None]
) -> TextTable:
    """Begin to read a text table: find its columns in its first lines, and promise the rest.

    Args:
        original: The file, digested before.
        spec: How to read it.
        container: How it is compressed.
        limits: What it may contain.
        told: Called with the number of bytes of the original read so far, as batches are read.

    Raises:
        BadInput: What is wrong with the file, here or while its batches are read.
    """
    name = original.path.name
    reader = LineReader(name=name, max_line_bytes=limits.max_line_bytes)
    blocks = _blocks(original, reader, container=container, limits=limits, told=told)
    first = _first_readable(blocks, reader, name=name)
    layout = lay_out(spec, _sample(first), name=name, suffix=table_suffix(original.path))
    warnings = list(layout.warnings)
    body = _screened(_chain(first, blocks, has_header=layout.has_header), reader, layout, name=name, warnings=warnings)
    return TextTable(layout, _batches(body, layout, name=name, max_record_bytes=limits.max_line_bytes), warnings)


def _blocks(
    original: Original, reader: LineReader, *, container: Container, limits: Limits, told: Callable[[int], None]
) -> Iterator[Block]:
    name = original.path.name
    with open_unchanged(original) as file:
        content = decompressed(file, original, container=container, limits=limits)
        for block in reader.blocks(unix_newlines(utf8_chunks(content, name=name))):
            told(file.tell())
            yield block
        if reader.bad_encoding:
            file.seek(0)
            content = decompressed(file, original, container=container, limits=limits)
            refuse_encoding(reader, first_undecodable(content), name=name)


def _first_readable(blocks: Iterator[Block], reader: LineReader, *, name: str) -> Block:
    for block in blocks:
        if block.data.strip(b"\n"):
            return block
        if block.flagged:
            # Megabytes without one readable line are no table with bad rows in it.
            refuse_encoding(reader, 0 if reader.bad_encoding else None, name=name)
            break
    raise _no_rows(name)


def _sample(block: Block) -> list[str]:
    lines = (line.decode("utf-8") for line in block.data.split(b"\n", 4 * SAMPLE_LINES)[: 4 * SAMPLE_LINES] if line)
    return [line for line, _ in zip(lines, range(SAMPLE_LINES), strict=False)]


def _chain(first: Block, rest: Iterator[Block], *, has_header: bool) -> Iterator[Block]:
    yield _without_header(first) if has_header else first
    yield from rest


def _without_header(block: Block) -> Block:
    lengths = np.diff(block.line_ends, prepend=-1)
    header = int((lengths > 1).argmax())
    cut = int(block.line_ends[header]) + 1
    return Block(block.first_line + header + 1, block.data[cut:], block.line_ends[header + 1 :] - cut, block.flagged)


def _screened(
    blocks: Iterator[Block], reader: LineReader, layout: TextLayout, *, name: str, warnings: list[str]
) -> Iterator[Block]:
    """The blocks, and at their end what only the whole file can tell."""
    yield from blocks
    if reader.lines <= layout.has_header:
        raise _no_rows(name)
    if reader.is_mojibake:
        warnings.append("mojibake_suspect")


def _batches(
    blocks: Iterator[Block], layout: TextLayout, *, name: str, max_record_bytes: int
) -> Iterator[pa.RecordBatch]:
    parts: Iterable[Block | list[Record]] = blocks
    if layout.is_quoted:
        parts = unquoted_blocks(blocks, delimiter=layout.delimiter, name=name, max_record_bytes=max_record_bytes)
    for part in parts:
        yield from (_record_batch(part),) if isinstance(part, list) else _block_batches(part)


def _no_rows(name: str) -> BadInput:
    return BadInput(
        "file_no_rows",
        f"{name!r} holds no row of data.",
        field=name,
        fix="Export it again, or leave it out.",
    )


def _block_batches(block: Block) -> Iterator[pa.RecordBatch]:
    if len(block.line_ends):
        yield _lines_batch(block)
    if block.flagged:
        lines, reasons, raws = zip(*((line.line, line.reason, line.raw) for line in block.flagged), strict=True)
        text = pa.array([""] * len(lines))
        yield _batch(np.array(lines, dtype=np.int64), text, raw=pa.array(raws), reason=pa.array(reasons))


def _lines_batch(block: Block) -> pa.RecordBatch:
    count = len(block.line_ends)
    offsets = np.empty(count + 1, dtype=np.int32)
    offsets[0] = 0
    offsets[1:] = block.line_ends + 1
    # The line feed stays in the text: cutting it off would copy every line.
    text = pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(block.data))
    nothing = pa.nulls(count, pa.string())
    batch = _batch(np.arange(block.first_line, block.first_line + count), text, raw=nothing, reason=nothing)
    is_row = np.diff(offsets) > 1
    return batch if is_row.all() else batch.filter(pa.array(is_row))


def _record_batch(records: list[Record]) -> pa.RecordBatch:
    return _batch(
        np.array([record.line for record in records], dtype=np.int64),
        pa.array([record.text for record in records], pa.string()),
        raw=pa.array([record.raw for record in records], pa.string()),
        reason=pa.array([record.reason for record in records], pa.string()),
    )


def _batch(lines: NDArray[np.int64], text: pa.Array, *, raw: pa.Array, reason: pa.Array) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(lines), text, raw, reason], schema=TEXT_SCHEMA)
