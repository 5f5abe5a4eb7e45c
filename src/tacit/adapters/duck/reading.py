"""The interactions of a dataset, read back from the files of its imports as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from tacit.adapters.duck.connection import parquet_files
from tacit.adapters.duck.merging import MERGED_FOLD, NO_TIME_SQL, merged_value
from tacit.data.imports import Merge
from tacit.data.interactions import Interactions
from tacit.data.interfaces import RecentRow

PARTS = "interactions/*/*.parquet"
"""Where the interactions of an import lie in its folder."""

SLICES = 16
"""Users are fetched in this many slices, so that the database never holds all rows beside our arrays."""

_COLUMNS = {"u": np.int32, "i": np.int32, "value": np.float32, "last_at_ms": np.int64, "fold": np.int8}


@dataclass(frozen=True)
class ImportFiles:
    """Where the interactions of one import lie.

    Attributes:
        import_id: The import.
        folder: Its folder.
        merge: What becomes of several rows of one user and item.
    """

    import_id: str
    folder: Path
    merge: Merge


def read_interactions(
    connection: duckdb.DuckDBPyConnection, dataset: str, imports: Sequence[ImportFiles]
) -> Interactions:
    """All rows of some imports merged as the latest of them merges its own, sorted by user and item.

    Args:
        connection: A private database.
        dataset: What to call the result.
        imports: Oldest first; at least one.
    """
    _number_ids(connection, imports)
    user_ids = _ids(connection, "users")
    item_ids = _ids(connection, "items")
    columns = _fetch(connection, len(user_ids), imports[-1].merge if len(imports) > 1 else None)
    return Interactions(
        dataset,
        user_ids,
        item_ids,
        users=columns["u"],
        items=columns["i"],
        values=columns["value"],
        last_at_ms=columns["last_at_ms"],
        folds=columns["fold"],
        import_ids=tuple(each.import_id for each in imports),
    )


def _number_ids(connection: duckdb.DuckDBPyConnection, imports: Sequence[ImportFiles]) -> None:
    """Tables `users` and `items` (id → position in byte order) and `pairs`, which holds positions only."""
    parts = [
        f"""SELECT user_id, item_id, value, last_at_ms, fold, {place}::SMALLINT AS place
            FROM {parquet_files(each.folder, PARTS)}"""
        for place, each in enumerate(imports)
        if any(each.folder.glob(PARTS))
    ]
    nothing = """SELECT '' AS user_id, '' AS item_id, 1.0::DOUBLE AS value, NULL::BIGINT AS last_at_ms,
                        0::TINYINT AS fold, 0::SMALLINT AS place WHERE false"""
    connection.execute(f"CREATE VIEW stored AS {' UNION ALL '.join(parts) or nothing}")
    for table, column in (("users", "user_id"), ("items", "item_id")):
        connection.execute(f"""
            CREATE TEMP TABLE {table} AS
            SELECT id, (row_number() OVER (ORDER BY id) - 1)::INTEGER AS position
            FROM (SELECT DISTINCT {column} AS id FROM stored)""")
    connection.execute("""
        CREATE TEMP TABLE pairs AS
        SELECT users.position AS u, items.position AS i, value, last_at_ms, fold, place
        FROM stored JOIN users ON user_id = users.id JOIN items ON item_id = items.id""")


def _ids(connection: duckdb.DuckDBPyConnection, table: str) -> tuple[str, ...]:
    return tuple(row[0] for row in connection.execute(f"SELECT id FROM {table} ORDER BY position").fetchall())


def _fetch(connection: duckdb.DuckDBPyConnection, users: int, merge: Merge | None) -> dict[str, NDArray[Any]]:
    step = max(1, -(-users // SLICES))
    query = _slice_query(merge)
    slices = [connection.execute(query, [start, start + step]).fetchnumpy() for start in range(0, max(users, 1), step)]
    columns: dict[str, NDArray[Any]] = {}
    for name, kind in _COLUMNS.items():
        # One column at a time, dropping the slices of those that are done.
        columns[name] = np.concatenate([part.pop(name) for part in slices]).astype(kind, copy=False)
    return columns


def _slice_query(merge: Merge | None) -> str:
    # One import holds every pair once; only several can repeat one.
    value, last, fold, group = (
        ("value", "last_at_ms", "fold", "")
        if merge is None
        else (merged_value(merge), "max(last_at_ms)", MERGED_FOLD, "GROUP BY u, i")
    )
    return f"""
        SELECT u, i, ({value})::FLOAT AS value, coalesce({last}, {NO_TIME_SQL}) AS last_at_ms,
               ({fold})::TINYINT AS fold
        FROM pairs WHERE u >= ? AND u < ? {group} ORDER BY u, i"""


def recent_rows(
    connection: duckdb.DuckDBPyConnection, folders: Sequence[Path], *, since_ms: int, limit: int
) -> list[RecentRow]:
    """The latest interactions of some imports since a moment, oldest first; a pair that stands in several counts once.

    Only what is asked for is read: Parquet tells of each group of rows which times it holds.
    """
    parts = [f"SELECT * FROM {parquet_files(each, PARTS)}" for each in folders if any(each.glob(PARTS))]
    if not parts:
        return []
    rows = connection.execute(
        f"""
        SELECT user_id, item_id, arg_max(value, last_at_ms)::DOUBLE, max(last_at_ms) AS at_ms
        FROM ({" UNION ALL ".join(parts)}) WHERE last_at_ms >= ?
        GROUP BY user_id, item_id ORDER BY at_ms DESC, user_id, item_id LIMIT ?""",
        [since_ms, limit],
    ).fetchall()
    return [RecentRow(*row) for row in reversed(rows)]
