"""The durable event log on the local disk: one SQLite file, one writer that commits for everybody, many readers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path

import apsw
import structlog

from tacit.adapters.event_log_files import LogFolder
from tacit.adapters.event_log_queue import Call, CallQueue
from tacit.adapters.event_log_rows import content_of, last_sequence, logged, open_reader, read_rows
from tacit.adapters.event_log_writer import CrashPoint, DiskFailed, LogWriter
from tacit.adapters.flushing import flush
from tacit.adapters.locks import held_lock
from tacit.data.events import Event, LoggedEvent, Receipt
from tacit.errors import BadInput, Unavailable

log = structlog.get_logger(__name__)

_IDLE_SECONDS = 1.0
_IDLE_READERS = 8
_MOST_WAITING_EVENTS = 20_000
_MOST_WAITING_BYTES = 64 * 1_048_576
_MOST_DAMAGED_TOLD = 10_000


def _never(_point: str) -> None:
    """No crash."""


class SqliteEventLog:
    """An `EventLog` in a folder of its own.

    Calls share commits, each of which is flushed to the disk before any of them is answered. The first error of the
    disk seals the log: nothing is written to its file again, every `append` is refused, reading goes on; opening the
    folder again mends it. Lack of space fails the calls it meets, and nothing else.

    Whatever is read is on the disk: a follower never knows more than the log after a loss of power.

    Args:
        folder: Where; made if it is not there. One process at a time.
        clock: Tells the time.
        commit_after_s: The longest that a call waits for others to share its commit.
        commit_events: How many events are committed without waiting for more.
        largest_wal_bytes: How large the write-ahead log may grow while somebody's reading keeps it from being reset.
        vfs: The SQLite VFS to open files with; the system's own if not given.
        crash: Told of each point at which a crash is worth trying.
        flush: Has the disk keep a file or folder.

    Raises:
        Misconfigured: `home_unusable`, `schema_newer`.
        Unavailable: `home_in_use`, `storage_full`, `storage_unavailable`, `log_damaged`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], datetime],
        commit_after_s: float = 0.005,
        commit_events: int = 200,
        largest_wal_bytes: int = 64 * 1_048_576,
        vfs: str | None = None,
        crash: CrashPoint = _never,
        flush: Callable[[Path], None] = flush,
    ) -> None:
        self._clock, self._vfs, self._crash = clock, vfs, crash
        self._fault: str | None = None
        self._is_closed = False
        self._idle_readers: list[apsw.Connection] = []
        self._damaged: set[int] = set()
        self._queue = CallQueue(
            wait_s=commit_after_s,
            enough_events=commit_events,
            most_events=_MOST_WAITING_EVENTS,
            most_bytes=_MOST_WAITING_BYTES,
        )
        with suppress(OSError):  # the lock says better what is wrong
            folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as held:
            held.enter_context(held_lock(folder / "lock", "event log"))
            self._folder = LogFolder(folder, vfs=vfs, flush=flush)
            self._writer = self._opened(largest_wal_bytes)
            held.callback(self._writer.abandon)
            # From now on one reader stays open: to make the memory that all share takes a disk that can be written.
            with self._reading() as connection:
                last_sequence(connection)
            self._held = held.pop_all()
        self._thread = threading.Thread(target=self._write, name="event-log", daemon=True)
        self._thread.start()

    @property
    def fault(self) -> str | None:
        """Why the log is sealed; `None` while it is not."""
        return self._fault

    @property
    def damaged(self) -> Sequence[int]:
        """The places whose events were found damaged when they were read, and are therefore missing."""
        return sorted(self._damaged)

    @property
    def last_sequence(self) -> int:
        return self._writer.last_sequence

    def append(self, events: Sequence[Event], *, source: str = "api") -> Sequence[Receipt]:
        if not events:
            return []
        call = Call([content_of(event) for event in events], source)
        self._queue.put(call)
        self._crash("append_queued")
        return call.wait()

    def read(self, after: int, *, limit: int) -> Sequence[LoggedEvent]:
        """The undamaged events behind a place; a damaged one is left out, and told in `damaged` and the log.

        Raises:
            Unavailable: `storage_unavailable`.
        """
        with self._reading() as connection:
            rows = read_rows(
                connection, max(0, after), upto=self.last_sequence, limit=limit, damaged=self._note_damaged
            )
        return [logged(row) for row in rows]

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._queue.close()
        self._thread.join()
        while self._idle_readers:
            self._idle_readers.pop().close()
        self._held.close()

    def _opened(self, largest_wal_bytes: int) -> LogWriter:
        self._file = self._folder.file()
        try:
            return LogWriter(self._file, largest_wal_bytes=largest_wal_bytes, vfs=self._vfs, crash=self._crash)
        except DiskFailed as error:
            self._folder.mark_suspect(self._file, reason=str(error))
            raise _sealed(str(error)) from error

    def _write(self) -> None:
        """The writer's thread: commits what waits, and tidies up in between."""
        while (calls := self._queue.gather(_IDLE_SECONDS)) is not None:
            try:
                if calls:
                    self._serve(calls)
                if self._fault is None:
                    self._writer.tidy(is_idle=not calls)
            except Exception as error:
                self._seal(error)
        try:
            if self._fault is None:
                self._writer.checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except DiskFailed as error:
            self._seal(error)
        self._writer.abandon()

    def _serve(self, calls: Sequence[Call]) -> None:
        """Answer every one of some calls, whatever happens."""
        try:
            answers = self._committed(calls)
        except (BadInput, ValueError, TypeError, OverflowError) as error:
            self._serve_apart(calls, error)
        except Unavailable as error:
            _fail(calls, error)
        except Exception as error:
            self._seal(error)
            _fail(calls, _sealed(self._fault))
        else:
            self._crash("before_ack")
            for call, receipts in zip(calls, answers, strict=True):
                call.answer(receipts)
            self._crash("after_ack")

    def _serve_apart(self, calls: Sequence[Call], error: Exception) -> None:
        # One event that SQLite cannot take must not cost the others of its commit.
        if len(calls) == 1:
            detail = f"An event cannot be stored: {error}."
            calls[0].fail(error if isinstance(error, BadInput) else BadInput("event_unstorable", detail))
            return
        for call in calls:
            self._serve([call])

    def _committed(self, calls: Sequence[Call]) -> list[list[Receipt]]:
        if self._fault is not None:
            raise _sealed(self._fault)
        self._writer.make_room()
        return self._writer.commit(calls, received_at_ms=int(self._clock().timestamp() * 1_000))

    def _seal(self, error: Exception) -> None:
        if self._fault is not None:
            return
        self._fault = str(error)
        self._writer.abandon()
        self._folder.mark_suspect(self._file, reason=self._fault)
        log.error("event_log_sealed", reason=self._fault, file=self._file.name, last_sequence=self.last_sequence)

    @contextmanager
    def _reading(self) -> Iterator[apsw.Connection]:
        if self._is_closed:
            raise Unavailable("storage_unavailable", "The event log is closed.")
        connection = None
        try:
            connection = self._idle_reader() or open_reader(self._file, vfs=self._vfs)
            yield connection
        except apsw.Error as error:
            detail = f"The event log cannot be read: {error}."
            raise Unavailable("storage_unavailable", detail, fix="See to the disk.") from error
        finally:
            if connection is not None:
                self._give_back(connection)

    def _idle_reader(self) -> apsw.Connection | None:
        try:
            return self._idle_readers.pop()
        except IndexError:
            return None

    def _give_back(self, connection: apsw.Connection) -> None:
        if self._is_closed or len(self._idle_readers) >= _IDLE_READERS:
            connection.close()
        else:
            self._idle_readers.append(connection)

    def _note_damaged(self, sequence: int) -> None:
        if sequence not in self._damaged and len(self._damaged) < _MOST_DAMAGED_TOLD:
            self._damaged.add(sequence)
            log.error("event_damaged", sequence=sequence, file=self._file.name)


def _fail(calls: Sequence[Call], error: Unavailable) -> None:
    for call in calls:
        # One of its own for each: they are raised in as many threads at once.
        call.fail(Unavailable(error.code, error.detail, fix=error.fix))


def _sealed(reason: str | None) -> Unavailable:
    return Unavailable(
        "storage_unavailable",
        f"The event log takes no events since its disk failed: {reason}.",
        fix="See to the disk, then restart: opening the log mends it.",
    )
