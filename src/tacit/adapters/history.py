"""The history on disk: Parquet files per import, built by DuckDB, visible wholly or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import structlog

from tacit.adapters.duck.connection import open_duckdb, storage_full
from tacit.adapters.duck.importing import DIGESTED_SHARE, ImportJob, merge_of
from tacit.adapters.duck.reading import ImportFiles, read_interactions, recent_rows
from tacit.adapters.import_folders import ImportFolders, StoredImport
from tacit.data.catalog import Item
from tacit.data.imports import ImportReport, Limits, Source
from tacit.data.interactions import Interactions
from tacit.data.interfaces import Progress, QuarantinedRow, RecentRow, silent
from tacit.data.tables.sources import Original, confine, digest
from tacit.data.validation import check_dataset_name, check_limits
from tacit.errors import NotFound

log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """The time, for whoever has no other clock."""
    return datetime.now(UTC)


class ParquetHistory:
    """A `HistoryStore` and `Importer` over one folder.

    Args:
        folder: Where everything lies; it is made when the first import comes.
        memory_limit_bytes: What DuckDB may hold in memory before it spills to `folder`; Python adds some 300 MB.
        threads: How many threads DuckDB works with.
        clock: Tells the time, against which events from the future are judged.
        source_root: If given, only files under it are read.
    """

    def __init__(
        self,
        folder: Path,
        *,
        memory_limit_bytes: int = 1_000_000_000,
        threads: int = 2,
        clock: Callable[[], datetime] = utc_now,
        source_root: Path | None = None,
    ) -> None:
        self._folders = ImportFolders(folder)
        self._memory_limit_bytes = memory_limit_bytes
        self._threads = threads
        self._clock = clock
        self._source_root = source_root

    def datasets(self) -> tuple[str, ...]:
        """Names of the datasets that hold at least one import, the most recently imported last."""
        return self._folders.datasets()

    def imports(self, dataset: str) -> tuple[ImportReport, ...]:
        """The imports of a dataset, oldest first."""
        check_dataset_name(dataset)
        return tuple(stored.report for stored in self._folders.imports(dataset))

    def interactions(self, dataset: str) -> Interactions:
        """All imports of a dataset merged; how is what the latest of them says.

        Raises:
            NotFound: `dataset_unknown` if nothing was imported under that name.
        """
        with self._reading(dataset) as stored, self._folders.scratch() as scratch:
            files = [ImportFiles(each.report.import_id, each.folder, each.merge) for each in stored]
            with self._database(scratch) as connection:
                return read_interactions(connection, dataset, files)

    def recent(self, dataset: str, *, since_ms: int, limit: int) -> Sequence[RecentRow]:
        with (
            self._reading(dataset) as stored,
            self._folders.scratch() as scratch,
            self._database(scratch) as connection,
        ):
            return recent_rows(connection, [each.folder for each in stored], since_ms=since_ms, limit=limit)

    def items(self, dataset: str) -> Iterator[Item]:
        """The catalogue of a dataset, by item id; the latest description counts, and any beats a mere title.

        Raises:
            NotFound: `dataset_unknown` if nothing was imported under that name.
        """
        rows: dict[str, dict[str, object]] = {}
        with self._reading(dataset) as imports:
            for stored in imports:
                for row in pq.read_table(stored.folder / "items.parquet").to_pylist():
                    if row["described"] or not rows.get(row["item_id"], row)["described"]:
                        rows[row["item_id"]] = row
        return (_item(rows[item_id]) for item_id in sorted(rows))

    def quarantined(self, dataset: str, *, limit: int = 100) -> Sequence[QuarantinedRow]:
        """Rows kept aside, newest import first, in line order.

        Raises:
            NotFound: `dataset_unknown` if nothing was imported under that name.
        """
        rows: list[QuarantinedRow] = []
        with self._reading(dataset) as imports:
            for stored in reversed(imports):
                if len(rows) < limit:
                    rows += _quarantined(stored, limit - len(rows))
        return rows

    @contextmanager
    def _reading(self, dataset: str) -> Iterator[tuple[StoredImport, ...]]:
        check_dataset_name(dataset)
        with self._folders.reading(dataset) as stored:
            if not stored:
                known = self._folders.datasets()
                raise NotFound(
                    "dataset_unknown",
                    f"Nothing was imported under the name {dataset!r}.",
                    field="dataset",
                    fix=f"Known datasets: {', '.join(known)}." if known else "Import something first.",
                )
            yield stored

    @contextmanager
    def _database(self, temporary: Path) -> Iterator[duckdb.DuckDBPyConnection]:
        with open_duckdb(temporary, memory_limit_bytes=self._memory_limit_bytes, threads=self._threads) as connection:
            yield connection

    def load(
        self,
        source: Source,
        items: Callable[[], Iterator[Item]] | None,
        *,
        dataset: str,
        limits: Limits,
        force: bool = False,
        progress: Progress = silent,
    ) -> ImportReport:
        """Import one source; the `Importer` protocol says what is promised.

        Raises:
            Unavailable: `import_running`, `storage_full` or `memory_exhausted`; nothing was committed then.
        """
        started = time.monotonic()
        check_dataset_name(dataset)
        check_limits(limits)
        merge = merge_of(source)
        tables, extras = self._digest(source, progress)
        import_id = _import_id(source, tables, extras, dataset=dataset)
        with self._folders.exclusive(), _disk_failures_told():
            repeated = self._already(dataset, import_id)
            if repeated is not None and not force:
                self._folders.touch(dataset)
                log.info("import_repeated", dataset=dataset, import_id=import_id)
                return replace(repeated, repeated=True)
            with self._folders.staging() as staging:
                job = ImportJob(
                    source, tables, extras, items=items, limits=limits, now=self._clock(), progress=progress
                )
                with self._database(staging / "spill") as connection:
                    report = job.build(connection, staging, import_id=import_id, dataset=dataset)
                report = replace(report, seconds=round(time.monotonic() - started, 3))
                committed_at = self._clock().isoformat()
                self._folders.commit(staging / "out", report, merge=merge, committed_at=committed_at)
        progress("committed", 1.0)
        log.info("import_committed", dataset=dataset, import_id=import_id, read=report.read, accepted=report.accepted)
        return report

    def _already(self, dataset: str, import_id: str) -> ImportReport | None:
        return next((report for report in self.imports(dataset) if report.import_id == import_id), None)

    def _digest(self, source: Source, progress: Progress) -> tuple[list[Original], list[Original]]:
        paths = [path for path, _ in source.tables] + list(source.catalog_files)
        for path in paths:
            confine(path, self._source_root)
        total = sum(path.stat().st_size for path in paths if path.is_file()) or 1
        done = 0

        def told(count: int) -> None:
            nonlocal done
            done += count
            progress("digest", min(1.0, done / total) * DIGESTED_SHARE)

        originals = [digest(path, told) for path in paths]
        return originals[: len(source.tables)], originals[len(source.tables) :]


def _import_id(source: Source, tables: Sequence[Original], extras: Sequence[Original], *, dataset: str) -> str:
    """A digest of what goes in and how it is read, so that the same import has the same name anywhere."""
    specs = [asdict(spec) for _, spec in source.tables]
    identity = {
        "dataset": dataset,
        "reader": source.reader,
        "tables": [[original.sha256, spec] for original, spec in zip(tables, specs, strict=True)],
        "catalog": [original.sha256 for original in extras],
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]


@contextmanager
def _disk_failures_told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise storage_full() from error
        raise


def _item(row: Mapping[str, Any]) -> Item:
    return Item(str(row["item_id"]), str(row["title"]), tuple(row["categories"] or ()), tuple(row["tags"] or ()))


def _quarantined(stored: StoredImport, limit: int) -> list[QuarantinedRow]:
    rows = pq.read_table(stored.folder / "quarantine.parquet").slice(0, limit).to_pylist()
    return [QuarantinedRow(stored.report.import_id, **row) for row in rows]
