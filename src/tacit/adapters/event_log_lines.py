"""An event as a line of text, and a line as an event: how the log keeps them, each guarded against rot (pure).

Events lie in pieces, as many lines one after another as fit a page of the file, so that writing costs a row for dozens
of them and a damaged page takes no more with it than it held.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from json.encoder import encode_basestring as _quoted
from typing import NamedTuple

from tacit.data.events import Event, LoggedEvent
from tacit.errors import BadInput

PIECE_BYTES = 3_900
"""What a piece may hold to lie in one page; a longer line is a piece of its own."""

_INT64 = range(-(2**63), 2**63)
_GUARD = 0xFFFFFFFF
# Odd, so that every other place makes another guard.
_PER_PLACE = 2_654_435_761
_GUARD_DIGITS = 8
_DECODER = json.JSONDecoder()

Line = tuple[bytes, int]
"""What a line says of an event, and the CRC of it; what guards it against rot depends on its place as well."""


class Piece(NamedTuple):
    """Events that follow each other, as they are kept.

    Attributes:
        last: The place of the last; never given out again, even if nothing else of the piece can be read.
        events: How many they are.
        received_at_ms: When they came.
        source: The way they came.
        content: A line for each.
    """

    last: int
    events: int
    received_at_ms: int
    source: str
    content: bytes


def line_of(event: Event) -> Line:
    """What is kept of an event.

    Raises:
        BadInput: `number_not_finite` for a value that is no number; `event_unstorable`.
    """
    try:
        text = (
            f"{_quoted(event.event_id)},{_quoted(event.user_id)},{_quoted(event.item_id)},{_quoted(event.type)},"
            f"{_number(event.value)},{_whole(event.occurred_at_ms)},"
            f"{'null' if event.recommendation_id is None else _quoted(event.recommendation_id)},"
            f"{_quoted(event.properties)},{1 if event.timed else 0}]"
        ).encode()
    except (ValueError, TypeError, OverflowError) as error:
        raise BadInput("event_unstorable", f"An event cannot be stored: {error}.") from error
    return text, zlib.crc32(text)


def _number(value: float | None) -> str:
    if value is None:
        return "null"
    if value != value:
        raise BadInput("number_not_finite", "The value of an event is not a number.", field="value")
    number = value + 0.0  # one form of each number: 1 is 1.0, -0.0 is 0.0
    return repr(number) if number - number == 0 else "Infinity" if number > 0 else "-Infinity"


def _whole(number: int) -> int:
    if number not in _INT64:
        raise OverflowError("a whole number is too large for 64 bits")
    return number


def pieces_of(lines: Iterable[Line], *, first: int, received_at_ms: int, source: str) -> list[Piece]:
    """The pieces in which events lie that follow each other.

    Args:
        lines: Of the events, in order.
        first: The place of the first.
        received_at_ms: When they came.
        source: The way they came.
    """
    seed = seed_of(received_at_ms, source)
    pieces: list[Piece] = []
    held: list[bytes] = []
    size, place = 0, first
    for text, crc in lines:
        if size + len(text) > PIECE_BYTES and held:
            pieces.append(Piece(place - 1, len(held), received_at_ms, source, b"\n".join(held)))
            held, size = [], 0
        held.append(b"%08x%b" % ((crc + seed + place * _PER_PLACE) & _GUARD, text))
        size += len(text) + _GUARD_DIGITS + 1
        place += 1
    if held:
        pieces.append(Piece(place - 1, len(held), received_at_ms, source, b"\n".join(held)))
    return pieces


def pieces_of_logged(logged: Sequence[LoggedEvent]) -> Iterator[Piece]:
    """The same for events that have their places, gaps and all."""
    run: list[LoggedEvent] = []
    for each in logged:
        if run and (each.sequence != run[-1].sequence + 1 or _came(each) != _came(run[-1])):
            yield from _pieces_of_run(run)
            run = []
        run.append(each)
    if run:
        yield from _pieces_of_run(run)


def _came(logged: LoggedEvent) -> tuple[int, str]:
    return logged.received_at_ms, logged.source


def _pieces_of_run(run: Sequence[LoggedEvent]) -> list[Piece]:
    at_ms, source = _came(run[0])
    return pieces_of((line_of(each.event) for each in run), first=run[0].sequence, received_at_ms=at_ms, source=source)


def events_in(piece: Piece) -> Iterator[LoggedEvent]:
    """The undamaged events of a piece in their order, whatever any of its columns holds after damage."""
    for place, line in _lines_in(piece):
        yield LoggedEvent(place, piece.received_at_ms, piece.source, _event(line))


def ids_in(piece: Piece) -> Iterator[tuple[int, str]]:
    """Place and id of the undamaged events of a piece; the rest is not read."""
    for place, line in _lines_in(piece):
        event_id, _ = _DECODER.raw_decode(line[_GUARD_DIGITS:].decode())
        yield place, event_id


def _lines_in(piece: Piece) -> Iterator[tuple[int, bytes]]:
    try:
        lines = piece.content.split(b"\n")
        seed, first = seed_of(piece.received_at_ms, piece.source), piece.last - piece.events + 1
    except (AttributeError, TypeError, ValueError):
        return
    is_in_order = len(lines) == piece.events
    for nth, line in enumerate(lines):
        # A newline that came or went moves all lines behind it; each tells its own place, if it is asked for it.
        places = (first + nth,) if is_in_order else range(piece.last - len(lines) - 1, piece.last + 1)
        for place in places:
            if place > 0 and _is_whole(line, place, seed):
                yield place, line
                break


def _is_whole(line: bytes, place: int, seed: int) -> bool:
    crc = zlib.crc32(line[_GUARD_DIGITS:])
    return line[:_GUARD_DIGITS] == b"%08x" % ((crc + seed + place * _PER_PLACE) & _GUARD)


def seed_of(received_at_ms: int, source: str) -> int:
    """What guards the lines of events that came at one moment, by one way."""
    return zlib.crc32(f"{received_at_ms} {source}".encode("utf-8", "surrogatepass"))


def _event(line: bytes) -> Event:
    event_id, user_id, item_id, kind, value, at_ms, shown, properties, timed = json.loads(b"[" + line[_GUARD_DIGITS:])
    return Event(event_id, user_id, item_id, kind, value, at_ms, shown, properties, bool(timed))
