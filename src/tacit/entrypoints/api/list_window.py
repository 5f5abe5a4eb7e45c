"""The shortest way for a list that lies ready: written where the server has read the request's head.

Who asks, whether they may and how much is found out as ever, by an application; what of it holds for further requests
with the same head from the same address is remembered, and the rest asked anew for each (`checkpoints.Lasting`).  A
request that differs in its head, a list that holds no longer, and whatever else there is goes to the application.  What
is to be remembered of an answer, in the record of what was shown, counts, trail and log, is told for some answers
together: far apart, each would cost several times as much.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from msgspec import Struct
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from tacit.entrypoints.api.admission import DEADLINE_HEADER
from tacit.entrypoints.api.answered_at_head import ANSWERED_AT_ITS_HEAD, header_lines, raw_lines
from tacit.entrypoints.api.at_once import AtOnce, Question
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
from tacit.entrypoints.api.door import SECURE_HEADERS, PlainAnswers, note_answer, note_answers, request_id_of
from tacit.entrypoints.api.errors import ERROR, REQUEST_ID, TRACE, trace_id_of
from tacit.entrypoints.api.fast_routes import Endpoint, Kept
from tacit.entrypoints.api.following import PARENT_HEADERS, begin, end
from tacit.monitoring.interfaces import MetricSink
from tacit.monitoring.tracing import Tracer
from tacit.serving.naming import new_name
from tacit.serving.ready_answers import Ready
from tacit.serving.telling import Repeated, Telling

CONNECTION = "tacit.connection"
"""Where the scope holds the connection that a request came by, for who may be let in there again."""

_GATHERED_SECONDS = 0.05
"""For how long answers wait to be told of together: each is of no use before a thread writes it down anyway."""
_HEADS = 4_096
"""How many are remembered, the oldest given up first."""
_OTHERWISE = frozenset({b"content-length", b"cookie", b"expect", b"transfer-encoding", b"upgrade", DEADLINE_HEADER})
"""Headers of requests that ask for more than is done here."""
_NAME = b"x-request-id"
_OF_EACH = PARENT_HEADERS | {_NAME}
"""Headers by which requests of one caller may differ."""

Headers = list[tuple[bytes, bytes]]


class Connection(Protocol):
    """A connection of the HTTP server, as far as it is used here.

    Attributes:
        heard: When its latest request was heard, by `time.perf_counter`.
        passages: Whom it lets in again, by what they ask.
    """

    cycle: Any
    heard: float
    headers: Headers
    loop: Any
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


class Given(Struct, frozen=True):
    """An answer that nobody was told of yet.

    Attributes:
        again: The list, where one was given once more.
    """

    endpoint: Endpoint
    scope: Scope
    status: int
    seconds: float
    again: Repeated | None = None


class ListWindow:
    """Gives lists that lie ready, and works out those for which nothing must be waited for.  For one event loop.

    Args:
        ready: Where lists lie.
        telling: Told of each that was given.
        metrics: Told of every request.
        at_once: Works out others.
        checkpoints: What every request passes.
        tracer: Decides which requests are followed; without it, none is.
    """

    def __init__(
        self,
        ready: Kept,
        telling: Telling,
        *,
        metrics: MetricSink,
        at_once: AtOnce,
        checkpoints: Sequence[Checkpoint],
        tracer: Tracer | None = None,
    ) -> None:
        self._ready, self._telling, self._metrics = ready, telling, metrics
        self._at_once, self._checkpoints, self._tracer = at_once, checkpoints, tracer
        self._lasting = [each for each in checkpoints if isinstance(each, Lasting)]
        self._let_in: OrderedDict[tuple[object, ...], dict[Endpoint, Passage]] = OrderedDict()
        self._given: list[Given] = []
        self._told_at = 0.0
        self._plain: dict[tuple[str, str], PlainAnswers] = {}
        self._defaults: Headers | None = None
        self._default_lines = b""

    def passages_of(self, peer: object, headers: Headers) -> dict[Endpoint, Passage]:
        """Whom a head of an address lets in: the same on each connection, for none is asked by which one it came.

        Args:
            peer: The other end of the connection.
            headers: The head.
        """
        key = (peer, *(each for each in headers if each[0] not in _OF_EACH))
        found = self._let_in.get(key)
        if found is None:
            found = self._let_in[key] = {}
            if len(self._let_in) > _HEADS:
                self._let_in.popitem(last=False)
        return found

    def let_in(self, scope: Scope, endpoint: Endpoint) -> None:
        """Let whoever may ask something do so again without being asked, if they come by the same head."""
        connection: Connection | None = scope.get(CONNECTION)
        if connection is None:
            return
        known = connection.passages.get(endpoint)
        if known is None or _differs_by(scope["headers"], known.headers) is None:
            passage = self.passage(scope)
            if passage is not None:
                connection.passages[endpoint] = passage

    def has_ready(self, url: bytes) -> bool:
        """Whether something may lie ready for whoever asks by an address; not whether it still holds."""
        return url in self._ready

    def gives(self, connection: Connection) -> bool:
        """Whether a request was answered by what lies ready; its head is known, a GET without a body, and plain."""
        ready = self._ready.get(connection.url)
        answering = None if ready is None else self._entered(connection, ready.about)
        if ready is None or answering is None:
            return False
        self._give(ready, answering)
        return True

    def works_out(self, connection: Connection) -> bool:
        """Whether such a request was answered by what was worked out for it."""
        asked = self._question(connection)
        answering = None if asked is None else self._entered(connection, asked.endpoint)
        if asked is None or answering is None:
            return False
        self._work_out(asked, answering)
        return True

    def answers(self, connection: Connection) -> bool:
        """Whether such a request was answered in either way."""
        return self.gives(connection) or self.works_out(connection)

    def _entered(self, connection: Connection, endpoint: Endpoint) -> _Answering | None:
        """What it takes to answer somebody who is let in by the head of their request; `None` for anybody else."""
        passage = connection.passages.get(endpoint)
        given_id = None if passage is None else _differs_by(connection.headers, passage.headers)
        if passage is None or given_id is None:
            return None
        lines = passage.enter()
        if lines is None:
            connection.passages.pop(endpoint, None)
            return None
        connection.cycle = ANSWERED_AT_ITS_HEAD
        request_id = request_id_of(given_id.decode("latin-1")) if given_id else new_name()
        return _Answering(connection, passage, endpoint, lines, request_id, connection.heard)

    def _question(self, connection: Connection) -> Question | None:
        """What is asked, if it can be answered at once, of those things that somebody was let in for."""
        path = connection.url.partition(b"?")[0].decode("latin-1")
        for endpoint in connection.passages:
            part = endpoint.part_of(path)
            if part:
                return self._at_once.question(connection.url, endpoint, part)
        return None

    def _give(self, ready: Ready[Endpoint], to: _Answering) -> None:
        name = self._telling.new_name()
        (before, after), called = ready.body, name.encode()
        size = len(before) + len(called) + len(after)
        head = b"%bcontent-length: %d\r\ncontent-type: application/json\r\n" % (
            self.first_lines(200, to.connection),
            size,
        )
        self._write(to, b"%b%b%b%b%b" % (head, to.last_lines, before, called, after))
        seconds = time.perf_counter() - to.started
        again = Repeated(ready.answer, name, ready.about.question, self._telling.now_ms, seconds)
        scope = to.scope()
        self._begin(scope, to)
        self.note(to.connection.loop, Given(to.endpoint, scope, 200, seconds, again))

    def _work_out(self, asked: Question, to: _Answering) -> None:
        scope = to.scope() | {"type": "http", "headers": to.connection.headers}
        scope["query_string"] = asked.url.partition(b"?")[2]
        self._begin(scope, to)
        response = self._at_once.answer(asked, scope)
        status = response.status_code
        head = self.first_lines(status, to.connection) + raw_lines(response.raw_headers)
        self._write(to, b"%b%b%b" % (head, to.last_lines, bytes(response.body)))
        self.note(to.connection.loop, Given(to.endpoint, scope, status, time.perf_counter() - to.started))

    def _begin(self, scope: Scope, to: _Answering) -> None:
        if self._tracer is None:
            return
        if to.connection.headers == to.passage.headers:
            scope[TRACE] = self._tracer.begin()  # a head that was heard before says nothing of a trace
        else:
            scope["headers"] = to.connection.headers
            begin(self._tracer, scope)

    @property
    def untold(self) -> int:
        """How many answers were given that nobody was told of yet."""
        return len(self._given)

    def tell(self) -> None:
        """Tell of the answers that were given."""
        given, self._given = self._given, []
        self._told_at = time.monotonic()
        again = [each.again for each in given if each.again is not None]
        if again:
            self._telling.repeated(again)
        for each in given:
            leave_all(self._checkpoints, each.scope, status=each.status, seconds=each.seconds)
        plain: dict[tuple[str, str], list[tuple[float, str, str | None]]] = {}
        for each in given:
            if each.status == 200:
                answered = (each.seconds, each.scope[REQUEST_ID], trace_id_of(each.scope))
                plain.setdefault((each.scope["method"], each.endpoint.route.path), []).append(answered)
            else:
                self._note_failed(each)
        for asked, answers in plain.items():
            if asked not in self._plain:
                self._plain[asked] = PlainAnswers.of(self._metrics, *asked)
            note_answers(self._plain[asked], answers)

    def _note_failed(self, given: Given) -> None:
        note_answer(
            self._metrics,
            method=given.scope["method"],
            route=given.endpoint.route.path,
            status=given.status,
            seconds=given.seconds,
            error=given.scope.get(ERROR),
            request_id=given.scope[REQUEST_ID],
            trace_id=trace_id_of(given.scope),
        )

    def note(self, loop: Any, given: Given) -> None:
        """Have an answer told of together with those that follow soon."""
        self._given.append(given)
        if given.scope.get(TRACE) is not None:
            method, route, error = given.scope["method"], given.endpoint.route.path, given.scope.get(ERROR)
            end(given.scope, method=method, route=route, status=given.status, error=error, seconds=given.seconds)
        if len(self._given) == 1:
            # Who comes alone is told of as soon as they have their answer.
            loop.call_at(max(loop.time(), self._told_at + _GATHERED_SECONDS), self.tell)

    def _write(self, to: _Answering, said: bytes) -> None:
        to.connection.transport.write(said)
        to.connection.on_response_complete()

    def first_lines(self, status: int, connection: Any) -> bytes:
        """The line of the status, and what the server says in every answer."""
        defaults = connection.server_state.default_headers
        if defaults is not self._defaults:
            self._defaults = defaults
            self._default_lines = raw_lines(defaults)
        return STATUS_LINE[status] + self._default_lines

    def passage(self, scope: Scope) -> Passage | None:
        """What of a request that passed holds for others with the same head; `None` where each has to be asked."""
        headers = [each for each in scope["headers"] if each[0] not in _OF_EACH]
        if any(name in _OTHERWISE for name, _ in headers) or scope[PRINCIPAL].user_id is not None:
            return None
        found = [each.lasting(scope) for each in self._lasting]
        agains = [again for again in found if again is not None and again is not freely]
        if None in found or len(found) < len(self._checkpoints):
            return None
        said = scope.get(HEADERS, {}).items()
        always = {**SECURE_HEADERS, **{name: value for name, value in said if not name.startswith("RateLimit-")}}
        kept = {name: scope.get(name) for name in (PRINCIPAL, CLIENT, "route")}
        return Passage(headers, tuple(agains), header_lines(always), {**kept, "method": scope["method"]})


class _Answering(Struct, frozen=True):
    """A request that is being answered.

    Attributes:
        lines: Header lines that it alone gets.
    """

    connection: Connection
    passage: Passage
    endpoint: Endpoint
    lines: bytes
    request_id: str
    started: float

    @property
    def last_lines(self) -> bytes:
        """The last of an answer's header lines, and the empty one behind."""
        return b"%b%bx-request-id: %b\r\n\r\n" % (self.passage.lines, self.lines, self.request_id.encode())

    def scope(self) -> dict[str, Any]:
        """What checkpoints and routes look at."""
        path = self.connection.url.partition(b"?")[0].decode("latin-1")
        params = {self.endpoint.part: self.endpoint.part_of(path)}
        return {**self.passage.scope, REQUEST_ID: self.request_id, "path": path, "path_params": params}


def _differs_by(headers: Headers, known: Headers) -> bytes | None:
    """What the request calls itself, nothing where it does not, if heads differ in nothing else; else `None`."""
    if headers == known:
        return b""
    named = [value for name, value in headers if name == _NAME]
    if len(named) > 1 or [each for each in headers if each[0] not in _OF_EACH] != known:
        return None
    return (named[0] or b" ") if named else b""
