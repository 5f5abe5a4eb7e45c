"""The lines of many events at once: made by the native engine where it was built, and here where it was not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Protocol

from tacit.adapters.event_log_lines import Line, Piece, line_of, pieces_of
from tacit.adapters.id_keys import keys_of
from tacit.data.event_columns import EventColumns


class Lines(Protocol):
    """What the log keeps of some events.

    Attributes:
        keys: What the id of each is found by.
        bytes: What they take in memory.
    """

    keys: Sequence[int]
    bytes: int

    def line(self, nth: int) -> Line:
        """One of them."""
        ...

    def pieces(self, *, first: int, received_at_ms: int, source: str) -> list[Piece]:
        """All of them, as they lie from a place on."""
        ...


class PlainLines:
    """Lines with their keys."""

    def __init__(self, lines: Sequence[Line], keys: Sequence[int]) -> None:
        self._lines, self.keys = lines, keys
        self.bytes = sum(len(text) for text, _ in lines)

    def line(self, nth: int) -> Line:
        """One of them."""
        return self._lines[nth]

    def pieces(self, *, first: int, received_at_ms: int, source: str) -> list[Piece]:
        """All of them, as they lie from a place on."""
        return pieces_of(self._lines, first=first, received_at_ms=received_at_ms, source=source)


def lines_of(events: EventColumns) -> Lines:
    """The lines of some events.

    Raises:
        BadInput: `number_not_finite`, `event_unstorable`.
    """
    native = _native()
    if native is not None:
        try:
            return native(events)
        except Exception:  # one of them cannot be kept; which, and why, is said below
            return plain_lines_of(events)
    return plain_lines_of(events)


@cache
def _native() -> Callable[[EventColumns], Lines] | None:
    """What makes them, where it was built."""
    try:
        from tacit.adapters.native_lines import NativeLines

        NativeLines(EventColumns.of(()))
    except Exception:  # a broken extension fails as it likes, and must not stop the platform
        return None
    else:
        return NativeLines


def plain_lines_of(events: EventColumns) -> Lines:
    """The same, made here."""
    return PlainLines([line_of(event) for event in events], keys_of(events.ids))


def chosen_lines(lines: Lines, places: Iterable[int]) -> Lines:
    """Those of some events, by their places among all, from 0."""
    held = list(places)
    return PlainLines([lines.line(nth) for nth in held], [lines.keys[nth] for nth in held])
