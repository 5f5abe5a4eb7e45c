"""The short way for questions that are asked in a body: candidates that somebody wants put into order.

Who asks for the first time passes every checkpoint, and takes room; what holds of that for further questions with the
same head is remembered, as it is for lists (`list_window`).  What is saved is the framework, and the way to a thread
and back, which together take longer than the answer.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request

from tacit.entrypoints.api.answered_at_head import ANSWERED_AT_ITS_HEAD, is_plain, raw_lines
from tacit.entrypoints.api.at_once import AtOnce
from tacit.entrypoints.api.checkpoints import BUDGET, Checkpoint
from tacit.entrypoints.api.door import request_id_of
from tacit.entrypoints.api.errors import ERROR, REQUEST_ID
from tacit.entrypoints.api.event_window import BodyWindow, Connection, PlainRequest, plain_request_id
from tacit.entrypoints.api.fast_routes import Endpoint
from tacit.entrypoints.api.following import PARENT_HEADERS, begin
from tacit.entrypoints.api.list_window import Given, Headers, ListWindow, Passage
from tacit.entrypoints.api.strict_json import BODY
from tacit.entrypoints.api.turnstile import Turnstile
from tacit.errors import TacitError
from tacit.monitoring.interfaces import MetricSink
from tacit.monitoring.tracing import Tracer
from tacit.serving.budgets import Budget
from tacit.serving.naming import new_name

_MOST_BYTES = 8_192
"""Of a body: some two hundred candidates.  More of them are worked out by a thread: nobody is to wait behind them."""
_LENGTH, _NAME = b"content-length", b"x-request-id"
_OF_EACH = PARENT_HEADERS | {_LENGTH, _NAME}
"""Headers by which questions of one caller may differ."""
_LONGEST = 1_024
"""Bytes of all those together."""


class QuestionWindow(BodyWindow):
    """Answers questions to one route, of which one part of the path is to be filled in.

    Args:
        at_once: Works out answers in the event loop's own turn.
        endpoint: What answers.
        lists: Knows who was let in, and tells of what was answered.
        metrics: Told of every request.
        checkpoints: What every request passes first; all of them are immediate.
        tracer: Decides which requests are followed; without it, none is.
        turnstile: Knows whether anybody waits; without it, everybody is answered.
    """

    def __init__(
        self,
        at_once: AtOnce,
        endpoint: Endpoint,
        *,
        lists: ListWindow,
        metrics: MetricSink,
        checkpoints: Sequence[Checkpoint],
        tracer: Tracer | None = None,
        turnstile: Turnstile | None = None,
    ) -> None:
        super().__init__(metrics, endpoint.route, checkpoints=checkpoints, tracer=tracer)
        self.at_once, self.endpoint, self.lists, self.turnstile = at_once, endpoint, lists, turnstile

    def asked_again(self, connection: Any) -> PlainRequest | None:
        """What stands for a request whose headers a connection has read, if its sender was let in by the same head."""
        if connection.parser.get_method() != b"POST":
            return None
        part = self.endpoint.part_of(connection.url.decode("latin-1"))
        if not part or "?" in part or not is_plain(connection):
            return None
        headers = [each for each in connection.headers if each[0] not in _OF_EACH]
        if connection.asking[0] != headers:
            known = self.lists.passages_of(connection.client and connection.client[0], headers)
            connection.asking = headers, known
        passage = connection.asking[1].get(self.endpoint)
        name = None if passage is None else _name_among(connection.headers)
        if passage is None or name is None:
            return None
        return _AskedAgain(self, connection, name, part=part, passage=passage)

    def asked(self, connection: Connection) -> PlainRequest | None:
        """The same for anybody who asks plainly."""
        if connection.parser.get_method() != b"POST" or b"?" in connection.url:
            return None
        part = self.endpoint.part_of(connection.url.decode("latin-1"))
        if not part or not is_plain(connection) or not self.at_once.is_at_hand(self.endpoint, part):
            return None
        request_id = plain_request_id(connection.headers, most_bytes=_MOST_BYTES)
        if request_id is None:
            return None
        place = "now" if self.turnstile is None else self.turnstile.place_of(connection, "POST")
        if place != "now":
            # Whoever may wait does so where a thread answers: who they are is not known yet.
            return ANSWERED_AT_ITS_HEAD if place == "none" else None  # type: ignore[return-value]
        question = _Question(self, connection, request_id, part=part)
        return question if question.passes() else None


def _name_among(headers: Headers) -> str | None:
    """What a request is called, where its head says how long a body follows and that is short enough."""
    own = [each for each in headers if each[0] in _OF_EACH]
    sizes = [value for name, value in own if name == _LENGTH]
    if len(sizes) != 1 or len(sizes[0]) > 4 or not sizes[0].isdigit() or not 0 < int(sizes[0]) <= _MOST_BYTES:
        return None
    if len(own) == 1:
        return new_name()
    names = [value for name, value in own if name == _NAME]
    if len(names) > 1 or sum([len(value) for _, value in own]) > _LONGEST:
        return None
    return request_id_of(names[0].decode("latin-1")) if names else new_name()


class _Question(PlainRequest):
    """A question in a body."""

    __slots__ = ("_at_once", "_endpoint", "_lists", "_part")

    def __init__(self, window: QuestionWindow, connection: Connection, request_id: str, *, part: str) -> None:
        super().__init__(window, connection, request_id)
        self._at_once, self._endpoint, self._part = window.at_once, window.endpoint, part
        self._lists = window.lists

    def address(self) -> dict[str, object]:
        path = self.connection.url
        address = {"method": "POST", "path": path.decode("latin-1"), "raw_path": path, "query_string": b""}
        return {**address, "path_params": {self._endpoint.part: self._part}}

    def passes(self) -> bool:
        is_passed = super().passes()
        if is_passed and self._refusal is None:
            connection: Any = self.connection
            headers, known = connection.asking
            passage = self._lists.passage({**self.scope, "headers": headers})
            if passage is not None:
                known[self._endpoint] = passage
        return is_passed

    def take(self, body: bytes, *, until: float) -> None:
        scope = self.scope
        request = Request(scope | {"type": "http"})
        try:
            answer = self._at_once.worked_out(
                scope.get(BUDGET) or Budget(),
                scope,
                lambda: self._endpoint.answer_here(request, self._part, body=body),
            )
        except Exception as error:
            self.told(error)  # and the application finds it out for itself, and logs it
            return
        refusal = scope.get(ERROR)
        self.told(refusal if isinstance(refusal, TacitError) else answer)


class _AskedAgain(_Question):
    """A question of somebody who was let in by the same head: in its turn, it takes no room but time of the loop."""

    __slots__ = ("_passage", "_turnstile")

    def __init__(
        self, window: QuestionWindow, connection: Connection, request_id: str, *, part: str, passage: Passage
    ) -> None:
        super().__init__(window, connection, request_id, part=part)
        self._passage, self._turnstile = passage, window.turnstile

    def _hand_in(self) -> None:
        place = "now" if self._turnstile is None else self._turnstile.place_of(self.connection, "POST")
        if self._turnstile is None or place == "now":
            self._answer()
        elif place == "in line":
            self._turnstile.wait(self.connection, self._answer)
        else:
            self.response_complete = True  # it was refused

    def _answer(self) -> None:
        """Answer in this turn, or leave it to the application, to which it is as if nothing had been asked yet."""
        if self.connection.transport.is_closing():
            self.response_complete = True
            return
        if not self._at_once.is_at_hand(self._endpoint, self._part):
            self._leave_to_the_application()
            return
        budget = self._at_once.room()
        lines = None if budget is None else self._passage.enter()
        if budget is None or lines is None:
            connection: Any = self.connection
            connection.asking[1].pop(self._endpoint, None)
            self._leave_to_the_application()
            return
        body, scope = bytes(self.body), self.scope
        scope.update(self._passage.scope)
        scope |= {**self.address(), REQUEST_ID: self.request_id, BODY: body}
        begin(self._window.tracer, scope)
        request = Request(scope)
        try:
            response = self._at_once.worked_out(
                budget, scope, lambda: self._endpoint.answer_here(request, self._part, body=body)
            )
        except Exception:
            self._leave_to_the_application()  # which finds it out for itself, and logs it
            return
        self._say(response.status_code, raw_lines(response.raw_headers) + self._passage.lines + lines, response.body)

    def _say(self, status: int, lines: bytes, body: bytes | memoryview) -> None:
        connection, self.response_complete = self.connection, True
        ends = b"" if self.keep_alive else b"connection: close\r\n"
        said = (self._lists.first_lines(status, connection), lines, ends, self.request_id.encode(), bytes(body))
        connection.transport.write(b"%b%b%bx-request-id: %b\r\n\r\n%b" % said)
        if not self.keep_alive:
            connection.transport.close()
        connection.on_response_complete()
        seconds = time.perf_counter() - self._started
        self._lists.note(connection.loop, Given(self._endpoint, self.scope, status, seconds))
