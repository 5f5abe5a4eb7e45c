"""How events lie in their SQLite file: the table, a row, what guards a row against rot, and the connections."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import chain, takewhile
from pathlib import Path
from typing import Any

import apsw

from tacit.data.events import SCHEMA_VERSION, Event, LoggedEvent
from tacit.errors import BadInput, Misconfigured

PAGE_BYTES = 4_096
BUSY_SECONDS = 5.0

# On the disk before it is acknowledged: anything less loses what was acknowledged when power goes.
SYNCHRONOUS = "FULL"

_APPLICATION = 0x54434556  # "TCEV"
_CACHE_KIB = 32_768

_SCHEMA = """
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY,
    received_at_ms INTEGER NOT NULL,
    source TEXT NOT NULL,
    event_id TEXT NOT NULL UNIQUE,
    digest BLOB NOT NULL,
    user_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    type TEXT NOT NULL,
    value REAL,
    occurred_at_ms INTEGER NOT NULL,
    recommendation_id TEXT,
    properties TEXT NOT NULL,
    timed INTEGER NOT NULL,
    crc INTEGER NOT NULL
) STRICT;
CREATE TABLE recoveries (
    from_file TEXT NOT NULL,
    events INTEGER NOT NULL,
    damaged INTEGER NOT NULL,
    last_sequence INTEGER NOT NULL
) STRICT;
"""
_COLUMNS = (
    "sequence, received_at_ms, source, event_id, digest, user_id, item_id, type, value, occurred_at_ms,"
    " recommendation_id, properties, timed, crc"
)

_PLACES = f"({', '.join('?' * 14)})"
_FIND = "SELECT event_id, sequence, digest FROM events WHERE event_id IN "
# One statement for many rows runs without the interpreter; one for each row hands it back and forth, and whoever else
# computes meanwhile keeps it for milliseconds each time.  Few sizes, so that each is prepared once.
_FOUND_AT_ONCE = (1, 16, 512)
_WRITTEN_AT_ONCE = (128, 16, 1)
# What was damaged and left behind keeps its place: a place given out twice would hide an event from whoever follows.
_LAST = """
SELECT max(coalesce((SELECT max(sequence) FROM events), 0), coalesce((SELECT max(last_sequence) FROM recoveries), 0))
"""
_SELECT = f"SELECT {_COLUMNS} FROM events WHERE "  # noqa: S608 - constants
_RANGE = _SELECT + "sequence > ? AND sequence <= ? ORDER BY sequence"
_ONE = _SELECT + "sequence = ?"

Content = tuple[str, bytes, str, str, str, float | None, int, str | None, str, int]
"""What of a row the sender determines, in the order of the columns from `event_id` on."""

Row = tuple[Any, ...]
"""A row as it is read: after damage any column may hold anything."""


def content_of(event: Event) -> Content:
    """What is kept of an event.

    Raises:
        BadInput: `number_not_finite`: SQLite knows no NaN, and would keep nothing in its place.
    """
    value = None if event.value is None else event.value + 0.0  # one form of each number: 1 is 1.0, -0.0 is 0.0
    if value is not None and value != value:
        raise BadInput("number_not_finite", "The value of an event is not a number.", field="value")
    return (
        event.event_id,
        event.digest,
        event.user_id,
        event.item_id,
        event.type,
        value,
        event.occurred_at_ms,
        event.recommendation_id,
        event.properties,
        int(event.timed),
    )


def rows_of(contents: Iterable[Content], *, first: int, received_at_ms: int, source: str) -> list[Row]:
    """The rows of events that follow each other, each with what tells later that no bit of it has changed."""
    rows = ((place, received_at_ms, source, *content) for place, content in enumerate(contents, first))
    return [(*row, _crc(row)) for row in rows]


def is_whole(row: Row) -> bool:
    """Whether a row is what was written."""
    return bool(_crc(row[:-1]) == row[-1])


def logged(row: Row) -> LoggedEvent:
    """The event in a row."""
    sequence, received_at_ms, source, event_id, _, user_id, item_id, kind, value, at_ms, *rest = row
    shown, properties, timed, _ = rest
    event = Event(event_id, user_id, item_id, kind, value, at_ms, shown, properties, bool(timed))
    return LoggedEvent(sequence, received_at_ms, source, event)


def _crc(row: Row) -> int:
    # Every bit of the row is in its text; a CRC finds every single flipped bit, and any burst shorter than itself.
    return zlib.crc32(repr(row).encode("utf-8", "surrogatepass"))


def read_rows(
    connection: apsw.Connection, after: int, *, upto: int, limit: int, damaged: Callable[[int], None]
) -> list[Row]:
    """The undamaged rows of a range, in order; each damaged one is told instead."""
    rows: list[Row] = []
    while after < upto and len(rows) < limit:
        end = min(upto, after + limit - len(rows))
        for sequence, row in _range(connection, after, end):
            if row is not None and is_whole(row):
                rows.append(row)
            else:
                damaged(sequence)
        after = end
    return rows


def _range(connection: apsw.Connection, after: int, upto: int) -> Iterator[tuple[int, Row | None]]:
    """Every place of a range with its row, `None` for one that is not there or cannot be read."""
    places = range(after + 1, upto + 1)
    try:
        read: dict[int, Row] = {row[0]: row for row in connection.execute(_RANGE, (after, upto))}
    except (apsw.CorruptError, UnicodeDecodeError):
        read = {}
    if len(read) == len(places):
        yield from read.items()
    else:
        # One damaged page or text ends the reading of a range, though what lies behind it may be whole.
        yield from ((place, _one_row(connection, place)) for place in places)


def _one_row(connection: apsw.Connection, sequence: int) -> Row | None:
    try:
        return connection.execute(_ONE, (sequence,)).fetchone()
    except (apsw.CorruptError, UnicodeDecodeError):
        return None


def write_rows(connection: apsw.Connection, rows: Iterable[Row]) -> None:
    """Add rows as they are; where one cannot be added, the whole transaction is rolled back."""
    ordered = list(rows)
    start = 0
    for size in _WRITTEN_AT_ONCE:
        while len(ordered) - start >= size:
            connection.execute(_insert(size), tuple(chain.from_iterable(ordered[start : start + size])))
            start += size


def places_of(connection: apsw.Connection, event_ids: Sequence[str]) -> dict[str, tuple[int, bytes]]:
    """Of some ids those that are there, with the place and the digest of their events."""
    found: dict[str, tuple[int, bytes]] = {}
    for start in range(0, len(event_ids), _FOUND_AT_ONCE[-1]):
        asked = event_ids[start : start + _FOUND_AT_ONCE[-1]]
        size = next(size for size in _FOUND_AT_ONCE if size >= len(asked))
        # Filled up with one of them, which changes nothing.
        values = (*asked, *[asked[0]] * (size - len(asked)))
        found.update((key, (place, digest)) for key, place, digest in connection.execute(_find(size), values))
    return found


@cache
def _insert(rows: int) -> str:
    # To undo one statement of many rows, SQLite would keep a copy of every page that it touches.
    return f"INSERT OR ROLLBACK INTO events ({_COLUMNS}) VALUES {', '.join([_PLACES] * rows)}"  # noqa: S608 - constants


@cache
def _find(ids: int) -> str:
    return f"{_FIND}({', '.join('?' * ids)})"


def open_writer(path: Path, *, vfs: str | None) -> apsw.Connection:
    """The one connection that writes a log.

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
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path, *, vfs: str | None) -> apsw.Connection:
    """A connection that can change nothing, and never moves the WAL."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY, vfs=vfs)
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.set_busy_timeout(int(BUSY_SECONDS * 1_000))
    connection.wal_autocheckpoint(0)
    return connection


def open_unborn(path: Path, *, vfs: str | None) -> apsw.Connection:
    """A file that nobody knows yet, its table made: quick to fill, worth nothing until it was closed and flushed."""
    connection = apsw.Connection(str(path), vfs=vfs)
    # In this order: it is in WAL mode from its first day, so that no rollback journal ever lies beside it.
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "off")
    with connection:
        connection.execute(_SCHEMA)
        connection.pragma("application_id", _APPLICATION)
        connection.pragma("user_version", SCHEMA_VERSION)
    return connection


def last_sequence(connection: apsw.Connection) -> int:
    """The highest place ever given out."""
    last: int = connection.execute(_LAST).get
    return last


def before_first(connection: apsw.Connection) -> int:
    """The place before the first event that is still there; what stood up to here was removed because of its age."""
    first: int | None = connection.execute("SELECT min(sequence) FROM events").get
    return 0 if first is None else first - 1


def oldest_upto(connection: apsw.Connection, upto: int, *, before_ms: int, limit: int) -> int:
    """Up to which place events are old, of the first few up to a place; 0 if the first is not."""
    oldest = "SELECT sequence, received_at_ms FROM events WHERE sequence <= ? ORDER BY sequence LIMIT ?"
    rows = list(connection.execute(oldest, (upto, limit)))
    return max((sequence for sequence, _ in takewhile(lambda row: row[1] < before_ms, rows)), default=0)


def remove_upto(connection: apsw.Connection, upto: int) -> None:
    """Remove the events up to a place."""
    with connection:
        connection.execute("DELETE FROM events WHERE sequence <= ?", (upto,))


def _refuse_newer(found: int) -> None:
    if found > SCHEMA_VERSION:
        raise Misconfigured(
            "schema_newer",
            f"The event log has the form {found}; this release knows up to {SCHEMA_VERSION}.",
            field="home",
            fix="Start the release that wrote it.",
        )
