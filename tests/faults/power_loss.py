"""A disk that loses power: what was not flushed is dropped, torn or kept, as a seed decides.

Two planes. The *live* one is an ordinary folder, which SQLite works on through the system's own VFS, shared memory and
locks included. The *durable* one is in memory: what the disk would hold if power went now. Flushing a file carries its
writes over; flushing the folder carries its names over. At the crash each write that was not flushed is dropped with
p = 0.5, torn with p = 0.2, kept otherwise, independently of the others; each name that changed is old or new.

A flush that is told to fail does what Linux does: it reports the error once, and from then on takes the pages for
clean, so that half of them never reach the disk however often one flushes again.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field
from pathlib import Path

import apsw

_NUMBERS = itertools.count()
_SECTOR = 512
_VOLATILE = ("-shm", "lock")


@dataclass
class Plane:
    """A file as the disk holds it, and what was done to it since."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)  # offset and bytes, or a size and None
    is_plain: bool = True

    def flush(self) -> None:
        for offset, data in self.pending:
            _apply(self.durable, offset, data)
        self.pending.clear()

    def lose(self, rng: random.Random) -> None:
        """A failed flush: some of it reaches the disk, and nothing is left to be tried again."""
        self.pending = [each for each in self.pending if rng.random() < 0.5]
        self.flush()

    def after_crash(self, rng: random.Random) -> bytes:
        content = bytearray(self.durable)
        for offset, data in self.pending:
            fate = rng.random()
            if fate < 0.5:
                continue
            if data is None or fate >= 0.7:
                _apply(content, offset, data)
                continue
            for start in range(0, len(data), _SECTOR):
                if rng.random() < 0.5:
                    _apply(content, offset + start, data[start : start + rng.choice((_SECTOR, _SECTOR, 100))])
        return bytes(content)


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        return
    content.extend(bytes(max(0, offset + len(data) - len(content))))
    content[offset : offset + len(data)] = data


class SimulatedDisk(apsw.VFS):
    """One folder until power goes; made again for what is left of it.

    Args:
        folder: The live plane; what is in it is durable.
        seed: Decides what is lost.
        crash_at: The change of the disk before which power goes.
        fail_sync_at: The flush that fails; none if not given.
    """

    def __init__(self, folder: Path, *, seed: str, crash_at: int, fail_sync_at: int | None = None) -> None:
        self.vfs = f"power-loss-{next(_NUMBERS)}"
        self.image: dict[str, bytes] | None = None
        self._folder, self._rng = folder, random.Random(seed)
        self._changes_left, self._syncs_left = crash_at, fail_sync_at
        self._planes: dict[int, Plane] = {}
        self._names = self._live_names()
        for name, inode in self._names.items():
            self._planes[inode] = Plane(bytearray((folder / name).read_bytes()))
        super().__init__(self.vfs, base="")

    @property
    def is_down(self) -> bool:
        return self.image is not None

    def crash(self) -> None:
        """Power goes, unless it has: `image` is what the disk holds."""
        if self.image is None:
            self.image = self._left()

    def flush(self, path: Path) -> None:
        """What stands for `fsync` on a file or folder opened for that."""
        self._change()
        if path == self._folder:
            self._flush_names()
        elif path.is_file():
            plane = self._plane(path)
            if plane.is_plain:
                plane.durable = bytearray(path.read_bytes())
            plane.flush()

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> apsw.VFSFile:
        return _SimulatedFile(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        self._change()
        super().xDelete(filename, False)
        if syncdir:
            self._flush_names()

    def _change(self) -> None:
        self._changes_left -= 1
        if self._changes_left == 0:
            self.crash()

    def _sync_fails(self) -> bool:
        if self._syncs_left is None:
            return False
        self._syncs_left -= 1
        return self._syncs_left == 0

    def _plane(self, path: Path) -> Plane:
        return self._planes.setdefault(path.stat().st_ino, Plane())

    def _live_names(self) -> dict[str, int]:
        return {each.name: each.stat().st_ino for each in self._folder.iterdir() if not each.name.endswith(_VOLATILE)}

    def _flush_names(self) -> None:
        self._names = self._live_names()

    def _left(self) -> dict[str, bytes]:
        live, left = self._live_names(), {}
        for name in sorted({*live, *self._names}):
            inode = self._rng.choice((live, self._names)).get(name)
            if inode is not None:
                left[name] = self._content(inode, name)
        return left

    def _content(self, inode: int, name: str) -> bytes:
        plane = self._planes.get(inode)
        if plane is not None:
            return plane.after_crash(self._rng)
        written = (self._folder / name).read_bytes()  # a plain file that nobody flushed
        return written[: self._rng.choice((0, len(written) // 2, len(written)))]


class _SimulatedFile(apsw.VFSFile):
    def __init__(self, disk: SimulatedDisk, name: apsw.URIFilename | str | None, flags: list[int]) -> None:
        super().__init__("", name, flags)
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._disk, self._plane = disk, Plane() if path is None else disk._plane(Path(path))
        self._plane.is_plain = False
        # The system's VFS flushes the folder with a new journal's first flush, and with no other file's.
        new = flags[0] & apsw.SQLITE_OPEN_CREATE
        self._takes_names = bool(new and flags[0] & (apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL))

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk._change()
        super().xWrite(data, offset)
        self._plane.pending.append((offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:
        self._disk._change()
        super().xTruncate(newsize)
        self._plane.pending.append((newsize, None))

    def xSync(self, flags: int) -> None:
        self._disk._change()
        if self._disk._sync_fails():
            self._plane.lose(self._disk._rng)
            raise apsw.exception_for(apsw.SQLITE_IOERR_FSYNC)
        self._plane.flush()
        if self._takes_names:
            self._takes_names = False
            self._disk._flush_names()
