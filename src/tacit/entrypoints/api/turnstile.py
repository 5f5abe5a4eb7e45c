"""Where requests are turned away that would be refused for want of room, before any of our machinery is set in motion.

Refusing must cost a small part of answering: at ten times of what we can do, nine of ten requests are refused, and
whatever each of them takes is taken from the tenth.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from typing import Any, Literal

import structlog

from tacit.entrypoints.api.admission import Admission
from tacit.entrypoints.api.answered_at_head import ANSWERED_AT_ITS_HEAD, header_lines, is_plain
from tacit.entrypoints.api.door import SECURE_HEADERS, note_shed, request_id_of
from tacit.entrypoints.api.errors import MEDIA_TYPE
from tacit.entrypoints.api.loop_lag import LoopLag
from tacit.entrypoints.api.priorities import Priority, class_of
from tacit.entrypoints.api.turn_line import TurnLine
from tacit.monitoring import overload_metrics as catalogue
from tacit.monitoring.interfaces import MetricSink

_TURNS_A_SECOND = 10
"""Of the watch over the event loop."""
_LENGTH, _DIGITS = 32, 12
"""Of the name that we give a request, and of its number in it."""
_HEADS = 256
"""Beginnings of refusals that are kept, one for each length of a request's name."""
_HEAD = f"HTTP/1.1 503 Service Unavailable\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: ".encode()
_RETRY = b"\r\nretry-after: "
_SECURE = b"\r\n" + header_lines(SECURE_HEADERS) + b"x-request-id: "
_BODY = (
    b'\r\n\r\n{"type": "urn:tacit:problem:overloaded", "title": "Overloaded", "status": 503, "code": "overloaded",'
    b' "detail": "More is asked than can be answered now.", "fix": "Ask again in a moment.", "request_id": "'
)

Place = Literal["now", "in line", "none"]
"""Where somebody who is heard in the event loop's turn is answered; whoever has no place was refused."""

log = structlog.get_logger(__name__)


class Turnstile:
    """Turns requests away at their head, and logs how many, once a second.

    Args:
        admission: Knows for whom there is room.
        metrics: Counts what was turned away among the answers.

    Attributes:
        line: Of those who wait for their turn.
    """

    def __init__(self, admission: Admission, metrics: MetricSink) -> None:
        self._admission, self._metrics = admission, metrics
        self._connections: Iterable[Any] = ()
        self._lag = LoopLag(metrics, also=self._turn)
        self.line = TurnLine(admission.rules.queue_seconds)
        admission.heed(lambda: self._lag.lateness, is_standing=lambda: self.line.is_standing)
        self._ids = uuid.uuid4().hex[: _LENGTH - _DIGITS].encode()
        self._heads: dict[tuple[int, float], bytes] = {}
        self._head_of_lists = b""
        self._lists = 0
        self._number = 0
        self._turns = 0
        self._answered = 0
        self._told = 0

    def watch(self, connections: Iterable[Any]) -> None:
        """Look after the event loop that is running, and the connections of its server."""
        self._connections = connections
        self._lag.watch()

    def client_left(self) -> None:
        """The sender of a request left before the answer."""
        self._metrics.increment(catalogue.CLIENTS_LEFT)

    def turns_away(self, connection: Any) -> bool:
        """Whether a request, whose head a connection has read, was answered that there is no room for it."""
        if not is_plain(connection):
            return False
        method = connection.parser.get_method()
        path = connection.url.partition(b"?")[0]
        if method == b"HEAD" or self._admission.turns_away(method.decode("latin-1"), path.decode("latin-1")) is None:
            return False
        self._refuse(connection)
        return True

    def place_of(self, connection: Any, method: str = "GET") -> Place:
        """Where a request is answered whose head is known and plain; a question for which there is no room is refused.

        What is asked of the catalogue has half of the room that users' lists have.
        """
        if self.line.is_free(connection.loop):
            return "now"
        kind = class_of(method, connection.url.partition(b"?")[0].decode("latin-1"))
        if kind.pool != "answers":
            return "now"
        if self.line.has_room(1.0 if kind.priority <= Priority.LISTS else 0.5):
            return "in line"
        self._admission.refused_at_its_head(kind.priority)
        self._refuse(connection)
        if self.line.is_full:
            self._head_of_lists = self._head(_LENGTH, self._admission.retry_seconds)
        return "none"

    def wait(self, connection: Any, answer: Callable[[], object]) -> None:
        """Have a request answered in its turn."""
        self.line.wait(connection.loop, answer)

    def refuse_list(self, connection: Any) -> None:
        """Refuse a user's list, asked for namelessly, to somebody who comes while the line is full.

        What `place_of` does with such a request, in half of its time: at ten times of what we can do, refusing takes a
        quarter of all the time there is.
        """
        self._lists += 1
        named = self._new_name()
        connection.transport.write(b'%b%b%b%b"}' % (self._head_of_lists, named, _BODY, named))
        connection.on_response_complete()

    def _refuse(self, connection: Any) -> None:
        self._answered += 1
        connection.cycle = ANSWERED_AT_ITS_HEAD
        connection.transport.write(self._answer(connection.headers))
        connection.on_response_complete()

    def _answer(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        named = self._new_name()
        for name, value in headers:
            if name == b"x-request-id":
                named = request_id_of(value.decode("latin-1")).encode("latin-1")
                break
        seconds = self._admission.retry_seconds
        head = self._head(len(named), seconds)
        return b'%b%b%b%b"}' % (head, named, _BODY, named)

    def _new_name(self) -> bytes:
        self._number += 1
        return b"%b%012x" % (self._ids, self._number)

    def _head(self, length: int, seconds: float) -> bytes:
        """All of a refusal that comes before the request's name."""
        head = self._heads.get((length, seconds))
        if head is not None:
            return head
        head = b"%b%d%b%.0f%b" % (_HEAD, len(_BODY) - 4 + length + 2, _RETRY, seconds, _SECURE)
        if len(self._heads) < _HEADS:
            self._heads[length, seconds] = head
        return head

    def _turn(self) -> None:
        self._turns += 1
        if self._lists:
            self._admission.refused_at_its_head(Priority.LISTS, self._lists)
            self._answered += self._lists
            self._lists = 0
        if self._answered:
            note_shed(self._metrics, self._answered)
            self._answered = 0
        if self._turns % _TURNS_A_SECOND == 0:
            self._tell()
            self._close_slow()

    def _tell(self) -> None:
        if self._admission.refused > self._told:
            log.warning(
                "requests_shed",
                requests=self._admission.refused - self._told,
                limit=self._admission.limit,
                at_work=self._admission.at_work("answers"),
                event_loop_late_ms=round(self._lag.latest * 1_000),
            )
            self._told = self._admission.refused

    def _close_slow(self) -> None:
        for connection in list(self._connections):
            reason = connection.slow_at(self._admission.rules.pace)
            if reason is not None:
                self._metrics.increment(catalogue.SLOW_CONNECTIONS, reason=reason)
                connection.give_up(reason)
