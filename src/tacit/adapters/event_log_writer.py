"""The one connection that writes an event log: commits, checkpoints, and what an error of the disk means for both."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import apsw

from tacit.adapters.event_log_known import KnownIds
from tacit.adapters.event_log_queue import Call
from tacit.adapters.event_log_rows import (
    BUSY_SECONDS,
    PAGE_BYTES,
    before_first,
    last_sequence,
    oldest_upto,
    open_writer,
    remove_upto,
    write_pieces,
)
from tacit.adapters.event_log_sorting import Sorting
from tacit.adapters.event_log_tail import Tail
from tacit.data.events import Receipt
from tacit.errors import BadInput, Unavailable

CrashPoint = Callable[[str], None]
"""Called with the name of each point at which a crash is worth trying."""

_FRAME_BYTES = PAGE_BYTES + 24
_CHECKPOINT_PAGES = 4_000
_PRUNED_AT_ONCE = 5_000
_PATIENCE_MS = 100
"""How long a checkpoint that resets the WAL waits for readers; commits wait with it."""

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# Where SQLite says "error" for what is only lack of space.  Not where it flushes: what a flush did is never known.
_WRITES = frozenset({apsw.SQLITE_IOERR_WRITE, apsw.SQLITE_IOERR_SHMSIZE, apsw.SQLITE_IOERR_SHMOPEN})
_SENDERS = (apsw.ConstraintError, apsw.MismatchError, apsw.TooBigError)
_PASSING = (apsw.BusyError, apsw.LockedError, apsw.NoMemError, apsw.InterruptError)
# Nothing was done to the file yet, and nothing need be mended in it.
_UNOPENED = (apsw.CantOpenError, apsw.PermissionsError, apsw.ReadOnlyError)


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a writer goes.

    Attributes:
        wal_bytes: Beyond this, nothing is committed until the WAL could be moved into the file.
        recent_ids: From how many on, ids are entered into the table of the file.
    """

    wal_bytes: int
    recent_ids: int


class DiskFailed(Exception):
    """What the file holds is no longer known; nobody may write to it again."""


