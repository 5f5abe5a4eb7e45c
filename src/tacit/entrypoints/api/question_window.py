"""The short way for questions that are asked in a body: candidates that somebody wants put into order.

Their checkpoints are passed as ever, and their room is taken; what is saved is the framework, and the way to a thread
and back, which together take longer than the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request

from tacit.entrypoints.api.answered_at_head import ANSWERED_AT_ITS_HEAD, is_plain
from tacit.entrypoints.api.at_once import AtOnce
from tacit.entrypoints.api.checkpoints import BUDGET, Checkpoint
from tacit.entrypoints.api.errors import ERROR
from tacit.entrypoints.api.event_window import BodyWindow, Connection, PlainRequest, plain_request_id
from tacit.entrypoints.api.fast_routes import Endpoint
from tacit.entrypoints.api.turnstile import Turnstile
from tacit.errors import TacitError
from tacit.monitoring.interfaces import MetricSink
from tacit.monitoring.tracing import Tracer
from tacit.serving.budgets import Budget

_MOST_BYTES = 8_192
"""Of a body: some two hundred candidates.  More of them are worked out by a thread: nobody is to wait behind them."""


class QuestionWindow(BodyWindow):
    """Answers questions to one route, of which one part of the path is to be filled in.

    Args:
        at_once: Works out answers in the event loop's own turn.
        endpoint: What answers.
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
        metrics: MetricSink,
        checkpoints: Sequence[Checkpoint],
        tracer: Tracer | None = None,
        turnstile: Turnstile | None = None,
    ) -> None:
        super().__init__(metrics, endpoint.route, checkpoints=checkpoints, tracer=tracer)
        self.at_once, self.endpoint, self._turnstile = at_once, endpoint, turnstile

    def asked(self, connection: Connection) -> Any:
        """What stands for the request whose headers a connection has read, if it is answered here."""
        if connection.parser.get_method() != b"POST" or b"?" in connection.url:
            return None
        part = self.endpoint.part_of(connection.url.decode("latin-1"))
        if not part or not is_plain(connection) or self.at_once.rests_on(self.endpoint, part) is None:
            return None
        request_id = plain_request_id(connection.headers, most_bytes=_MOST_BYTES)
        if request_id is None:
            return None
        place = "now" if self._turnstile is None else self._turnstile.place_of(connection, "POST")
        if place != "now":
            # Whoever may wait does so where a thread answers: what is read meanwhile cannot wait in the line.
            return ANSWERED_AT_ITS_HEAD if place == "none" else None
        question = _Question(self, connection, request_id, part=part)
        return question if question.passes() else None


class _Question(PlainRequest):
    """A question in a body."""

    __slots__ = ("_at_once", "_endpoint", "_part")

    def __init__(self, window: QuestionWindow, connection: Connection, request_id: str, *, part: str) -> None:
        super().__init__(window, connection, request_id)
        self._at_once, self._endpoint, self._part = window.at_once, window.endpoint, part

    def address(self) -> dict[str, object]:
        path = self.connection.url
        address = {"method": "POST", "path": path.decode("latin-1"), "raw_path": path, "query_string": b""}
        return {**address, "path_params": {self._endpoint.part: self._part}}

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
