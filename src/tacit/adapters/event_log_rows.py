"""How events lie in their SQLite file: the tables, what is asked of them, and the connections."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import apsw

from tacit.adapters import event_log_first_form as first_form
from tacit.adapters import event_log_ids
from tacit.adapters.event_log_lines import Piece, events_in, pieces_of_logged
from tacit.data.events import LoggedEvent
from tacit.errors import Misconfigured

PAGE_BYTES = 4_096
BUSY_SECONDS = 5.0

# On the disk before it is acknowledged: anything less loses what was acknowledged when power goes.
SYNCHRONOUS = "FULL"

FORM = 2
"""The form of the file; 1 had a row for each event, and `event_log_first_form` reads it."""

_APPLICATION = 0x54434556  # "TCEV"
_CACHE_KIB = 32_768

_PIECES = """
CREATE TABLE pieces (
    last INTEGER PRIMARY KEY,
    events INTEGER NOT NULL,
    received_at_ms INTEGER NOT NULL,
    source TEXT NOT NULL,
    content BLOB NOT NULL
) STRICT;
"""
_RECOVERIES = """
CREATE TABLE recoveries (
    from_file TEXT NOT NULL,
    events INTEGER NOT NULL,
    damaged INTEGER NOT NULL,
    last_sequence INTEGER NOT NULL
) STRICT;
"""
# What was damaged and left behind keeps its place: a place given out twice would hide an event from whoever follows.
_LAST = """
SELECT max(coalesce((SELECT max(last) FROM pieces), 0), coalesce((SELECT max(last_sequence) FROM recoveries), 0))
"""
_SELECT = "SELECT last, events, received_at_ms, source, content FROM pieces WHERE last "
_BEHIND = _SELECT + "> ? ORDER BY last"
_FIRST_BEHIND = _BEHIND + " LIMIT 1"
_WRITE = "INSERT OR ROLLBACK INTO pieces VALUES (?, ?, ?, ?, ?)"


def read_events(
    connection: apsw.Connection, after: int, *, upto: int, limit: int, damaged: Callable[[int], None]
) -> list[LoggedEvent]:
    """The undamaged events of a range, in order; each damaged one is told instead."""
    found: list[LoggedEvent] = []
    while after < upto and len(found) < limit:
        end = min(upto, after + limit - len(found))
        read = {each.sequence: each for each in _read(connection, after, end)}
        if len(read) < end - after:
            for place in range(after + 1, end + 1):
                if place not in read:
                    damaged(place)
        found += sorted(read.values(), key=_place)
        after = end
    return found


def events_at(connection: apsw.Connection, places: Iterable[int]) -> dict[int, LoggedEvent]:
    """The undamaged events at some places."""
    found: dict[int, LoggedEvent] = {}
    is_mixed = has_first_form(connection)
    for place in places:
        if place not in found:
            piece = _piece_behind(connection, place - 1)
            there = [] if piece is None else list(events_in(piece))
            if is_mixed:
                there += first_form.read(connection, place - 1, upto=place)
            found.update((each.sequence, each) for each in there)
    return found


def _place(logged: LoggedEvent) -> int:
    return logged.sequence


def _read(connection: apsw.Connection, after: int, upto: int) -> Iterator[LoggedEvent]:
    """What can be read of a range of places."""
    if has_form(connection):
        for piece in pieces_of(connection, after, upto):
            yield from (each for each in events_in(piece) if after < each.sequence <= upto)
    if has_first_form(connection):
        yield from first_form.read(connection, after, upto=upto)


def pieces_of(connection: apsw.Connection, after: int, upto: int) -> Iterator[Piece]:
    """The pieces that can be read of those in which a range of places lies, and perhaps some more."""
    try:
        for row in connection.execute(_BEHIND, (after,)):
            yield (piece := Piece(*row))
            after = max(after, piece.last)
            if after >= upto:
                return
    except (apsw.CorruptError, UnicodeDecodeError):
        # One damaged page or text ends the reading of a range, though what lies behind it may be whole.
        while after < upto:
            behind = _piece_behind(connection, after)
            if behind is not None:
                yield behind
            after = after + 1 if behind is None else max(after + 1, behind.last)


def _piece_behind(connection: apsw.Connection, place: int) -> Piece | None:
    """The first piece that ends behind a place, if it can be read."""
    try:
        row = connection.execute(_FIRST_BEHIND, (place,)).fetchone()
    except (apsw.CorruptError, UnicodeDecodeError):
        return None
    return None if row is None else Piece(*row)


def write_pieces(connection: apsw.Connection, pieces: Iterable[Piece]) -> None:
    """Add pieces; where one cannot be added, the whole transaction is rolled back."""
    connection.executemany(_WRITE, pieces)


def write_logged(connection: apsw.Connection, logged: Sequence[LoggedEvent], *, upto: int) -> None:
    """Add events with their places and ids, up to a place, to a file that has none behind them."""
    write_pieces(connection, pieces_of_logged(logged))
    event_log_ids.enter(connection, logged, upto=upto)


def has_form(connection: apsw.Connection) -> bool:
    """Whether a file is in this form, and not the first."""
    return int(connection.pragma("user_version") or 0) == FORM


def has_first_form(connection: apsw.Connection) -> bool:
    """Whether a file has events in the first form."""
    return first_form.exists(connection)


def open_writer(path: Path, *, vfs: str | None) -> apsw.Connection:
    """The one connection that writes a log; a file of the first form can be written to from now on.

    Raises:
        Misconfigured: `schema_newer`.
    """
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs)
    try:
        _refuse_newer(int(connection.pragma("user_version") or 0))
        # Closing must not touch the disk again after it failed once.
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.set_busy_timeout(int(BUSY_SECONDS * 1_000))
        connection.wal_autocheckpoint(0)
        connection.pragma("synchronous", SYNCHRONOUS)
        connection.pragma("cache_size", -_CACHE_KIB)
        _bring_up(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _bring_up(connection: apsw.Connection) -> None:
    """Have a file of the first form take events in this one, behind those that it has, which stay as they are."""
    if has_form(connection):
        if has_first_form(connection) and first_form.bounds(connection) == (0, 0):
            connection.execute("DROP TABLE events")
        return
    with connection:
        connection.execute(_PIECES + event_log_ids.SCHEMA)
        connection.execute("UPDATE ids_entered SET upto = ?", (first_form.bounds(connection)[1],))
        connection.pragma("user_version", FORM)


def open_reader(path: Path, *, vfs: str | None) -> apsw.Connection:
    """A connection that can change nothing, and never moves the WAL."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY, vfs=vfs)
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.set_busy_timeout(int(BUSY_SECONDS * 1_000))
    connection.wal_autocheckpoint(0)
    return connection


