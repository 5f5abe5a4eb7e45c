"""One import, step by step: open each table, judge its rows, quarantine, merge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from tacit.adapters.duck.building import Workbench
from tacit.adapters.duck.cataloguing import build_catalog
from tacit.adapters.duck.judging import Feed, basket_feed, parquet_feed, text_feed
from tacit.data.catalog import Item
from tacit.data.imports import ImportReport, Limits, Merge, Source, TableSpec
from tacit.data.interfaces import Progress
from tacit.data.tables.parquet import open_parquet
from tacit.data.tables.sources import Original, open_unchanged, recognise, refuse_if_changed, table_suffix
from tacit.data.tables.text import TEXT_SCHEMA, open_text
from tacit.data.validation import check_budget
from tacit.errors import BadInput, Unavailable

DIGESTED_SHARE, READ_SHARE, MERGED_SHARE = 0.1, 0.65, 0.95
"""Shares of the whole work that are done after each step, roughly."""


@dataclass(frozen=True)
class OpenedTable:
    """One table as the database takes it in."""

    feed: Feed
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    warnings: list[str]


class ImportJob:
    """The steps of one import, from digested files to the finished files in the staging folder."""

    def __init__(
        self,
        source: Source,
        tables: Sequence[Original],
        extras: Sequence[Original],
        *,
        items: Callable[[], Iterator[Item]] | None,
        limits: Limits,
        now: datetime,
        progress: Progress,
    ) -> None:
        self._source = source
        self._tables = tables
        self._extras = extras
        self._items = items
        self._limits = limits
        self._now_ms = int(now.timestamp() * 1000)
        self._progress = progress
        self._names = _file_names([path for path, _ in source.tables] + list(source.catalog_files))

    def build(
        self, connection: duckdb.DuckDBPyConnection, staging: Path, *, import_id: str, dataset: str
    ) -> ImportReport:
        """Write the files of the import and say what was done; quarantine before valid rows."""
        work, out = staging / "work", staging / "out"
        work.mkdir()
        out.mkdir()
        bench = Workbench(connection, work=work, out=out)
        warnings = self._set_apart(bench)
        staged = bench.account()
        self._refuse_nothing(staged.rows)
        bad_rows = bench.first_bad_rows(self._names) if staged.quarantined else []
        check_budget(staged.rows, staged.quarantined, limits=self._limits, first_rows=bad_rows)
        titles = bench.titles()
        catalog, bad_items, account = build_catalog(self._catalog(), titles, limits=self._limits)
        bench.quarantine(self._names, bad_items)
        pq.write_table(catalog, out / "items.parquet", compression="zstd")
        bench.merge(merge_of(self._source), self._told_of("merge", READ_SHARE, MERGED_SHARE))
        merged = bench.merged()
        self._refuse_change()
        report = ImportReport(
            import_id,
            dataset,
            self._source.reader,
            files=self._digests(),
            read=staged.rows,
            accepted=merged.pairs,
            merged=merged.rows - merged.pairs,
            quarantined=staged.quarantined,
            catalog=asdict(account.with_skipped(self._source.catalog_skipped)),
            users=merged.users,
            items=len(titles),
            seconds=0.0,
            warnings=warnings,
        )
        return _balanced(report)

    def _digests(self) -> dict[str, str]:
        originals = [*self._tables, *self._extras]
        return {name: original.sha256 for name, original in zip(self._names, originals, strict=True)}

    def _set_apart(self, bench: Workbench) -> tuple[str, ...]:
        total = sum(original.size for original in self._tables)
        before = 0
        warnings: dict[str, None] = {}
        for number, (original, (_, spec)) in enumerate(zip(self._tables, self._source.tables, strict=True)):
            told = self._told_of("read", DIGESTED_SHARE, READ_SHARE)

            def told_bytes(done: int, before: int = before, told: Callable[[float], None] = told) -> None:
                told((before + done) / total)

            table = _open_table(original, spec, limits=self._limits, told=told_bytes)
            self._feed(bench, table, spec=spec, number=number)
            warnings |= dict.fromkeys(table.warnings)
            before += original.size
        return tuple(warnings)

    def _feed(self, bench: Workbench, table: OpenedTable, *, spec: TableSpec, number: int) -> None:
        keeper = FailureKeeper()
        reader = keeper.reader(table.schema, table.batches)
        try:
            bench.set_apart(table.feed, reader, spec, limits=self._limits, file_number=number, now_ms=self._now_ms)
        except duckdb.Error:
            if keeper.failure is not None:
                raise keeper.failure from None
            raise

    def _told_of(self, step: str, start: float, end: float) -> Callable[[float], None]:
        return lambda share: self._progress(step, start + (end - start) * min(1.0, share))

    def _catalog(self) -> Iterator[Item]:
        return self._items() if self._items is not None else iter(())

    def _refuse_nothing(self, rows: int) -> None:
        if rows == 0:
            name = self._names[0]
            raise BadInput("file_no_rows", f"{name!r} holds no row of data.", field=name, fix="Export it again.")

    def _refuse_change(self) -> None:
        for original in [*self._tables, *self._extras]:
            refuse_if_changed(original)


def _balanced(report: ImportReport) -> ImportReport:
    if not report.balances:
        raise Unavailable(
            "rows_unaccounted",
            f"{report.read} rows were read, {report.accepted} + {report.merged} + {dict(report.quarantined)} kept.",
            fix="Nothing was kept; report this, with the file if you can.",
        )
    return report


def _open_table(original: Original, spec: TableSpec, *, limits: Limits, told: Callable[[int], None]) -> OpenedTable:
    with open_unchanged(original) as file:
        container = recognise(original.path.name, file.read(512))
    if container == "parquet":
        columns = open_parquet(original, spec, limits=limits, told=told)
        return OpenedTable(parquet_feed(columns), columns.schema, columns.batches, [])
    if table_suffix(original.path) in (".parquet", ".pq"):
        raise BadInput(
            "format_unsupported",
            "Parquet files carry their own compression.",
            field=original.path.name,
            fix="Unpack it.",
        )
    text = open_text(original, spec, container=container, limits=limits, told=told)
    feed = basket_feed(text) if spec.layout == "baskets" else text_feed(text)
    return OpenedTable(feed, TEXT_SCHEMA, text.batches, text.warnings)


class FailureKeeper:
    """Hands batches to the database and keeps what went wrong in doing so, which the database would only retell."""

    def __init__(self) -> None:
        self.failure: BaseException | None = None

    def reader(self, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(schema, self._watched(batches))

    def _watched(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        try:
            yield from batches
        except BaseException as error:
            self.failure = error
            raise


def merge_of(source: Source) -> Merge:
    rules = {spec.merge for _, spec in source.tables}
    if len(rules) != 1:
        raise BadInput(
            "merge_ambiguous",
            f"The tables of one import must agree on how rows are merged; these say {sorted(rules) or 'nothing'}.",
            field="merge",
            fix="Give all of them the same merge rule.",
        )
    return rules.pop()


def _file_names(paths: Sequence[Path]) -> list[str]:
    """The files' names, with their folder's where two have the same."""
    counts = Counter(path.name for path in paths)
    return [path.name if counts[path.name] == 1 else str(Path(path.parent.name) / path.name) for path in paths]
