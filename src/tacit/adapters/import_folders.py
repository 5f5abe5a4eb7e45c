"""Imports as folders: built aside, committed by one rename, numbered in the order they came."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from tacit.adapters.flushing import flush, flush_tree
from tacit.adapters.locks import flocked
from tacit.data.imports import ImportReport, Merge
from tacit.errors import Unavailable

REPORT_FILE = "import.json"
_STAGING = ".staging"
_LOCK = ".lock"
_LATEST = ".latest"
_SCRATCH = ".scratch-"
_SCRATCH_SECONDS = 86_400


@dataclass(frozen=True)
class StoredImport:
    """One committed import.

    Attributes:
        folder: Where its files lie.
        sequence: Its place among all imports of all datasets, from 1.
        merge: What became of several rows of one user and item in it.
        report: What it did.
    """

    folder: Path
    sequence: int
    merge: Merge
    report: ImportReport


class ImportFolders:
    """`<root>/<dataset>/<import_id>/` for each import; `<import_id>.<n>` where it was forced to be done anew.

    A folder under its final name is whole: everything in it was flushed to disk before one rename put it there. What
    a killed import leaves lies in the staging folder, which the next import empties. Readers share a lock on the root.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the only right to import, and sweep what a killed import or a replaced one left behind.

        Raises:
            Unavailable: `import_running` if another process holds it.
        """
        self._root.mkdir(parents=True, exist_ok=True)
        with flocked(self._root / _LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB) as is_ours:
            if not is_ours:
                raise Unavailable(
                    "import_running",
                    "Another import into this home is running.",
                    fix="Wait until it is done and try again.",
                )
            self._sweep()
            yield

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A fresh folder on the same file system; whatever is still in it at the end is removed."""
        folder = self._root / _STAGING / str(os.getpid())
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(self._root / _STAGING, ignore_errors=True)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder beside the imports for what a reader spills; removed at the end."""
        with TemporaryDirectory(prefix=_SCRATCH, dir=self._root, ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    def _sweep(self) -> None:
        shutil.rmtree(self._root / _STAGING, ignore_errors=True)
        for folder in self._root.glob(f"{_SCRATCH}*"):
            # A reader may be at work beside this import, and be done any moment; none works for a day.
            with suppress(FileNotFoundError):
                if time.time() - folder.stat().st_mtime > _SCRATCH_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)
        # Readers hold the root; one may still be at an import that was replaced, which is then left to the next sweep.
        with flocked(self._root, fcntl.LOCK_EX | fcntl.LOCK_NB) as is_unread:
            if is_unread:
                self._sweep_replaced()

    def _sweep_replaced(self) -> None:
        for dataset in self._folders():
            kept = {stored.folder for stored in self.imports(dataset)}
            for folder in (self._root / dataset).iterdir():
                if folder.is_dir() and folder not in kept:
                    shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def reading(self, dataset: str) -> Iterator[tuple[StoredImport, ...]]:
        """The imports of a dataset, oldest first, whose files stay where they are until the reader is done."""
        if not (self._root / dataset).is_dir():
            yield ()
            return
        with flocked(self._root, fcntl.LOCK_SH):
            yield self.imports(dataset)

    def commit(self, built: Path, report: ImportReport, *, merge: Merge, committed_at: str) -> None:
        """Make a built import visible, wholly and for good, in one step.

        An import of the same id that was there before is no longer seen, and is removed when the next import begins
        while nobody reads.
        """
        dataset = self._root / report.dataset
        dataset.mkdir(exist_ok=True)
        facts = {
            "sequence": self._next_sequence(),
            "committed_at": committed_at,
            "merge": merge,
            "report": asdict(report),
        }
        (built / REPORT_FILE).write_text(json.dumps(facts, indent=1, sort_keys=True), encoding="utf-8")
        flush_tree(built)
        built.rename(self._free_folder(dataset, report.import_id))
        flush(dataset)
        flush(self._root)

    def touch(self, dataset: str) -> None:
        """Count a dataset as the one most recently imported, though nothing in it changed."""
        aside = self._root / dataset / f"{_LATEST}.new"
        aside.write_text(str(self._next_sequence()), encoding="ascii")
        flush(aside)
        aside.replace(self._root / dataset / _LATEST)
        flush(self._root / dataset)

    def datasets(self) -> tuple[str, ...]:
        """Names of the datasets that hold an import, the most recently imported last."""
        recency = {name: self._recency(name) for name in self._folders() if self.imports(name)}
        return tuple(sorted(recency, key=lambda name: recency[name]))

    def imports(self, dataset: str) -> tuple[StoredImport, ...]:
        """The imports of a dataset, oldest first; of one that was done anew only the newest."""
        folder = self._root / dataset
        files = folder.glob(f"*/{REPORT_FILE}") if folder.is_dir() else ()
        newest: dict[str, StoredImport] = {}
        for stored in sorted(_read(files), key=lambda stored: stored.sequence):
            newest[stored.report.import_id] = stored
        return tuple(sorted(newest.values(), key=lambda stored: stored.sequence))

    def _folders(self) -> list[str]:
        if not self._root.is_dir():
            return []
        return sorted(each.name for each in self._root.iterdir() if each.is_dir() and not each.name.startswith("."))

    def _recency(self, dataset: str) -> int:
        touched = 0
        with suppress(FileNotFoundError, ValueError):
            touched = int((self._root / dataset / _LATEST).read_text(encoding="ascii"))
        return max([touched, *(stored.sequence for stored in self.imports(dataset))])

    def _next_sequence(self) -> int:
        return 1 + max((self._recency(name) for name in self._folders()), default=0)

    @staticmethod
    def _free_folder(dataset: Path, import_id: str) -> Path:
        folder, generation = dataset / import_id, 2
        while folder.exists():
            folder, generation = dataset / f"{import_id}.{generation}", generation + 1
        return folder


def _read(files: Iterable[Path]) -> Iterator[StoredImport]:
    for file in files:
        # One that was replaced may be swept while we look.
        with suppress(FileNotFoundError):
            yield _stored(file)


def _stored(file: Path) -> StoredImport:
    facts = json.loads(file.read_text(encoding="utf-8"))
    report = cast(Mapping[str, object], facts["report"])
    fields = {**report, "warnings": tuple(cast(list[str], report["warnings"]))}
    return StoredImport(file.parent, facts["sequence"], facts["merge"], ImportReport(**fields))  # type: ignore[arg-type]
