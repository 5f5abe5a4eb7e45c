"""What the log keeps of many events, made by the native engine where it was built."""

from __future__ import annotations

from collections.abc import Sequence

from tacit import _native
from tacit.adapters.event_log_lines import PIECE_BYTES, Line, Piece, seed_of
from tacit.data.event_columns import EventColumns


class NativeLines:
    """The lines of some events; see `event_log_many.Lines`.

    Raises:
        ValueError, TypeError, OverflowError: One of them cannot be kept; `event_log_lines` says why.
    """

    def __init__(self, events: EventColumns) -> None:
        self._native = _native.EventLines(
            events.ids,
            events.users,
            events.items,
            events.types,
            events.values,
            events.times,
            events.links,
            events.properties,
            events.timed,
        )
        self.keys: Sequence[int] = self._native.keys()
        self.bytes: int = self._native.bytes()

    def line(self, nth: int) -> Line:
        """One of them."""
        return self._native.line(nth)

    def pieces(self, *, first: int, received_at_ms: int, source: str) -> list[Piece]:
        """All of them, as they lie from a place on."""
        found = self._native.pieces(first, seed_of(received_at_ms, source), PIECE_BYTES)
        return [Piece(last, events, received_at_ms, source, content) for last, events, content in found]
