"""The shortest way for a list that lies ready: written where the server has read the request's head.

Who asks, whether they may and how much is found out as ever, by an application; what of it holds for further requests
of the same connection is remembered, and the rest asked anew for each (`checkpoints.Lasting`).  A request that differs
in its head, a list that holds no longer, and whatever else there is goes to the application.  What is to be remembered
of an answer, in the record of what was shown, counts, trail and log, is told for some answers together: far apart, each
would cost several times as much.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from tacit.entrypoints.api.answered_at_head import ANSWERED_AT_ITS_HEAD, is_plain
from tacit.entrypoints.api.checkpoints import (
    CLIENT,
    HEADERS,
    PRINCIPAL,
    Again,
    Checkpoint,
    Lasting,
    Scope,
    freely,
    leave_all,
)
from tacit.entrypoints.api.door import SECURE_HEADERS, note_answers, request_id_of
from tacit.entrypoints.api.errors import REQUEST_ID
from tacit.entrypoints.api.fast_routes import Endpoint, Kept
from tacit.monitoring.interfaces import MetricSink
from tacit.serving.naming import new_name
from tacit.serving.ready_answers import Ready
from tacit.serving.telling import Repeated, Telling

CONNECTION = "tacit.connection"
"""Where the scope holds the connection that a request came by, for who may be let in there again."""

_GATHERED_SECONDS = 0.02
"""For how long answers wait to be told of together: each is of no use before a thread writes it down anyway."""
_OTHERWISE = frozenset({b"content-length", b"cookie", b"expect", b"transfer-encoding", b"upgrade"})
"""Headers of requests that ask for more than is done here."""
_NAME = b"x-request-id"

Headers = list[tuple[bytes, bytes]]


class Connection(Protocol):
    """A connection of the HTTP server, as far as it is used here.

    Attributes:
        passages: Whom it lets in again, by what they ask.
    """

    cycle: Any
    expect_100_continue: bool
    flow: Any
    headers: Headers
    loop: Any
    parser: Any
    passages: dict[Endpoint, Passage]
    scope: Any
    server_state: Any
    transport: Any
    url: bytes

    def on_response_complete(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Passage:
    """Somebody who was let in to ask something, and is let in again by the same head.

    Attributes:
        headers: That head, without the request's name.
        agains: What is to be found out anew for each request.
        lines: Header lines of each answer.
        scope: What was found out for good.
    """

    headers: Headers
    agains: tuple[Again, ...]
    lines: bytes
    scope: Mapping[str, Any]

    def enter(self) -> bytes | None:
        """The header lines of one more answer; `None` if the request must be looked at anew."""
        lines = b""
        for again in self.agains:
            said = again()
            if said is None:
                return None
            lines += said
        return lines


@dataclass(frozen=True, slots=True)
class _Given:
    """An answer that nobody was told of yet."""

    again: Repeated
    request_id: str
    url: bytes
    endpoint: Endpoint
    scope: Mapping[str, Any]


class ListWindow:
    """Gives lists that lie ready.  For one event loop.

    Args:
        ready: Where they lie.
        telling: Told of each that was given.
        metrics: Told of every request.
        checkpoints: What every request passes.
    """

    def __init__(
        self, ready: Kept, telling: Telling, metrics: MetricSink, *, checkpoints: Sequence[Checkpoint]
    ) -> None:
        self._ready, self._telling, self._metrics = ready, telling, metrics
        self._checkpoints = checkpoints
        self._given: list[_Given] = []
        self._defaults: Headers | None = None
        self._default_lines = b""

    def let_in(self, scope: Scope, endpoint: Endpoint) -> None:
        """Let whoever may ask something do so again without being asked, on the connection that they came by."""
        connection: Connection | None = scope.get(CONNECTION)
        if connection is not None:
            passage = self._passage(scope)
            if passage is not None:
                connection.passages[endpoint] = passage

    def answers(self, connection: Connection) -> bool:
        """Whether a request, whose head a connection has read, was answered."""
        connection.scope[CONNECTION] = connection
        if not connection.passages or not is_plain(connection) or connection.parser.get_method() != b"GET":
            return False
        started = time.perf_counter()
        ready = self._ready.get(connection.url)
        passage = None if ready is None else connection.passages.get(ready.about)
        if ready is None or passage is None:
            return False
        given_id = _differs_by(connection.headers, passage.headers)
        if given_id is None:
            return False
        lines = passage.enter()
        if lines is None:
            del connection.passages[ready.about]
            return False
        request_id = request_id_of(given_id.decode("latin-1")) if given_id else new_name()
        name = self._telling.new_name()
        connection.cycle = ANSWERED_AT_ITS_HEAD
        said = self._written(connection, ready, name, lines=passage.lines + lines, its_id=request_id)
        connection.transport.write(said)
        connection.on_response_complete()
        seconds = time.perf_counter() - started
        again = Repeated(ready.answer, name, ready.about.question, self._telling.now_ms, seconds)
        self._note(connection, _Given(again, request_id, connection.url, ready.about, passage.scope))
        return True

    @property
    def untold(self) -> int:
        """How many answers were given that nobody was told of yet."""
        return len(self._given)

    def tell(self) -> None:
        """Tell of the answers that were given."""
        given, self._given = self._given, []
        if not given:
            return
        self._telling.repeated([each.again for each in given])
        for each in given:
            leave_all(self._checkpoints, _left(each), status=200, seconds=each.again.seconds)
        answered = [(each.endpoint.route.path, each.again.seconds, each.request_id) for each in given]
        note_answers(self._metrics, answered)

    def _note(self, connection: Connection, given: _Given) -> None:
        self._given.append(given)
        if len(self._given) == 1:
            connection.loop.call_later(_GATHERED_SECONDS, self.tell)

    def _passage(self, scope: Scope) -> Passage | None:
        headers = [each for each in scope["headers"] if each[0] != _NAME]
        if any(name in _OTHERWISE for name, _ in headers) or scope[PRINCIPAL].user_id is not None:
            return None
        agains = []
        for each in self._checkpoints:
            again = each.lasting(scope) if isinstance(each, Lasting) else None
            if again is None:
                return None
            if again is not freely:
                agains.append(again)
        said = scope.get(HEADERS, {}).items()
        always = {**SECURE_HEADERS, **{name: value for name, value in said if not name.startswith("RateLimit-")}}
        lines = "".join([f"{name.lower()}: {value}\r\n" for name, value in always.items()])
        kept = {name: scope.get(name) for name in (PRINCIPAL, CLIENT, "route")}
        return Passage(headers, tuple(agains), lines.encode("latin-1"), {**kept, "method": "GET"})

    def _written(
        self, connection: Connection, ready: Ready[Endpoint], name: str, *, lines: bytes, its_id: str
    ) -> bytes:
        defaults = connection.server_state.default_headers
        if defaults is not self._defaults:
            self._defaults = defaults
            self._default_lines = STATUS_LINE[200] + b"".join([b"%b: %b\r\n" % each for each in defaults])
        before, after = ready.body
        head = b"%bcontent-length: %d\r\ncontent-type: application/json\r\n%bx-request-id: %b\r\n\r\n%b%b%b"
        size = len(before) + len(name) + len(after)
        return head % (self._default_lines, size, lines, its_id.encode(), before, name.encode(), after)


def _left(given: _Given) -> Scope:
    """The scope of a request, as far as checkpoints look at it when they are left."""
    path = given.url.partition(b"?")[0].decode("latin-1")
    params = {given.endpoint.part: given.endpoint.part_of(path)}
    return {**given.scope, REQUEST_ID: given.request_id, "path": path, "path_params": params}


def _differs_by(headers: Headers, known: Headers) -> bytes | None:
    """What the request calls itself, nothing where it does not, if heads differ in nothing else; else `None`."""
    if headers == known:
        return b""
    named = [value for name, value in headers if name == _NAME]
    if len(named) != 1 or [each for each in headers if each[0] != _NAME] != known:
        return None
    return named[0] or b" "
