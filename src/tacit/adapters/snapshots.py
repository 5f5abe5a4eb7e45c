"""Snapshots on disk: Parquet tables and a description, under their fingerprint."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tacit.adapters.flushing import flush, flush_tree
from tacit.adapters.locks import flocked
from tacit.data.catalog import item_table, items_of
from tacit.data.datasets import Snapshot, SnapshotRules, fingerprint_of
from tacit.errors import NotFound, Refused

_STAGED = ".staged-"


class SnapshotFolder:
    """A folder of snapshots; each appears wholly or not at all and never changes."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def save(self, snapshot: Snapshot) -> Path:
        """Keep a snapshot; one that is kept already is left as it is."""
        target = self._root / snapshot.fingerprint
        if target.exists():
            return target
        self._root.mkdir(parents=True, exist_ok=True)
        with flocked(self._root, fcntl.LOCK_EX), self._staging() as staged:
            # Another process may have kept it while we waited: equal fingerprint, equal content.
            if not target.exists():
                _write(snapshot, staged)
                flush_tree(staged)
                staged.rename(target)
                flush(self._root)
        return target

    @contextmanager
    def _staging(self) -> Iterator[Path]:
        """A fresh folder, once those that killed processes left are gone; for whoever holds the lock."""
        for left in self._root.glob(f"{_STAGED}*"):
            shutil.rmtree(left, ignore_errors=True)
        staged = Path(tempfile.mkdtemp(prefix=_STAGED, dir=self._root))
        try:
            yield staged
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def fingerprints(self) -> tuple[str, ...]:
        """The snapshots kept, the oldest first."""
        if not self._root.is_dir():
            return ()
        kept = [path for path in self._root.iterdir() if not path.name.startswith(".")]
        return tuple(path.name for path in sorted(kept, key=lambda path: (path.stat().st_mtime_ns, path.name)))

    def describe(self, fingerprint: str) -> dict[str, Any]:
        """What is known of a snapshot without reading its tables.

        Raises:
            NotFound: `snapshot_unknown`.
        """
        path = self._root / fingerprint / "snapshot.json"
        if os.sep in fingerprint or not path.is_file():
            raise NotFound(
                "snapshot_unknown",
                f"There is no snapshot {ascii(fingerprint)[:64]}.",
                field="snapshot",
                fix="Give the whole fingerprint, as the manifest of a version has it.",
            )
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def load(self, fingerprint: str) -> Snapshot:
        """Read a snapshot back and check it against its fingerprint.

        Raises:
            NotFound: `snapshot_unknown`.
            Refused: `snapshot_damaged` if its content is not what was frozen.
        """
        about = self.describe(fingerprint)
        folder = self._root / fingerprint
        rows = pq.read_table(folder / "interactions.parquet")
        users = rows["user"].to_numpy()
        body: dict[str, Any] = {
            "dataset": about["dataset"],
            "rules": SnapshotRules(**about["rules"]),
            "split": about["split"],
            "import_ids": tuple(about["imports"]),
            "watermark_ms": about["watermark_ms"],
            "user_ids": tuple(pq.read_table(folder / "users.parquet")["user_id"].to_pylist()),
            "items": items_of(pq.read_table(folder / "items.parquet")),
            "n_users": about["users"],
            "n_items": about["items"],
            "indices": rows["item"].to_numpy(),
            "values": rows["value"].to_numpy(),
            "held": rows["held"].to_numpy(),
        }
        counts = np.bincount(users, minlength=len(body["user_ids"]))
        body["indptr"] = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
        if fingerprint_of(body) != fingerprint:
            raise Refused(
                "snapshot_damaged",
                f"Snapshot {fingerprint[:16]} does not match its fingerprint.",
                field="snapshot",
                fix="Remove its folder; the next training freezes the data anew.",
            )
        return Snapshot(fingerprint=fingerprint, **body, events_turn=about.get("events_turn", 0))


def _write(snapshot: Snapshot, folder: Path) -> None:
    users = np.repeat(np.arange(len(snapshot.user_ids), dtype=np.int32), np.diff(snapshot.indptr))
    columns = {"user": users, "item": snapshot.indices, "value": snapshot.values, "held": snapshot.held}
    pq.write_table(pa.table(columns), folder / "interactions.parquet", compression="zstd")
    pq.write_table(pa.table({"user_id": list(snapshot.user_ids)}), folder / "users.parquet", compression="zstd")
    pq.write_table(item_table(snapshot.items), folder / "items.parquet", compression="zstd")
    about = {"fingerprint": snapshot.fingerprint, **snapshot.facts(), "rules": asdict(snapshot.rules)}
    (folder / "snapshot.json").write_text(json.dumps(about, indent=1, sort_keys=True) + "\n")
