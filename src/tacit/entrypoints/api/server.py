"""Running the application: one process, a bounded farewell, and an address that is known before it is used."""

from __future__ import annotations

import gc
import socket
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI
from threadpoolctl import threadpool_limits
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from tacit.entrypoints.api.errors import problem_response
from tacit.entrypoints.api.event_window import EventWindow
from tacit.entrypoints.api.pace import Pace, PaceRules, too_slow
from tacit.entrypoints.api.turnstile import Turnstile
from tacit.errors import BadInput, Misconfigured, TacitError

SHUTDOWN_SECONDS = 10
_FAREWELL_SECONDS = 0.25
_TURN_SECONDS = 0.001
_COLLECTED_AFTER = (25_000, 20, 20)
"""New objects, and collections of the younger ones, between two collections; the last looks at everything there is."""


class ApiServer:
    """Listens from the moment it is made; requests wait until `run`.

    Args:
        app: The application.
        host: Address to listen on.
        port: Port to listen on; 0 takes any that is free.

    Raises:
        Misconfigured: `port_unavailable`.
    """

    def __init__(self, app: FastAPI, *, host: str = "127.0.0.1", port: int = 8_000) -> None:
        self._socket = _listen(host, port)
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app,
            loop="auto",
            http=_Protocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
        self._server = uvicorn.Server(config)

    @property
    def address(self) -> str:
        """Where a browser on this machine finds it."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def is_started(self) -> bool:
        """Whether requests are answered."""
        return self._server.started

    def run(self) -> None:
        """Answer until SIGINT, SIGTERM or `stop`; requests under way get ten seconds to end."""
        # Requests run beside each other already; one that also spread over the cores would only be in their way.
        with threadpool_limits(1, user_api="blas"), _fair_turns(), _rare_collections():
            self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Have `run` return."""
        self._server.should_exit = True


class _Protocol(HttpToolsProtocol):
    """HTTP, where what is not HTTP gets a problem document, and a farewell leaves nobody without an answer."""

    _is_leaving = False

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._window: EventWindow | None = getattr(self.app, "window", None)
        self._turnstile: Turnstile | None = getattr(self.app, "turnstile", None)
        self._pace = Pace()

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
        super().data_received(data)

    def pause_writing(self) -> None:
        self._pace.begin_waiting()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._pace.end_waiting()
        super().resume_writing()

    def on_message_begin(self) -> None:
        self._pace.begin_head()
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._pace.end_message()
        super().on_message_complete()

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

    def send_400_response(self, msg: str) -> None:
        fix = "Percent-encode the address, and send what HTTP/1.1 allows."
        self._say_and_close(400, BadInput("request_malformed", msg, fix=fix))

    def _say_and_close(self, status: int, error: TacitError) -> None:
        response = problem_response(error, uuid.uuid4().hex)
        headers = b"".join(name + b": " + value + b"\r\n" for name, value in response.raw_headers)
        self.transport.write(STATUS_LINE[status] + headers + b"connection: close\r\n\r\n" + response.body)
        self.transport.close()

    def shutdown(self) -> None:
        # A connection that looks idle may hold a request that nobody has read yet, and whoever was promised that it
        # stays open may be sending one: for a moment more they are answered, and told that it was the last.
        self._is_leaving = True
        self.loop.call_later(_FAREWELL_SECONDS, super().shutdown)

    def on_headers_complete(self) -> None:
        self._pace.begin_body()
        if self._turnstile is not None and not self._is_leaving and self._turnstile.turns_away(self):
            return
        if self._window is not None and not self._is_leaving:
            asked = self._window.asked(self)
            if asked is not None:
                self.cycle = asked  # type: ignore[assignment]  # as much of one as the protocol looks at
                return
        super().on_headers_complete()
        if self._is_leaving and self.cycle is not None:
            self.cycle.keep_alive = False


@contextmanager
def _fair_turns() -> Iterator[None]:
    """Have threads take turns more often: a request passes through several, and waits for each turn."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Have the interpreter look for cycles less often: nobody is answered meanwhile, and requests leave hardly any."""
    before = gc.get_threshold()
    gc.set_threshold(*_COLLECTED_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def serve(app: FastAPI, *, host: str, port: int, on_listening: Callable[[str], None] = lambda _: None) -> None:
    """Serve until told to stop.

    Args:
        on_listening: Told the address once it is bound, before the first answer.

    Raises:
        Misconfigured: `port_unavailable`.
    """
    server = ApiServer(app, host=host, port=port)
    on_listening(server.address)
    server.run()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2_048)
    except (OSError, OverflowError) as error:
        raise Misconfigured(
            "port_unavailable",
            f"Cannot listen on {host}:{port}: {error}.",
            field="port",
            fix="Choose another port (TACIT_PORT), or stop what uses it.",
        ) from error
