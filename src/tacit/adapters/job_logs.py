"""What jobs say, in a file each, bounded: of what grows beyond, the end is kept."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

MOST_BYTES = 1 << 20
_NOTE = b"(earlier lines were left out)\n"


class FolderJobLogs:
    """`JobLogs` in a folder; one process writes a log at a time, any may read it.

    Args:
        folder: Where the files are; made with the first.
        most_bytes: What a log may hold; beyond it, the older half goes.
    """

    def __init__(self, folder: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most = most_bytes

    def append(self, job_id: str, text: bytes) -> None:
        path = self._path(job_id)
        # A job must not end because its log cannot be written: of a full disk others tell.
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.write(text)
                is_too_long = file.tell() > self._most
            if is_too_long:
                self._shorten(path)

    def read(self, job_id: str) -> str:
        try:
            return self._path(job_id).read_bytes().decode("utf-8", "replace")
        except OSError:
            return ""

    def remove(self, job_ids: Sequence[str]) -> None:
        for job_id in job_ids:
            with suppress(OSError):
                self._path(job_id).unlink()

    def _shorten(self, path: Path) -> None:
        kept = path.read_bytes()[-self._most // 2 :]
        beside = path.with_suffix(".new")
        beside.write_bytes(_NOTE + kept[kept.find(b"\n") + 1 :])
        beside.replace(path)

    def _path(self, job_id: str) -> Path:
        """A job's file; only ids that we gave name one."""
        name = job_id if job_id.isascii() and job_id.isalnum() else "unknown"
        return self._folder / f"{name[:64]}.log"
