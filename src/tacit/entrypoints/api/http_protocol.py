"""The HTTP of our server: what is plain is answered where it is heard, and nobody is left without an answer."""

from __future__ import annotations

import time
import uuid
from functools import partial
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from tacit.entrypoints.api.answered_at_head import ANSWERED_AT_ITS_HEAD, InLine, has_no_body, is_plain, raw_lines
from tacit.entrypoints.api.errors import problem_response
from tacit.entrypoints.api.event_window import EventWindow
from tacit.entrypoints.api.fast_routes import Endpoint
from tacit.entrypoints.api.glance import Glance
from tacit.entrypoints.api.list_window import CONNECTION, Headers, ListWindow, Passage
from tacit.entrypoints.api.pace import Pace, PaceRules, too_slow
from tacit.entrypoints.api.question_window import QuestionWindow
from tacit.entrypoints.api.turnstile import Turnstile
from tacit.errors import BadInput, TacitError

_FAREWELL_SECONDS = 0.25


class HttpProtocol(HttpToolsProtocol):
    """HTTP, where what is not HTTP gets a problem document, and a farewell leaves nobody without an answer."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._window: EventWindow | None = getattr(self.app, "window", None)
        self._turnstile: Turnstile | None = getattr(self.app, "turnstile", None)
        self._lists: ListWindow | None = getattr(self.app, "lists", None)
        self._questions: QuestionWindow | None = getattr(self.app, "questions", None)
        self.passages: dict[Endpoint, Passage] = {}
        self.asking: tuple[Headers, dict[Endpoint, Passage]] = [], {}
        self._pace = Pace()
        self._glance = Glance()
        self._is_looked_at = False
        self.heard = 0.0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._pace.begin_head()
        if self._turnstile is not None:
            self._turnstile.watch(self.connections)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._turnstile is not None and self.cycle is not None and not self.cycle.response_complete:
            self._turnstile.client_left()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._pace.hear()
        self._is_looked_at = False
        url = self._glance.address(data)
        if url is not None and (self._is_refused_at_a_glance(url) or self._is_answered_at_a_glance(url, data)):
            return
        self._glance.arrived(data)
        super().data_received(data)

    def _is_refused_at_a_glance(self, url: bytes) -> bool:
        """Whether a list was asked for while the line is full, on a connection whose last answer was as plain."""
        turnstile = self._turnstile
        if turnstile is None or not turnstile.line.is_full or cast(Any, self.cycle) is not ANSWERED_AT_ITS_HEAD:
            return False
        if self._is_leaving or self.flow.write_paused or not self._glance.asks_for_list(url):
            return False
        if self._lists is None or self._lists.has_ready(url):
            return False
        turnstile.refuse_list(self)
        return True

    def _is_answered_at_a_glance(self, url: bytes, data: bytes) -> bool:
        """Whether what came, a whole head like the last, was answered without being read."""
        if self._is_leaving or self.flow.write_paused:
            return False
        if self._lists is None or (self.cycle is not None and not self.cycle.response_complete):
            return False
        self.url, self.headers = url, self._glance.headers
        self._is_looked_at = True
        return self._is_answered_in_turn(self._lists, data)

    def _is_answered_in_turn(self, lists: ListWindow, head: bytes) -> bool:
        """Whether a question was answered, refused, or, if its head was read in one piece, has a place in the line."""
        self.heard = time.perf_counter()
        if self._turnstile is None:
            return lists.answers(self)
        # What lies ready takes next to no room, so it is given whether there is any or not.
        if lists.has_ready(self.url) and self._turnstile.line.may_give(self.loop) and lists.gives(self):
            return True
        place = self._turnstile.place_of(self)
        if place == "now":
            return lists.answers(self)
        if place == "in line":
            if not head or not self.passages:
                return lists.answers(self)
            self._wait(self._turnstile, head)
        return True

    def _wait(self, turnstile: Turnstile, head: bytes) -> None:
        """Hear nothing more until this question's turn has come."""
        self._unset_keepalive_if_required()
        self.flow.pause_reading()
        self.cycle = InLine()  # type: ignore[assignment]  # as much of one as the protocol looks at
        turnstile.wait(self, partial(self._answer_in_turn, head))

    def _answer_in_turn(self, head: bytes) -> None:
        if self.transport.is_closing():
            return
        self.cycle = None  # type: ignore[assignment]  # as before the first
        try:
            if self._is_leaving or self._lists is None or not self._lists.answers(self):
                # It takes the long way after all.
                self.flow.resume_reading()
                self._is_looked_at = True
                super().data_received(head)
        except Exception:
            self.transport.abort()
            raise

    def pause_writing(self) -> None:
        self._pace.begin_waiting()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._pace.end_waiting()
        super().resume_writing()

    def on_message_begin(self) -> None:
        self._pace.begin_head()
        self._glance.is_between = False
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._pace.end_message()
        self._glance.is_between = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        # A clock that runs already is left to run: to set it anew for each answer costs as much as to refuse one.
        if self.timeout_keep_alive_task is None or self.pipeline or self.flow.read_paused:
            super().on_response_complete()
        else:
            self.server_state.total_requests += 1

    def timeout_keep_alive_handler(self) -> None:
        left = self.timeout_keep_alive - self._pace.silent_seconds
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def slow_at(self, rules: PaceRules) -> str | None:
        """What the other end is too slow at, if anything."""
        # What we do not read now, nobody is slow to send.
        return None if self.flow.read_paused else self._pace.slow_at(rules)

    def give_up(self, reason: str) -> None:
        """Close the connection; who has not been told anything is told why."""
        cycle = self.cycle
        is_untold = cycle is None or cycle.response_complete or not getattr(cycle, "response_started", False)
        if getattr(self, "scope", None) is None:
            self.transport.close()  # nothing was ever asked here
        elif reason != "answer" and is_untold and not self.transport.is_closing():
            if cycle is not None:
                cycle.disconnected = True
            self._say_and_close(408, too_slow(reason))
        else:
            self.transport.abort()

    @property
    def _is_leaving(self) -> bool:
        return getattr(self.server_state, "is_leaving", False)

    def send_400_response(self, msg: str) -> None:
        fix = "Percent-encode the address, and send what HTTP/1.1 allows."
        self._say_and_close(400, BadInput("request_malformed", msg, fix=fix))

    def _say_and_close(self, status: int, error: TacitError) -> None:
        response = problem_response(error, uuid.uuid4().hex)
        self.transport.write(
            STATUS_LINE[status] + raw_lines(response.raw_headers) + b"connection: close\r\n\r\n" + response.body
        )
        self.transport.close()

    def shutdown(self) -> None:
        # A connection that looks idle may hold a request that nobody has read yet, and whoever was promised that it
        # stays open may be sending one: for a moment more they are answered, and told that it was the last.
        if self.cycle is not None:
            self.cycle.keep_alive = False
        self.loop.call_later(_FAREWELL_SECONDS, super().shutdown)

    def on_headers_complete(self) -> None:
        self._pace.begin_body()
        if self._is_leaving:
            super().on_headers_complete()
            if self.cycle is not None:
                self.cycle.keep_alive = False
            return
        if self._is_answered_plainly():
            return
        again = None if self._questions is None else self._questions.asked_again(self)
        if again is not None:
            self.cycle = cast(Any, again)
            return
        if self._turnstile is not None and self._turnstile.turns_away(self):
            return
        asked = self._asked_plainly()
        if asked is not None:
            self.cycle = asked
            return
        super().on_headers_complete()

    def _asked_plainly(self) -> Any:
        """What stands for a request with a small body that needs no application: as much of one as we look at."""
        asked = None if self._window is None else self._window.asked(self)
        return self._questions.asked(self) if asked is None and self._questions is not None else asked

    def _is_answered_plainly(self) -> bool:
        """Whether somebody asks for what lies ready or is worked out at once, and has it, or is too late."""
        if self._lists is None:
            return False
        # Whoever is let in may come again by it.
        cast(dict[str, Any], self.scope)[CONNECTION] = self
        if self._is_looked_at:
            return False
        if self.parser.get_method() != b"GET" or not is_plain(self) or not has_no_body(self.headers):
            return False
        self._glance.is_plain(self.headers)
        self.passages = self._lists.passages_of(self.client and self.client[0], self.headers)
        return self._is_answered_in_turn(self._lists, self._glance.head)