def open_unborn(path: Path, *, vfs: str | None) -> apsw.Connection:
    """A file that nobody knows yet, its tables made: quick to fill, worth nothing until it was closed and flushed."""
    connection = apsw.Connection(str(path), vfs=vfs)
    # In this order: it is in WAL mode from its first day, so that no rollback journal ever lies beside it.
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "off")
    with connection:
        connection.execute(_PIECES + event_log_ids.SCHEMA + _RECOVERIES)
        connection.pragma("application_id", _APPLICATION)
        connection.pragma("user_version", FORM)
    return connection


def last_sequence(connection: apsw.Connection) -> int:
    """The highest place ever given out."""
    last: int = connection.execute(_LAST).get if has_form(connection) else _last_recovered(connection)
    return max(last, first_form.bounds(connection)[1]) if has_first_form(connection) else last


def _last_recovered(connection: apsw.Connection) -> int:
    last: int = connection.execute("SELECT coalesce(max(last_sequence), 0) FROM recoveries").get
    return last


def before_first(connection: apsw.Connection) -> int:
    """The place before the first event that is still there; what stood up to here was removed because of its age."""
    first = first_form.bounds(connection)[0] if has_first_form(connection) else 0
    piece = _piece_behind(connection, 0) if not first and has_form(connection) else None
    if piece is not None:
        # What it says of its size is not guarded, but its lines are.
        first = min((each.sequence for each in events_in(piece)), default=piece.last - piece.events + 1)
    return max(0, first - 1)


def oldest_upto(connection: apsw.Connection, upto: int, *, before_ms: int, limit: int) -> int:
    """Up to which place events are old, of the first few up to a place; 0 if the first is not."""
    found, events = 0, 0
    if has_first_form(connection) and (there := first_form.bounds(connection)) != (0, 0):
        found = first_form.oldest_upto(connection, upto, before_ms=before_ms, limit=limit)
        events = found - there[0] + 1
        if found < there[1]:
            return found
    for last, size, received_at_ms in connection.execute(
        "SELECT last, events, received_at_ms FROM pieces ORDER BY last"
    ):
        # At least one piece, and no more than one too many of them.
        if last - size >= upto or received_at_ms >= before_ms or events >= limit:
            break
        found, events = min(last, upto), events + size
    return found


def remove_upto(connection: apsw.Connection, upto: int) -> None:
    """Remove the events up to a place."""
    with connection:
        if has_first_form(connection):
            first_form.remove_upto(connection, upto)
        for piece in [Piece(*row) for row in connection.execute(_SELECT + "<= ?", (upto,))]:
            event_log_ids.forget(connection, list(events_in(piece)))
        connection.execute("DELETE FROM pieces WHERE last <= ?", (upto,))
        _remove_from_the_first(connection, upto)


def _remove_from_the_first(connection: apsw.Connection, upto: int) -> None:
    """Remove the events up to a place from the first piece, if it reaches beyond."""
    row = connection.execute(_FIRST_BEHIND, (upto,)).fetchone()
    if row is None or row[0] - row[1] >= upto:
        return
    read = list(events_in(Piece(*row)))
    if len(read) < row[1]:
        return  # its damaged events keep their places as long as it stays
    event_log_ids.forget(connection, [each for each in read if each.sequence <= upto])
    connection.execute("DELETE FROM pieces WHERE last = ?", (row[0],))
    write_pieces(connection, pieces_of_logged([each for each in read if each.sequence > upto]))


def _refuse_newer(found: int) -> None:
    if found > FORM:
        raise Misconfigured(
            "schema_newer",
            f"The event log has the form {found}; this release knows up to {FORM}.",
            field="home",
            fix="Start the release that wrote it.",
        )
