"""The durable event log on the local disk: one SQLite file, one writer that commits for everybody, many readers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path

import apsw
import structlog

from tacit.adapters.event_log_files import LogFolder, identity
from tacit.adapters.event_log_queue import Call, CallQueue
from tacit.adapters.event_log_rows import last_sequence, open_reader, read_events
from tacit.adapters.event_log_tail import Tail
from tacit.adapters.event_log_writer import CrashPoint, DiskFailed, Limits, LogWriter
from tacit.adapters.flushing import flush
from tacit.adapters.locks import held_lock
from tacit.adapters.reserve import Reserve
from tacit.data.event_columns import LoggedColumns
from tacit.data.events import Event, LoggedEvent, Receipt
from tacit.errors import BadInput, Unavailable

log = structlog.get_logger(__name__)

_IDLE_SECONDS = 1.0
_IDLE_READERS = 8
_MOST_WAITING_EVENTS = 20_000
_MOST_WAITING_BYTES = 64 * 1_048_576
_TAIL_BYTES = 32 * 1_048_576
_MOST_DAMAGED_TOLD = 10_000


def _never(_point: str) -> None:
    """No crash."""


def _untold(_seconds: float) -> None:
    """Nobody wants to know."""


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
        recent_ids: How many ids wait in memory until they are entered into the file's table of ids.
        vfs: The SQLite VFS to open files with; the system's own if not given.
        crash: Told of each point at which a crash is worth trying.
        committed: Told the seconds that each commit took, the disk's flush included.
        flush: Has the disk keep a file or folder.
        reserve: Space that is let go when the disk is full; until it could be taken again no events are, so that what
            it left is there for whoever must write.

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
        recent_ids: int = 50_000,
        vfs: str | None = None,
        crash: CrashPoint = _never,
        committed: Callable[[float], None] = _untold,
        flush: Callable[[Path], None] = flush,
        reserve: Reserve | None = None,
    ) -> None:
        self._clock, self._vfs, self._crash, self._reserve, self._tell_took = clock, vfs, crash, reserve, committed
        # Where the reserve could not even be taken, events have no room either.
        self._is_full = reserve is not None and not reserve.is_held
        self._fault: str | None = None
        self._is_closed = False
        self._idle_readers: list[apsw.Connection] = []
        self._readers_lock = threading.Lock()
        self._prunable: tuple[int, int] | None = None
        self._prune_at = 0.0
        self._damaged: set[int] = set()
        self._queue = _queue(commit_after_s, commit_events)
        self._tail = Tail(_TAIL_BYTES)
        with suppress(OSError):  # the lock says better what is wrong
            folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as held:
            held.enter_context(held_lock(folder / "lock", "event log"))
            self._folder = LogFolder(folder, vfs=vfs, flush=flush)
            self._limits = Limits(largest_wal_bytes, recent_ids)
            self._file = self._folder.file()
            self._writer = self._opened(self._file)
            held.callback(self._writer.abandon)
            self._keep_a_reader()
            self._held = held.pop_all()
        self._thread = threading.Thread(target=self._write, name="event-log", daemon=True)
        self._thread.start()

    @property
    def fault(self) -> str | None:
        """Why the log is sealed; `None` while it is not."""
        return self._fault

    @property
    def refusal(self) -> str | None:
        """The code with which events are refused now, as far as is known; `None` while they are taken."""
        if self._fault is not None or self._is_closed:
            return "storage_unavailable"
        return "storage_full" if self._is_full else None

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
        call = Call(events, source)
        self._queue.put(call)
        self._crash("append_queued")
        return call.wait()

    def read(self, after: int, *, limit: int) -> Sequence[LoggedEvent]:
        """The undamaged events behind a place; a damaged one is left out, and told in `damaged` and the log.

        Raises:
            Unavailable: `storage_unavailable`.
        """
        # Asked first: a reader of a file that vanished meanwhile has all up to here, and nothing behind it.
        upto = self.last_sequence
        after = max(after, self._writer.pruned_to)
        remembered = None if self._is_closed else self._tail.after(after, limit=limit)
        if remembered is not None:
            return remembered
        with self._reading() as connection:
            read = read_events(connection, after, upto=upto, limit=limit, damaged=self._note_damaged)
        return LoggedColumns.of(read)

    def prune(self, upto: int, *, before_ms: int) -> None:
        """Removed piece by piece, one a second, so that no append waits long."""
        self._prunable = (upto, before_ms)

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._queue.close()
        self._thread.join()
        while self._idle_readers:
            self._idle_readers.pop().close()
        self._held.close()

    def _opened(self, file: Path) -> LogWriter:
        try:
            return LogWriter(file, self._tail, limits=self._limits, vfs=self._vfs, crash=self._crash)
        except DiskFailed as error:
            self._folder.mark_suspect(file, reason=str(error))
            raise _sealed(str(error)) from error

    def _keep_a_reader(self) -> None:
        """From now on one stays open: to make the memory that all share takes a disk that can be written."""
        with self._reading() as connection:
            last_sequence(connection)
        self._identity = identity(self._file)

    def _write(self) -> None:
        """The writer's thread: commits what waits, and tidies up in between."""
        while (calls := self._queue.gather(_IDLE_SECONDS)) is not None:
            try:
                if calls:
                    self._serve(calls)
                if self._fault is None:
                    self._writer.tidy(is_idle=not calls)
                    self._look_for_space()
                    self._prune_some()
                    with suppress(Unavailable):  # whoever appends is told
                        self._stay_on_the_file()
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
            self._note_refusal(error)
            _fail(calls, error)
        except Exception as error:
            self._seal(error)
            _fail(calls, _sealed(self._fault))
        else:
            self._is_full = False
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

    def _committed(self, calls: Sequence[Call]) -> list[Sequence[Receipt]]:
        if self._fault is not None:
            raise _sealed(self._fault)
        if self._reserve is not None and not self._reserve.take():
            raise Unavailable(
                "storage_full", "There is no space left for events.", fix="Free some space; the log goes on by itself."
            )
        self._stay_on_the_file()
        self._writer.make_room()
        started = time.perf_counter()
        receipts = self._writer.commit(calls, received_at_ms=int(self._clock().timestamp() * 1_000))
        self._tell_took(time.perf_counter() - started)
        return receipts

    def _stay_on_the_file(self) -> None:
        """Go on in a fresh file with everything in it, if somebody removed ours, or its WAL, under our hands.

        Raises:
            Unavailable: As `LogFolder.rescue`.
        """
        found = identity(self._file)
        if found is not None and found == self._identity:
            return
        fresh = self._folder.rescue(self._writer.connection, self._file)
        # Until the fresh one is open, the connections to the vanished one are all that holds what was acknowledged.
        writer = self._opened(fresh)
        self._writer.abandon()
        with self._readers_lock:
            self._file, self._writer = fresh, writer
            old, self._idle_readers = self._idle_readers, []
        for connection in old:
            connection.close()
        self._keep_a_reader()

    def _note_refusal(self, error: Unavailable) -> None:
        if error.code == "storage_full":
            self._is_full = True
            if self._reserve is not None:
                self._reserve.release()

    def _prune_some(self) -> None:
        asked = self._prunable
        if asked is None or time.monotonic() < self._prune_at:
            return
        self._prune_at = time.monotonic() + _IDLE_SECONDS
        with suppress(Unavailable):  # whoever wants it asks again
            if self._writer.prune(asked[0], before_ms=asked[1]):
                return
        if self._prunable == asked:
            self._prunable = None

    def _look_for_space(self) -> None:
        """Find out without any event that there is space again; without a reserve the next event does."""
        if self._is_full and self._reserve is not None and self._reserve.take():
            self._is_full = False

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
        connection, file = None, self._file
        try:
            connection = self._idle_reader() or open_reader(file, vfs=self._vfs)
            yield connection
        except apsw.Error as error:
            detail = f"The event log cannot be read: {error}."
            raise Unavailable("storage_unavailable", detail, fix="See to the disk.") from error
        finally:
            if connection is not None:
                self._give_back(connection, file)

    def _idle_reader(self) -> apsw.Connection | None:
        try:
            return self._idle_readers.pop()
        except IndexError:
            return None

    def _give_back(self, connection: apsw.Connection, file: Path) -> None:
        with self._readers_lock:
            if not self._is_closed and file == self._file and len(self._idle_readers) < _IDLE_READERS:
                self._idle_readers.append(connection)
                return
        connection.close()

    def _note_damaged(self, sequence: int) -> None:
        if sequence <= self._writer.pruned_to:
            return  # removed while it was read
        if sequence not in self._damaged and len(self._damaged) < _MOST_DAMAGED_TOLD:
            self._damaged.add(sequence)
            log.error("event_damaged", sequence=sequence, file=self._file.name)


def _queue(wait_s: float, enough_events: int) -> CallQueue:
    return CallQueue(
        wait_s=wait_s, enough_events=enough_events, most_events=_MOST_WAITING_EVENTS, most_bytes=_MOST_WAITING_BYTES
    )


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
