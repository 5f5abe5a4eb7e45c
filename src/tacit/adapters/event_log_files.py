"""The files of an event log: which one is in use, which was set aside after the disk failed, and how that is mended."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Callable
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import apsw
import structlog

from tacit.adapters.event_log_rows import (
    before_first,
    last_sequence,
    open_reader,
    open_unborn,
    read_events,
    write_logged,
)
from tacit.errors import Unavailable

log = structlog.get_logger(__name__)

_FIRST = "events.db"
_MARKER = "suspect"
_NUMBERED = re.compile(r"events_(\d{4,})\.db")
_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class _Copied:
    """What came over from a suspect file."""

    events: int
    damaged: int
    last_sequence: int


class LogFolder:
    """The folder of one event log.

    After the disk failed, what the kernel shows of a file need not be what the disk holds: a page whose writing failed
    counts as written. So a suspect file is never written to again: what can be read of it is copied to a fresh one.

    Args:
        path: The folder.
        vfs: The SQLite VFS that its files are opened with.
        flush: Has the disk keep a file or folder.
    """

    def __init__(self, path: Path, *, vfs: str | None, flush: Callable[[Path], None]) -> None:
        self.path, self._vfs, self._flush = path, vfs, flush
        self._marker = path / _MARKER

    def file(self) -> Path:
        """The file in use, made or mended if need be.

        Can be interrupted anywhere and done again: a file gets its name once it is whole and on the disk, and the
        marker goes after that.

        Raises:
            Unavailable: `log_damaged` if not even the order of events can be read, `storage_full`,
                `storage_unavailable`.
        """
        try:
            for leftover in self.path.glob("*.part*"):
                leftover.unlink()
            if self._marker.exists():
                self._mend()
            if not self._current().exists():
                self._make(self._current(), None)
        except OSError as error:
            raise _unusable(error, "The event log") from error
        return self._current()

    def mark_suspect(self, file: Path, *, reason: str) -> None:
        """Have whoever opens the folder next mend it first; as far as the failing disk lets us say so."""
        with suppress(OSError):
            self._marker.write_text(json.dumps({"file": file.name, "reason": reason}), "utf-8")
            self._flush(self._marker)
            self._flush(self.path)

    def rescue(self, connection: apsw.Connection, vanished: Path) -> Path:
        """A fresh file with what can be read through a connection, for a file that somebody removed or replaced.

        Raises:
            Unavailable: `storage_full`, `storage_unavailable`, `log_damaged`; it can be tried again.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            fresh = _next_after(vanished)
            verdict, copied = self._make(fresh, vanished, through=connection)
        except OSError as error:
            raise _unusable(error, "The event log") from error
        log.error(
            "event_log_vanished",
            vanished=vanished.name,
            file=fresh.name,
            events=copied.events,
            damaged=copied.damaged,
            integrity=verdict,
        )
        return fresh

    def _current(self) -> Path:
        """The file in use: the one of the highest number."""
        numbered = {int(found[1]): each for each in self.path.iterdir() if (found := _NUMBERED.fullmatch(each.name))}
        return numbered[max(numbered)] if numbered else self.path / _FIRST

    def _mend(self) -> None:
        """Replace a suspect file by a fresh copy of what can be read of it; the suspect one stays, untouched."""
        suspect, (named, reason) = self._current(), self._marked()
        if named in (None, suspect.name) and suspect.exists():
            fresh = _next_after(suspect)
            verdict, copied = self._make(fresh, suspect)
            log.warning(
                "event_log_mended",
                reason=reason,
                set_aside=suspect.name,
                file=fresh.name,
                events=copied.events,
                damaged=copied.damaged,
                integrity=verdict,
            )
        self._marker.unlink()
        self._flush(self.path)

    def _marked(self) -> tuple[str | None, str]:
        try:
            about = json.loads(self._marker.read_text("utf-8"))
            return str(about["file"]), str(about["reason"])
        except (OSError, ValueError, KeyError, TypeError):
            return None, "unknown: the marker itself is damaged"

    def _make(
        self, fresh: Path, suspect: Path | None, *, through: apsw.Connection | None = None
    ) -> tuple[str, _Copied]:
        """Make a file, with what can be read of another; what SQLite says of that, and what came over.

        Args:
            fresh: The file.
            suspect: The other.
            through: What it is read with, if it can be opened by its name no more.
        """
        part = fresh.with_suffix(".part")
        part.unlink(missing_ok=True)
        try:
            with closing(open_unborn(part, vfs=self._vfs)) as new:
                found = ("ok", _Copied(0, 0, 0)) if suspect is None else self._copy(suspect, new, through)
                # Closing does this too, but says nothing if it fails; and the WAL does not go along when it is renamed.
                new.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error as error:
            raise _unusable(error, fresh.name if suspect is None else suspect.name) from error
        self._flush(part)
        part.rename(fresh)
        self._flush(self.path)
        self._flush(self.path.parent)
        return found

    def _copy(self, suspect: Path, new: apsw.Connection, through: apsw.Connection | None) -> tuple[str, _Copied]:
        opened = closing(open_reader(suspect, vfs=self._vfs)) if through is None else nullcontext(through)
        with opened as old:
            verdict, copied = _integrity(old), _copy_rows(old, new)
        about = (suspect.name, copied.events, copied.damaged, copied.last_sequence)
        new.execute("INSERT INTO recoveries VALUES (?, ?, ?, ?)", about)
        return verdict, copied


def _next_after(file: Path) -> Path:
    found = _NUMBERED.fullmatch(file.name)
    return file.parent / f"events_{int(found[1]) + 1 if found else 2:04}.db"


def identity(file: Path) -> tuple[int, ...] | None:
    """Tells whether a file and its WAL are still those that were opened; `None` if one of them is not there."""
    try:
        found = [path.stat() for path in (file, file.with_name(f"{file.name}-wal"))]
    except FileNotFoundError:
        return None
    return tuple(number for status in found for number in (status.st_dev, status.st_ino))


def _integrity(connection: apsw.Connection) -> str:
    try:
        return str(connection.pragma("integrity_check", 1))
    except apsw.Error as error:
        return str(error)


def _copy_rows(old: apsw.Connection, new: apsw.Connection) -> _Copied:
    damaged: list[int] = []
    events, last = 0, last_sequence(old)
    for after in range(_start(old), last, _CHUNK):
        upto = min(last, after + _CHUNK)
        logged = read_events(old, after, upto=upto, limit=_CHUNK, damaged=damaged.append)
        with new:
            write_logged(new, logged, upto=upto)
        events += len(logged)
    return _Copied(events, len(damaged), last)


def _start(old: apsw.Connection) -> int:
    try:
        return before_first(old)
    except apsw.CorruptError:
        return 0


def _unusable(error: apsw.Error | OSError, file: str) -> Unavailable:
    if isinstance(error, apsw.FullError) or (isinstance(error, OSError) and error.errno == errno.ENOSPC):
        return Unavailable("storage_full", f"There is no space for {file}.", fix="Free some space, then restart.")
    if isinstance(error, (OSError, apsw.IOError, apsw.CantOpenError)):
        return Unavailable("storage_unavailable", f"{file} cannot be used: {error}.", fix="See to the disk.")
    return Unavailable(
        "log_damaged",
        f"{file} cannot be read: {error}.",
        fix="Restore the event log from a backup; keep the damaged file.",
    )
