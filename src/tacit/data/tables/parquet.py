"""One pass over one Parquet table: its columns as Arrow batches, converted exactly or refused by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tacit.data.imports import Limits, TableSpec
from tacit.data.tables.layout import decide_time_format, find_columns
from tacit.data.tables.sources import EXPANSION_FLOOR_BYTES, Original, open_unchanged
from tacit.errors import BadInput

MAX_ROW_GROUPS = 100_000
BATCH_ROWS = 65_536
MAX_TEXT_CHARACTERS = 4096
"""What is read of an id or title: more than may enter, and enough to show what was kept aside."""


@dataclass(frozen=True)
class ParquetTable:
    """A Parquet table on its way in.

    Attributes:
        schema: Of the batches: `line` int64, then those of `user`, `item`, `value`, `time`, `title` that were asked
            for; ids are text, a value is text or double, a time is text or int64 Unix milliseconds.
        batches: The rows, to be read once.
        time_format: How times are written, where they are text.
    """

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    time_format: str | None = None

    def form_of(self, role: str) -> str | None:
        """`text` or `number`: in what form a column comes, or `None` if there is none."""
        if self.schema.get_field_index(role) < 0:
            return None
        return "text" if _is_text(self.schema.field(role).type) else "number"


def open_parquet(original: Original, spec: TableSpec, *, limits: Limits, told: Callable[[int], None]) -> ParquetTable:
    """Begin to read a Parquet table: check its footer and its columns, and promise the rest.

    Metadata that other libraries leave in a file is not read; nothing in a file is ever unpickled.

    Args:
        original: The file, digested before.
        spec: How to read it; columns by name.
        limits: What it may contain.
        told: Called with the number of bytes of the original read so far, as batches are read.

    Raises:
        BadInput: `parquet_corrupt`, `file_no_rows`, `column_missing`, `column_type` for a nested or otherwise
            unusable column, `decompressed_too_large`, `parquet_row_groups`.
    """
    name = original.path.name
    with open_unchanged(original) as file:
        parquet = _open_file(file, name)
        _refuse_excess(parquet.metadata, original, limits)
        columns = find_columns(spec, parquet.schema_arrow.names, name=name)
        sources = {role: parquet.schema_arrow.field(index) for role, index in columns.items()}
        time_format = _time_format(parquet, spec, sources, name=name)
    fields = [(role, _target(role, source, name=name)) for role, source in sources.items()]
    schema = pa.schema([("line", pa.int64()), *fields])
    return ParquetTable(schema, _batches(original, sources, schema, told=told), time_format)


def _open_file(file: BinaryIO, name: str, dictionaries: list[str] | None = None) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file, read_dictionary=dictionaries, page_checksum_verification=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _corrupt(name, "its footer cannot be read", {}) from error


def _refuse_excess(metadata: pq.FileMetaData, original: Original, limits: Limits) -> None:
    name = original.path.name
    if metadata.num_rows == 0:
        raise BadInput("file_no_rows", f"{name!r} holds no row of data.", field=name, fix="Export it again.")
    if metadata.num_row_groups > MAX_ROW_GROUPS:
        raise BadInput(
            "parquet_row_groups",
            f"{name!r} has {metadata.num_row_groups} row groups; at most {MAX_ROW_GROUPS} are read.",
            field=name,
            fix="Write it again with larger row groups.",
        )
    largest = max(metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups))
    if largest > max(EXPANSION_FLOOR_BYTES, limits.max_expansion * original.size):
        raise BadInput(
            "decompressed_too_large",
            f"{name!r} has {original.size} bytes, and one row group expands to {largest}.",
            field=name,
            fix="Write it again with smaller row groups.",
        )


def _target(role: str, source: pa.Field, *, name: str) -> pa.DataType:
    """The type in which a column is handed on; ids keep their dictionary, so that a long value is held once."""
    kind = source.type.value_type if pa.types.is_dictionary(source.type) else source.type
    is_text = _is_text(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    is_whole = pa.types.is_integer(kind)
    is_exact = pa.types.is_decimal(kind)
    if is_text:
        return pa.dictionary(pa.int32(), pa.string()) if role not in ("value", "time") else pa.string()
    if role not in ("value", "time") and (is_whole or is_exact or pa.types.is_boolean(kind)):
        return pa.string()
    if role == "value" and (is_whole or is_exact or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        return pa.float64()
    if role == "time" and (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        return pa.int64()
    if role == "time" and is_whole:
        return pa.string()
    raise BadInput(
        "column_type",
        f"Column '{source.name[:64]}' of {name!r} is {str(source.type)[:64]}, which cannot be read as {role}.",
        field=source.name,
        fix="Write it as text, whole numbers or timestamps; nested columns are not read.",
    )


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _time_format(parquet: pq.ParquetFile, spec: TableSpec, sources: dict[str, pa.Field], *, name: str) -> str | None:
    if "time" not in sources or pa.types.is_temporal(sources["time"].type):
        return None
    _target("time", sources["time"], name=name)
    head = next(_read(parquet, [sources["time"].name], name=name), None)
    samples = [] if head is None else head.column(0).slice(0, 1000).cast(pa.string()).drop_null().to_pylist()
    return decide_time_format(spec, samples, name=name)


def _batches(
    original: Original, sources: dict[str, pa.Field], schema: pa.Schema, *, told: Callable[[int], None]
) -> Iterator[pa.RecordBatch]:
    name = original.path.name
    names = [source.name for source in sources.values()]
    dictionaries = [source.name for role, source in sources.items() if pa.types.is_dictionary(schema.field(role).type)]
    line = 1
    with open_unchanged(original) as file:
        parquet = _open_file(file, name, dictionaries)
        for batch in _read(parquet, names, name=name):
            rows = batch.num_rows
            numbers = pa.array(np.arange(line, line + rows))
            columns = [
                _converted(batch.column(source.name), schema.field(role).type, source=source, name=name)
                for role, source in sources.items()
            ]
            yield pa.RecordBatch.from_arrays([numbers, *columns], schema=schema)
            line += rows
            told(int(original.size * min(1.0, line / parquet.metadata.num_rows)))


def _read(parquet: pq.ParquetFile, names: list[str], *, name: str) -> Iterator[pa.RecordBatch]:
    for group in range(parquet.num_row_groups):
        try:
            yield from parquet.iter_batches(BATCH_ROWS, row_groups=[group], columns=names)
        except (pa.ArrowException, OSError) as error:
            raise _corrupt(name, f"row group {group} cannot be read", {"row_group": group}) from error


def _corrupt(name: str, what: str, context: dict[str, object]) -> BadInput:
    return BadInput(
        "parquet_corrupt",
        f"{name!r} is damaged: {what}.",
        field=name,
        fix="Copy or write it again; nothing was kept.",
        context=context,
    )


def _converted(column: pa.Array, target: pa.DataType, *, source: pa.Field, name: str) -> pa.Array:
    try:
        if pa.types.is_timestamp(column.type):
            # Exact to the millisecond: what is finer is cut off, as a clock would.
            column = column.cast(pa.timestamp("ms"), safe=False)
        elif pa.types.is_date(column.type):
            column = column.cast(pa.timestamp("ms"))
        if _is_text(column.type):
            (column.dictionary if pa.types.is_dictionary(column.type) else column).validate(full=True)
        if pa.types.is_dictionary(target):
            return _as_dictionary(column)
        if pa.types.is_floating(target) and pa.types.is_integer(column.type):
            return pc.cast(column, target, safe=False)
        return column.cast(target)
    except pa.ArrowInvalid as error:
        raise BadInput(
            "encoding" if "UTF8" in str(error) else "column_type",
            f"Column '{source.name[:64]}' of {name!r} holds a value that cannot be read as {target}.",
            field=source.name,
            fix="Write text as UTF-8, and times within the years 1 to 9999.",
        ) from error


def _as_dictionary(column: pa.Array) -> pa.Array:
    column = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    # An endless value stands here once, but once per row in what is quarantined: it is cut while it is one.
    values = pc.utf8_slice_codeunits(column.dictionary.cast(pa.string()), 0, MAX_TEXT_CHARACTERS)
    return pa.DictionaryArray.from_arrays(column.indices.cast(pa.int32()), values)
