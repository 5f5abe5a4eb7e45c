"""Which ids an event log knows: the newest in memory, all others in a table of the file.

To keep an id where it is found again takes a page of the file of its own, as ids come in no order.  So those that came
last wait in memory, from where they are found as well, until they are many enough to share pages; they are entered in
the order of their keys, a few at a time, so that nobody waits long.  What a crash takes of the memory is made again
from the events themselves.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain

import apsw
import numpy as np

from tacit.adapters.id_keys import key_of
from tacit.data.events import LoggedEvent

SCHEMA = """
CREATE TABLE ids (
    key INTEGER NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (key, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE ids_entered (upto INTEGER NOT NULL) STRICT;
INSERT INTO ids_entered VALUES (0);
"""

ENTERED_AT_ONCE = 2_000
"""Ids of one transaction."""

_ROWS = 500
# The order of the join is ours: few are asked for, and many are there.
_FIND = "SELECT ids.key, ids.place FROM carray(?) AS asked CROSS JOIN ids ON ids.key = asked.value ORDER BY ids.place"
_FORGET = "DELETE FROM ids WHERE key = ? AND place = ?"


def entered_upto(connection: apsw.Connection) -> int:
    """Up to which place the ids of all events are in the table."""
    upto: int = connection.execute("SELECT max(upto) FROM ids_entered").get
    return upto


def enter(connection: apsw.Connection, logged: Sequence[LoggedEvent], *, upto: int) -> None:
    """Enter the ids of events at once, with which all up to a place are there."""
    _insert(connection, sorted((key_of(each.event.event_id), each.sequence) for each in logged))
    connection.execute("UPDATE ids_entered SET upto = ?", (upto,))


def forget(connection: apsw.Connection, logged: Sequence[LoggedEvent]) -> None:
    """Take the ids of events out of the table."""
    connection.executemany(_FORGET, ((key_of(each.event.event_id), each.sequence) for each in logged))


def places_of_keys(connection: apsw.Connection, keys: array[int]) -> Iterator[tuple[int, int]]:
    """Of some keys those in the table, with the places that they lead to, in the order of these."""
    if keys:
        yield from connection.execute(_FIND, (apsw.carray(keys),))


def _insert(connection: apsw.Connection, rows: Sequence[tuple[int, int]]) -> None:
    for start in range(0, len(rows), _ROWS):
        some = rows[start : start + _ROWS]
        connection.execute(_insert_rows(len(some)), tuple(chain.from_iterable(some)))


@cache
def _insert_rows(rows: int) -> str:
    # What was entered before a crash may be entered again.
    return f"INSERT OR IGNORE INTO ids VALUES {', '.join(['(?, ?)'] * rows)}"  # noqa: S608 - constants


class RecentIds:
    """The ids of the newest events, without a gap from the last that is in the table.

    Args:
        worth: From how many on they are entered into the table.
    """

    def __init__(self, worth: int) -> None:
        self._worth = worth
        self._fresh = _Ids()
        self._leaving = _Ids()
        self._order: Sequence[int] = ()
        self._entered = 0

    def add(self, placed: Mapping[str, int], keys: Sequence[int]) -> None:
        """Take the ids of events that stand behind all that are here, with their places in order, and their keys."""
        self._fresh.places.update(placed)
        self._fresh.keys.extend(keys)
        self._fresh.order.extend(placed.values())

    def places_of(self, ids: set[str]) -> dict[str, int]:
        """Of some ids those that are here, with their places."""
        return {
            event_id: held.places[event_id]
            for held in (self._leaving, self._fresh)
            for event_id in ids & held.places.keys()
        }

    @property
    def are_many(self) -> bool:
        """Whether some should be entered into the table."""
        return bool(self._leaving.places) or len(self._fresh.places) >= self._worth

    def enter_some(self, connection: apsw.Connection, *, behind: int) -> Callable[[], None]:
        """Enter a few, in a transaction that is open; those at a place up to `behind` are gone and left out.

        Returns:
            To be called once it is committed; if it is not, the same are entered the next time.
        """
        if not self._leaving.places:
            self._leaving, self._fresh = self._fresh, _Ids()
            self._order, self._entered = np.argsort(np.array(self._leaving.keys)).tolist(), 0
        some = self._order[self._entered : self._entered + ENTERED_AT_ONCE]
        keys, places = self._leaving.keys, self._leaving.order
        _insert(connection, [(keys[nth], places[nth]) for nth in some if places[nth] > behind])
        entered = self._entered + len(some)
        if entered == len(self._order):
            connection.execute("UPDATE ids_entered SET upto = ?", (places[-1],))
        return lambda: self._note(entered)

    def _note(self, entered: int) -> None:
        self._entered = entered
        if entered == len(self._order):
            self._leaving, self._order = _Ids(), ()


class _Ids:
    """Ids of events: their places by id, and in the order of these their keys and the places again."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}
        self.keys: array[int] = array("q")
        self.order: array[int] = array("q")
