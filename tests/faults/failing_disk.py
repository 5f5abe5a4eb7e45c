"""A disk whose n-th change fails: once, or from then on."""

from __future__ import annotations

import itertools
from typing import Literal

import apsw

Failure = Literal["error", "full"]
_NUMBERS = itertools.count()
_ERRORS = {
    "xWrite": apsw.SQLITE_IOERR_WRITE,
    "xSync": apsw.SQLITE_IOERR_FSYNC,
    "xTruncate": apsw.SQLITE_IOERR_TRUNCATE,
    "xDelete": apsw.SQLITE_IOERR_DELETE,
}


class FailingDisk(apsw.VFS):
    """The system's own disk until its n-th change: a write, a flush, a truncation, a removal.

    Args:
        fail_at: The change that fails, counted from 1.
        failure: `error`, or `full`: only writes lack space, and other changes succeed.
        is_lasting: Whether every change after it fails too, until `repair`.
    """

    def __init__(self, *, fail_at: int, failure: Failure, is_lasting: bool) -> None:
        self.vfs = f"failing-{next(_NUMBERS)}"
        self.changes: list[str] = []
        self.failed: list[str] = []
        self.fail_at, self._failure, self._is_lasting = fail_at, failure, is_lasting
        self._is_repaired = False
        super().__init__(self.vfs, base="")

    def repair(self) -> None:
        """From now on nothing fails."""
        self._is_repaired = True

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> apsw.VFSFile:
        return _FailingFile(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        self.change("xDelete", filename)
        super().xDelete(filename, syncdir)

    def change(self, method: str, file: str) -> None:
        if self._failure == "full" and method != "xWrite":
            return
        self.changes.append(f"{method} {file}")
        count = len(self.changes)
        if self._is_repaired or count < self.fail_at or (count > self.fail_at and not self._is_lasting):
            return
        self.failed.append(self.changes[-1])
        raise apsw.exception_for(apsw.SQLITE_FULL if self._failure == "full" else _ERRORS[method])


class _FailingFile(apsw.VFSFile):
    def __init__(self, disk: FailingDisk, name: apsw.URIFilename | str | None, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._disk = disk
        self._name = str(name.filename() if isinstance(name, apsw.URIFilename) else name)

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.change("xWrite", self._name)
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        self._disk.change("xTruncate", self._name)
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        self._disk.change("xSync", self._name)
        super().xSync(flags)
