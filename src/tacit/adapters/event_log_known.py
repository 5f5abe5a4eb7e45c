"""The ids that an event log knows, wherever they are: in memory, in the table of ids, in rows of the first form."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence

import apsw

from tacit.adapters import event_log_first_form as first_form
from tacit.adapters.event_log_ids import RecentIds, entered_upto, places_of_keys
from tacit.adapters.event_log_lines import ids_in
from tacit.adapters.event_log_queue import Call
from tacit.adapters.event_log_rows import events_at, has_first_form, pieces_of
from tacit.adapters.id_keys import keys_of
from tacit.data.events import Event


class KnownIds:
    """The ids of every event that can be read in a log.

    Args:
        connection: The one that writes the log.
        worth: From how many on, ids leave the memory for the table.
        upto: The last place that is taken.
    """

    def __init__(self, connection: apsw.Connection, *, worth: int, upto: int) -> None:
        self._connection = connection
        self._recent = RecentIds(worth)
        self._has_first_form = has_first_form(connection)
        entered = entered_upto(connection)
        for piece in pieces_of(connection, entered, upto):
            # A damaged one is told to whoever reads it.
            placed = {event_id: place for place, event_id in ids_in(piece) if place > entered}
            self.add(placed, keys_of(list(placed)))

    def add(self, placed: Mapping[str, int], keys: Sequence[int]) -> None:
        """Take the ids of events that were committed behind all others, with their places in order, and their keys."""
        self._recent.add(placed, keys)

    @property
    def are_many(self) -> bool:
        """Whether some should leave the memory."""
        return self._recent.are_many

    def enter_some(self, *, behind: int) -> Callable[[], None]:
        """Enter a few into the table; see `RecentIds.enter_some`."""
        return self._recent.enter_some(self._connection, behind=behind)

    def events_of(self, calls: Iterable[Call], *, behind: int) -> dict[str, tuple[int, Event]]:
        """Of the ids of some calls those that are known, with their events and places.

        An id leads to places: two ids may share a key, and what stands there may be damaged.  Only an event that can
        be read makes its id known; one whose event is lost may come again.

        Args:
            calls: The calls.
            behind: Events up to this place are gone, and their ids with them.
        """
        places = [place for call in calls for place in self._places_of(call) if place > behind]
        if not places:
            return {}
        asked = {event_id for call in calls for event_id in call.events.ids}
        read = events_at(self._connection, sorted(set(places)))
        known: dict[str, tuple[int, Event]] = {}
        for place in sorted(read):
            event = read[place].event
            if place > behind and event.event_id in asked:
                known.setdefault(event.event_id, (place, event))
        return known

    def _places_of(self, call: Call) -> Iterable[int]:
        """Every place at which one of a call's events may stand."""
        yield from self._recent.places_of(set(call.events.ids)).values()
        yield from (place for _, place in places_of_keys(self._connection, array("q", sorted(call.lines.keys))))
        if self._has_first_form:
            yield from first_form.places_of(self._connection, call.events.ids).values()
