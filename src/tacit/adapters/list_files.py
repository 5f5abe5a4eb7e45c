"""Lists as files that other programs read: an Arrow stream, or Parquet; there wholly or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tacit.adapters.flushing import flush
from tacit.errors import BadInput
from tacit.models.recommender.lists import ListChunk

KINDS = (".arrow", ".parquet")


def check_kind(path: Path) -> None:
    """Refuse a file whose name does not say what it shall be, before anything is computed.

    Raises:
        BadInput: `file_kind_unknown`, `folder_missing`.
    """
    if path.suffix not in KINDS:
        raise BadInput(
            "file_kind_unknown",
            f"{path.name} ends neither in .arrow nor in .parquet.",
            field="OUT",
            fix="Name the file lists.arrow for an Arrow stream, or lists.parquet.",
        )
    if not path.absolute().parent.is_dir():
        raise BadInput("folder_missing", f"The folder of {path.name} does not exist.", field="OUT", fix="Create it.")


def write_lists(
    path: Path,
    chunks: Iterable[ListChunk],
    *,
    user_ids: Sequence[str],
    item_ids: Sequence[str],
    facts: Mapping[str, str],
) -> int:
    """Write lists chunk by chunk; returns how many.

    Each row is one user's list: `user_id`, `items` (ids, the best first) and `scores`, equally long. In an Arrow
    stream the items are dictionary-encoded, so that each id is written once. Memory is that of one chunk and the ids.

    Args:
        path: Where; its ending says which format. What is there is replaced in one rename, at the end.
        chunks: The lists.
        user_ids: Names of the rows.
        item_ids: Names of the positions.
        facts: What is written into the schema's metadata: which version, which category.
    """
    check_kind(path)
    names = pa.array(list(item_ids), pa.string())
    is_stream = path.suffix == ".arrow"
    words = pa.dictionary(pa.int32(), pa.string()) if is_stream else pa.string()
    columns = [("user_id", pa.string()), ("items", pa.list_(words)), ("scores", pa.list_(pa.float32()))]
    schema = pa.schema(columns, metadata=dict(facts))
    written = 0
    with _replaced(path) as staged, _writer(staged, schema, is_stream=is_stream) as writer:
        for chunk in chunks:
            writer.write_batch(_batch(chunk, schema, user_ids=user_ids, names=names))
            written += len(chunk.users)
    return written


def _batch(chunk: ListChunk, schema: pa.Schema, *, user_ids: Sequence[str], names: pa.Array) -> pa.RecordBatch:
    listed = chunk.items >= 0
    offsets = pa.array(np.concatenate(([0], np.cumsum(listed.sum(axis=1)))), pa.int32())
    items = pa.DictionaryArray.from_arrays(pa.array(chunk.items[listed], pa.int32()), names)
    if not pa.types.is_dictionary(schema.field("items").type.value_type):
        items = items.dictionary_decode()
    columns = [
        pa.array([user_ids[row] for row in chunk.users.tolist()], pa.string()),
        pa.ListArray.from_arrays(offsets, items),
        pa.ListArray.from_arrays(offsets, pa.array(chunk.scores[listed], pa.float32())),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


@contextmanager
def _writer(staged: Path, schema: pa.Schema, *, is_stream: bool) -> Iterator[Any]:
    if not is_stream:
        with pq.ParquetWriter(staged, schema) as writer:
            yield writer
        return
    with pa.OSFile(str(staged), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        yield writer


@contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    """A file beside the one that is wanted, which takes its place once it is whole."""
    folder = path.absolute().parent
    staged = folder / f".{path.name}.{secrets.token_hex(4)}"
    try:
        yield staged
        flush(staged)
        staged.replace(path)
        flush(folder)
    finally:
        staged.unlink(missing_ok=True)
