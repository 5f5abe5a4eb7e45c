"""What becomes of the events of a commit: which are new, where they stand, and what is said of the others (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from tacit.adapters.event_log_lines import Line, Piece, pieces_of
from tacit.adapters.event_log_queue import Call
from tacit.data.events import Event, LoggedEvent, Receipt


class Sorting:
    """Tells the new events of a commit from those that are there, and gives them their places.

    Args:
        known: The events of ids that are there, with their places; those of new events join them.
        after: The last place that is taken.
        received_at_ms: When they came.

    Attributes:
        answers: What becomes of each event of each call.
        kept: The new events.
        pieces: What is written of them.
        ids: Their ids.
        keys: What their ids are found by.
    """

    def __init__(self, known: dict[str, tuple[int, Event]], *, after: int, received_at_ms: int) -> None:
        self._known, self._next, self._received_at_ms = known, after + 1, received_at_ms
        self.answers: list[list[Receipt]] = []
        self.kept: list[LoggedEvent] = []
        self.pieces: list[Piece] = []
        self.ids: list[str] = []
        self.keys: list[int] = []

    def take(self, call: Call) -> None:
        """Sort the events of a call; calls come in the order to be kept."""
        ids = set(call.ids)
        if len(ids) == len(call.ids) and ids.isdisjoint(self._known):
            self._keep(call, call.events, lines=call.lines, ids=call.ids, keys=call.keys)
            self.answers.append([Receipt("stored", place) for place in range(self._next - len(ids), self._next)])
            return
        new: list[int] = []
        self.answers.append([self._receipt(event, nth, new) for nth, event in enumerate(call.events)])
        self._next -= len(new)
        self._keep(
            call,
            [call.events[nth] for nth in new],
            lines=[call.lines[nth] for nth in new],
            ids=[call.ids[nth] for nth in new],
            keys=[call.keys[nth] for nth in new],
        )

    def _receipt(self, event: Event, nth: int, new: list[int]) -> Receipt:
        first = self._known.get(event.event_id)
        if first is not None:
            place, known = first
            return Receipt("duplicate" if known.said == event.said else "conflict", place)
        place, self._next = self._next, self._next + 1
        self._known[event.event_id] = (place, event)
        new.append(nth)
        return Receipt("stored", place)

    def _keep(
        self, call: Call, events: Sequence[Event], *, lines: Sequence[Line], ids: Sequence[str], keys: Sequence[int]
    ) -> None:
        at_ms, source, first = self._received_at_ms, call.source, self._next
        self._next += len(events)
        self.pieces += pieces_of(lines, first=first, received_at_ms=at_ms, source=source)
        self.kept += [LoggedEvent(place, at_ms, source, each) for place, each in enumerate(events, first)]
        self._known.update(zip(ids, enumerate(events, first), strict=True))
        self.ids += ids
        self.keys += keys
