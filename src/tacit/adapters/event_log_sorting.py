"""What becomes of the events of a commit: which are new, where they stand, and what is said of the others (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from tacit.adapters.event_log_lines import Piece
from tacit.adapters.event_log_many import Lines, chosen_lines
from tacit.adapters.event_log_queue import Call
from tacit.data.event_columns import EventColumns, LoggedColumns, StoredFrom
from tacit.data.events import Event, Receipt


class Sorting:
    """Tells the new events of a commit from those that are there, and gives them their places.

    Args:
        known: The events of ids that are there, with their places.
        after: The last place that is taken.
        received_at_ms: When they came.

    Attributes:
        answers: What becomes of each event of each call.
        kept: The new events, by the calls that brought them.
        pieces: What is written of them.
        ids: Their ids, with their places.
        keys: What their ids are found by.
    """

    def __init__(self, known: dict[str, tuple[int, Event]], *, after: int, received_at_ms: int) -> None:
        self._known, self._next, self._received_at_ms = known, after + 1, received_at_ms
        self.answers: list[Sequence[Receipt]] = []
        self.kept: list[LoggedColumns] = []
        self.pieces: list[Piece] = []
        self.ids: dict[str, int] = {}
        self.keys: list[int] = []

    @property
    def logged(self) -> LoggedColumns:
        """The new events, in the order of their places."""
        return LoggedColumns.joined(self.kept)

    def take(self, call: Call) -> None:
        """Sort the events of a call; calls come in the order to be kept."""
        ids = set(call.events.ids)
        if len(ids) == len(call.events) and ids.isdisjoint(self._known) and ids.isdisjoint(self.ids):
            self.answers.append(StoredFrom(self._next, len(ids)))
            self._keep(call.events, call.lines, source=call.source)
            return
        new: dict[str, int] = {}
        self.answers.append([self._receipt(nth, new, call.events) for nth in range(len(call.events))])
        if new:
            places = list(new.values())
            self._keep(call.events.chosen(places), chosen_lines(call.lines, places), source=call.source)

    def _receipt(self, nth: int, new: dict[str, int], events: EventColumns) -> Receipt:
        """What becomes of an event; one that is new joins those of its call, by its place among them."""
        event = events.row(nth)
        first = self._first(event.event_id, new, events)
        if first is not None:
            place, known = first
            return Receipt("duplicate" if known.said == event.said else "conflict", place)
        new[event.event_id] = nth
        return Receipt("stored", self._next + len(new) - 1)

    def _first(self, event_id: str, new: dict[str, int], events: EventColumns) -> tuple[int, Event] | None:
        """The first event of an id, with its place; it may be one of this commit, or of this call."""
        if event_id in self._known:
            return self._known[event_id]
        if event_id in new:
            return self._next + list(new).index(event_id), events.row(new[event_id])
        place = self.ids.get(event_id)
        if place is None:
            return None
        found = next(each for each in self.kept if each.places[0] <= place <= each.places[-1])
        return place, found.events.row(place - found.places[0])

    def _keep(self, events: EventColumns, lines: Lines, *, source: str) -> None:
        at_ms, first = self._received_at_ms, self._next
        self._next += len(events)
        self.pieces += lines.pieces(first=first, received_at_ms=at_ms, source=source)
        self.kept.append(LoggedColumns.taken(events, first=first, received_at_ms=at_ms, source=source))
        self.ids.update(zip(events.ids, range(first, self._next), strict=True))
        self.keys += lines.keys
