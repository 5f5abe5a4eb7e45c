"""The form in which the first release kept events, a row for each: read, never written."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cache
from itertools import takewhile
from typing import Any

import apsw

from tacit.data.events import Event, LoggedEvent

TABLE = "events"

_COLUMNS = (
    "sequence, received_at_ms, source, event_id, digest, user_id, item_id, type, value, occurred_at_ms,"
    " recommendation_id, properties, timed, crc"
)
_SELECT = f"SELECT {_COLUMNS} FROM events WHERE "  # noqa: S608 - constants
_RANGE = _SELECT + "sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?"
_ONE = _SELECT + "sequence = ?"
# Few sizes, so that each is prepared once.
_FOUND_AT_ONCE = (1, 16, 512)

_Row = tuple[Any, ...]
"""A row as it is read: after damage any column may hold anything."""


def exists(connection: apsw.Connection) -> bool:
    """Whether a file has events in this form."""
    return connection.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'events'").get is not None


def bounds(connection: apsw.Connection) -> tuple[int, int]:
    """The first place that is taken, and the last; 0 for none."""
    found: tuple[int, int] = connection.execute(
        "SELECT coalesce(min(sequence), 0), coalesce(max(sequence), 0) FROM events"
    ).get
    return found


def read(connection: apsw.Connection, after: int, *, upto: int) -> list[LoggedEvent]:
    """The undamaged events of a range of places, in order."""
    try:
        rows: list[_Row | None] = list(connection.execute(_RANGE, (after, upto, upto - after)))
    except (apsw.CorruptError, UnicodeDecodeError):
        # One damaged page or text ends the reading of a range, though what lies behind it may be whole.
        rows = [_one_row(connection, place) for place in range(after + 1, upto + 1)]
    return [_logged(row) for row in rows if row is not None and _is_whole(row)]


def places_of(connection: apsw.Connection, event_ids: Sequence[str]) -> dict[str, int]:
    """Of some ids those that are there, with their places."""
    found: dict[str, int] = {}
    for start in range(0, len(event_ids), _FOUND_AT_ONCE[-1]):
        asked = event_ids[start : start + _FOUND_AT_ONCE[-1]]
        size = next(size for size in _FOUND_AT_ONCE if size >= len(asked))
        # Filled up with one of them, which changes nothing.
        found.update(connection.execute(_find(size), (*asked, *[asked[0]] * (size - len(asked)))))
    return found


def oldest_upto(connection: apsw.Connection, upto: int, *, before_ms: int, limit: int) -> int:
    """Up to which place events are old, of the first few up to a place; 0 if the first is not."""
    oldest = "SELECT sequence, received_at_ms FROM events WHERE sequence <= ? ORDER BY sequence LIMIT ?"
    rows = list(connection.execute(oldest, (upto, limit)))
    return max((sequence for sequence, _ in takewhile(lambda row: row[1] < before_ms, rows)), default=0)


def remove_upto(connection: apsw.Connection, upto: int) -> None:
    """Remove the events up to a place."""
    connection.execute("DELETE FROM events WHERE sequence <= ?", (upto,))


def _one_row(connection: apsw.Connection, sequence: int) -> _Row | None:
    try:
        return connection.execute(_ONE, (sequence,)).fetchone()
    except (apsw.CorruptError, UnicodeDecodeError):
        return None


def _is_whole(row: _Row) -> bool:
    return bool(zlib.crc32(repr(row[:-1]).encode("utf-8", "surrogatepass")) == row[-1])


def _logged(row: _Row) -> LoggedEvent:
    sequence, received_at_ms, source, event_id, _, user_id, item_id, kind, value, at_ms, *rest = row
    shown, properties, timed, _ = rest
    event = Event(event_id, user_id, item_id, kind, value, at_ms, shown, properties, bool(timed))
    return LoggedEvent(sequence, received_at_ms, source, event)


@cache
def _find(ids: int) -> str:
    return f"SELECT event_id, sequence FROM events WHERE event_id IN ({', '.join('?' * ids)})"  # noqa: S608 - constants
