"""From judged rows to the files of one import: set apart by user, quarantined, merged bucket by bucket."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from tacit.adapters.duck.connection import literal, parquet_files
from tacit.adapters.duck.judging import BAD_BUCKET, BUCKETS, FILE_STRIDE, Feed, judged_rows
from tacit.adapters.duck.merging import MERGED_FOLD, merged_value
from tacit.adapters.duck.reading import PARTS
from tacit.data.imports import Limits, Merge, TableSpec
from tacit.errors import BadInput


@dataclass(frozen=True)
class Staged:
    """The rows of an import, judged and set apart, before anything is merged.

    Attributes:
        rows: How many.
        quarantined: How many of them may not enter, by reason.
    """

    rows: int
    quarantined: Mapping[str, int]


@dataclass(frozen=True)
class Merged:
    """What the interactions of an import amount to.

    Attributes:
        users: Distinct users.
        pairs: Interactions.
        rows: Rows that went into them.
    """

    users: int
    pairs: int
    rows: int


class Workbench:
    """One import under construction, in a folder of its own.

    Args:
        connection: A private database.
        work: Where rows are set apart; thrown away afterwards.
        out: Where the files of the import are written.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, *, work: Path, out: Path) -> None:
        self._connection = connection
        self._work = work
        self._out = out
        self._rows = parquet_files(work, "rows-*/*/*.parquet")

    def set_apart(
        self,
        feed: Feed,
        batches: pa.RecordBatchReader,
        spec: TableSpec,
        *,
        limits: Limits,
        file_number: int,
        now_ms: int,
    ) -> None:
        """Judge the rows of one table and write them out by bucket of user."""
        query = judged_rows(feed, spec, limits, file_number=file_number, now_ms=now_ms)
        target = literal(self._work / f"rows-{file_number}")
        self._connection.register("feed", batches)
        try:
            self._connection.execute(
                f"COPY ({query}) TO {target} "
                "(FORMAT parquet, PARTITION_BY (bucket), WRITE_PARTITION_COLUMNS true, COMPRESSION zstd)"
            )
        except duckdb.InvalidInputException as error:
            if "strptime" not in str(error) and "format" not in str(error):
                raise
            raise _bad_pattern(spec) from error
        finally:
            self._connection.unregister("feed")

    def account(self) -> Staged:
        """Count what was set apart."""
        if not any(self._work.glob("rows-*/*/*.parquet")):
            return Staged(0, {})
        counts = self._connection.execute(
            f"SELECT reason, count(*) FROM {self._rows} GROUP BY reason ORDER BY reason"
        ).fetchall()
        bad = {str(reason): int(count) for reason, count in counts if reason is not None}
        return Staged(sum(int(count) for _, count in counts), bad)

    def quarantine(self, names: Sequence[str], bad_items: pa.Table) -> None:
        """Write every row that may not enter, in the order of files and lines, then the item rows."""
        files = ", ".join(literal(name) for name in names)
        bad_rows = ""
        if any(self._work.glob(f"rows-*/bucket={BAD_BUCKET}/*.parquet")):
            bad_rows = f"""
                UNION ALL
                SELECT place // {FILE_STRIDE} AS part, list_value({files})[part + 1], place % {FILE_STRIDE}, reason, raw
                FROM {self._bucket(BAD_BUCKET)}"""
        self._connection.register("bad_items", bad_items)
        self._connection.execute(f"""
            COPY (SELECT file, line, reason, raw
                  FROM (SELECT {len(names)} AS part, file, line, reason, raw FROM bad_items {bad_rows})
                  ORDER BY part, line, raw)
            TO {literal(self._out / "quarantine.parquet")} (FORMAT parquet, COMPRESSION zstd)""")
        self._connection.unregister("bad_items")

    def first_bad_rows(self, names: Sequence[str], count: int = 5) -> list[dict[str, object]]:
        """A few quarantined rows, to show what is wrong."""
        query = f"SELECT place, reason, raw FROM {self._bucket(BAD_BUCKET)} ORDER BY place LIMIT {count}"
        rows = self._connection.execute(query).fetchall()
        return [
            {"file": names[place // FILE_STRIDE], "line": place % FILE_STRIDE, "reason": reason, "raw": raw[:64]}
            for place, reason, raw in rows
        ]

    def merge(self, merge: Merge, told: Callable[[float], None]) -> None:
        """Merge the rows of each user and item, and write one sorted file per bucket."""
        for bucket in range(BUCKETS):
            if any(self._work.glob(f"rows-*/bucket={bucket}/*.parquet")):
                self._merge_bucket(bucket, merge)
            told((bucket + 1) / BUCKETS)

    def _bucket(self, bucket: int) -> str:
        return parquet_files(self._work, f"rows-*/bucket={bucket}/*.parquet")

    def _merge_bucket(self, bucket: int, merge: Merge) -> None:
        folder = self._out / "interactions" / f"bucket={bucket:02d}"
        folder.mkdir(parents=True)
        self._connection.execute(f"""
            COPY (SELECT user_id, item_id, {merged_value(merge)} AS value, count(*)::INTEGER AS events,
                         max(last_at_ms) AS last_at_ms, {MERGED_FOLD} AS fold
                  FROM {self._bucket(bucket)} GROUP BY user_id, item_id ORDER BY user_id, item_id)
            TO {literal(folder / "part-0.parquet")} (FORMAT parquet, COMPRESSION zstd)""")

    def merged(self) -> Merged:
        """Count what was merged, in the files as they are written."""
        if not any(self._out.glob(PARTS)):
            return Merged(0, 0, 0)
        parts = parquet_files(self._out, PARTS)
        found = self._connection.execute(
            f"SELECT count(DISTINCT user_id), count(*), sum(events)::BIGINT FROM {parts}"
        ).fetchone()
        return Merged(*map(int, found or ()))

    def titles(self) -> dict[str, str | None]:
        """Every item among the accepted rows, with the first title that a row gives it."""
        found = self._connection.execute(rf"""
            SELECT item_id, regexp_replace(arg_min(title, place) FILTER (trim(title) NOT IN ('', 'NULL', '\N')),
                                           '\p{{Cc}}+', ' ', 'g')
            FROM {self._rows} WHERE bucket <> {BAD_BUCKET} GROUP BY item_id""").fetchall()
        return dict(found)


def _bad_pattern(spec: TableSpec) -> BadInput:
    return BadInput(
        "time_format",
        f"{(spec.time_format or '')[:64]!r} is not a pattern for times.",
        field="time_format",
        fix="Use seconds, milliseconds, iso, or a pattern such as %d/%m/%Y %H:%M.",
    )