class LogWriter:
    """A log file as its only writer sees it; used by one thread at a time.

    Args:
        path: The file.
        tail: Given what is committed, once it is on the disk.
        limits: How far it goes.
        vfs: The SQLite VFS to open it with.
        crash: Told of each point at which a crash is worth trying.

    Raises:
        DiskFailed, Unavailable: As `commit`.
        Misconfigured: `schema_newer`.
    """

    def __init__(self, path: Path, tail: Tail, *, limits: Limits, vfs: str | None, crash: CrashPoint) -> None:
        self._tail = tail
        self._largest_wal_bytes, self._crash = limits.wal_bytes, crash
        self._wal_pages, self._due_at_pages = 0, _CHECKPOINT_PAGES
        try:
            self._connection = open_writer(path, vfs=vfs)
        except _UNOPENED as error:
            detail = f"{path} cannot be opened: {error}."
            raise Unavailable("storage_unavailable", detail, fix="See that it can be read and written.") from error
        except apsw.Error as error:
            raise _meaning(error, 0) from error
        try:
            self._connection.set_wal_hook(self._note_wal)
            # What a crash left in the WAL may never have reached the disk, though the kernel shows it: now it does.
            self.checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)
            self.last_sequence = last_sequence(self._connection)
            self.pruned_to = before_first(self._connection)
            self._known = KnownIds(self._connection, worth=limits.recent_ids, upto=self.last_sequence)
        except apsw.Error as error:
            self.abandon()
            raise _meaning(error, 0) from error
        except BaseException:
            self.abandon()
            raise

    def commit(self, calls: Sequence[Call], *, received_at_ms: int) -> list[Sequence[Receipt]]:
        """Keep the events of some calls, all or none; they are on the disk when this returns.

        Raises:
            Unavailable: `storage_full` or `overloaded`: none is kept now; sent again, they are kept once.
            BadInput: `event_unstorable`: none is kept, for one of them cannot be.
            DiskFailed: Whether they are kept is known only once the log was opened anew.
        """
        try:
            sorting = self._sorted(calls, received_at_ms)
            self._connection.execute("BEGIN IMMEDIATE")
            write_pieces(self._connection, sorting.pieces)
            self._crash("before_commit")
            self._connection.execute("COMMIT")
        except apsw.Error as error:
            meaning = _meaning(error, self._connection.system_errno)
            if not isinstance(meaning, DiskFailed):
                self._roll_back()
                # Room may be had by moving the WAL into the file, where it starts over.
                self._due_at_pages = 0
            raise meaning from error
        except Exception:
            self._roll_back()
            raise
        self.last_sequence += len(sorting.ids)
        self._known.add(sorting.ids, sorting.keys)
        self._tail.add(sorting.logged, sum(call.bytes for call in calls))
        self._crash("after_commit")
        return sorting.answers

    def make_room(self) -> None:
        """See that the WAL may grow: if it is at its limit, ask whoever holds it to let go.

        Raises:
            Unavailable: `overloaded` or `storage_full`: it may not.
            DiskFailed: As `commit`.
        """
        if self._wal_bytes > self._largest_wal_bytes:
            hindrance = self.checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)
            if hindrance is not None:
                raise hindrance

    def tidy(self, *, is_idle: bool) -> None:
        """Move the WAL into the file when it is worth it: a piece while busy, everything when there is time.

        Raises:
            DiskFailed: As `commit`.
        """
        if is_idle and self._wal_pages:
            self.checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)
        elif self._wal_pages >= self._due_at_pages:
            is_large = self._wal_bytes > self._largest_wal_bytes // 2
            self.checkpoint(apsw.SQLITE_CHECKPOINT_RESTART if is_large else apsw.SQLITE_CHECKPOINT_PASSIVE)
            self._due_at_pages = self._wal_pages + _CHECKPOINT_PAGES
        if self._known.are_many and self._wal_bytes <= self._largest_wal_bytes // 2:
            self._enter_ids()

    def checkpoint(self, mode: int) -> Unavailable | None:
        """Move what is in the WAL into the file, as far as readers and space permit; what hindered it, if anything did.

        Raises:
            DiskFailed: As `commit`.
        """
        hindrance = None
        self._crash("before_checkpoint")
        self._connection.set_busy_timeout(_PATIENCE_MS)
        try:
            self._connection.wal_checkpoint(mode=mode)
        except apsw.Error as error:
            meaning = _meaning(error, self._connection.system_errno)
            if not isinstance(meaning, Unavailable):
                raise meaning from error
            hindrance = _held_by_a_reader() if meaning.code == "overloaded" else meaning
        else:
            if mode == apsw.SQLITE_CHECKPOINT_TRUNCATE:
                self._wal_pages, self._due_at_pages = 0, _CHECKPOINT_PAGES
        finally:
            self._connection.set_busy_timeout(int(BUSY_SECONDS * 1_000))
        self._crash("after_checkpoint")
        return hindrance

    def abandon(self) -> None:
        """Let go of the file without writing to it."""
        with suppress(apsw.Error):
            self._connection.close()

    def prune(self, upto: int, *, before_ms: int) -> bool:
        """Remove some of the oldest events; whether there may be more.  The last event stays.

        Raises:
            Unavailable, DiskFailed: As `commit`.
        """
        upto = min(upto, self.last_sequence - 1)
        try:
            last = oldest_upto(self._connection, upto, before_ms=before_ms, limit=_PRUNED_AT_ONCE)
            has_more = last - self.pruned_to >= _PRUNED_AT_ONCE
            if last:
                # Said first: who reads meanwhile must not take for damage what is on its way out.
                self.pruned_to = max(self.pruned_to, last)
                remove_upto(self._connection, last)
        except apsw.Error as error:
            meaning = _meaning(error, self._connection.system_errno)
            if not isinstance(meaning, DiskFailed):
                self._roll_back()
            raise meaning from error
        return has_more

    @property
    def connection(self) -> apsw.Connection:
        """What the file is read with once nobody can open it by its name any more."""
        return self._connection

    @property
    def _wal_bytes(self) -> int:
        return self._wal_pages * _FRAME_BYTES

    def _sorted(self, calls: Sequence[Call], received_at_ms: int) -> Sorting:
        """What becomes of every call's events."""
        known = self._known.events_of(calls, behind=self.pruned_to)
        sorting = Sorting(known, after=self.last_sequence, received_at_ms=received_at_ms)
        for call in calls:
            sorting.take(call)
        return sorting

    def _enter_ids(self) -> None:
        """Enter some ids into their table; where there is no room for that now, the next time."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            entered = self._known.enter_some(behind=self.pruned_to)
            self._connection.execute("COMMIT")
        except apsw.Error as error:
            meaning = _meaning(error, self._connection.system_errno)
            if not isinstance(meaning, Unavailable):
                raise meaning from error
            self._roll_back()
        else:
            entered()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _note_wal(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        if pages < self._wal_pages:
            self._due_at_pages = _CHECKPOINT_PAGES
        self._wal_pages = pages
        return apsw.SQLITE_OK


def _held_by_a_reader() -> Unavailable:
    return Unavailable(
        "overloaded",
        "Somebody's long reading of the event log keeps its write-ahead log from being reset.",
        fix="End that reading: see who has the file open.",
    )


def _meaning(error: apsw.Error, system_errno: int) -> DiskFailed | Unavailable | BadInput:
    """What an error of SQLite means for whoever asked; what is not known to be harmless is the disk's failure."""
    code = getattr(error, "extendedresult", 0)
    if isinstance(error, apsw.FullError) or (code in _WRITES and system_errno in _NO_SPACE):
        detail = "There is no space left for the event log."
        return Unavailable("storage_full", detail, fix="Free some space; the log goes on by itself.")
    if isinstance(error, _PASSING):
        return Unavailable("overloaded", f"The event log is busy: {error}.", fix="Send them again in a moment.")
    if isinstance(error, _SENDERS):
        return BadInput("event_unstorable", f"An event cannot be stored: {error}.")
    name = apsw.mapping_extended_result_codes.get(code, type(error).__name__)
    why = f" ({errno.errorcode.get(system_errno, system_errno)})" if system_errno else ""
    return DiskFailed(f"{name}{why}: {error}".removesuffix(": "))
