"""Running the application: one process, a bounded farewell, and an address that is known before it is used."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI
from threadpoolctl import threadpool_limits

from tacit.entrypoints.api.http_protocol import HttpProtocol
from tacit.entrypoints.api.listening import SHUTDOWN_SECONDS, address_of, listen_on
from tacit.entrypoints.api.old_objects import OldObjects, rare_collections
from tacit.entrypoints.api.turn_line import fair_turns

_GIVING_UP_SECONDS = 0.5


class ApiServer:
    """Listens from the moment it is made; requests wait until `run`.

    Args:
        app: The application; its `state.is_leaving` says whether we are on our way out.
        host: Address to listen on.
        port: Port to listen on; 0 takes any that is free.
        listener: Listens already, in place of both; others may listen on it beside us.
        leave_seconds: How long it still listens once it was told to end, so that whoever spreads requests can notice.
        on_started: Called once requests are answered.
        on_leave: Called once it is told to end.
        on_second_signal: Called when it is told so by a signal and is on its way out already.

    Raises:
        Misconfigured: `port_unavailable`.
    """

    def __init__(
        self,
        app: FastAPI,
        *,
        host: str = "127.0.0.1",
        port: int = 8_000,
        listener: socket.socket | None = None,
        leave_seconds: float = 0.0,
        on_started: Callable[[], None] = lambda: None,
        on_leave: Callable[[], None] = lambda: None,
        on_second_signal: Callable[[], None] | None = None,
    ) -> None:
        self._socket = listener or listen_on(host, port)
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app,
            loop="auto",
            http=HttpProtocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
        self._server = _Server(config, leave_seconds)
        self._server.on_started, self._server.on_leave = on_started, on_leave
        self._server.on_second_signal = on_second_signal

    @property
    def address(self) -> str:
        """Where a browser on this machine finds it."""
        return address_of(self.host, self.port)

    @property
    def is_started(self) -> bool:
        """Whether requests are answered."""
        return self._server.started

    @property
    def is_leaving(self) -> bool:
        """Whether it was told to end."""
        return self._server.is_leaving

    @property
    def still_seconds(self) -> float:
        """For how long the event loop has not turned; one that hangs is of no more use."""
        return time.monotonic() - self._server.turned_at

    def run(self) -> None:
        """Answer until SIGINT, SIGTERM or `stop`; requests under way get nine seconds to end."""
        # Requests run beside each other already; one that also spread over the cores would only be in their way.
        with threadpool_limits(1, user_api="blas"), fair_turns(), rare_collections():
            loop = (self._server.config.get_loop_factory() or asyncio.new_event_loop)()
            asyncio.set_event_loop(loop)
            try:
                loop.run_until_complete(self._server.serve(sockets=[self._socket]))
            finally:
                _close(loop)
                asyncio.set_event_loop(None)

    def stop(self) -> None:
        """Have `run` return."""
        self._server.leave()

    def signalled(self, number: int, frame: FrameType | None = None) -> None:
        """What a signal to end does, also where it comes before `run` or after."""
        self._server.handle_exit(number, frame)


class _Server(uvicorn.Server):
    """Says that it leaves before it does, and says it at once; no signal reaches anybody else while it runs."""

    on_started: Callable[[], None]
    on_leave: Callable[[], None]
    on_second_signal: Callable[[], None] | None

    def __init__(self, config: uvicorn.Config, leave_seconds: float) -> None:
        super().__init__(config)
        self.server_state.is_leaving = False  # type: ignore[attr-defined]  # each connection looks at it
        self._leave_seconds = leave_seconds
        self._leaves_at: float | None = None
        self._old_objects = OldObjects()
        self.turned_at = time.monotonic()

    @property
    def is_leaving(self) -> bool:
        return self._leaves_at is not None

    def leave(self) -> None:
        """End: not ready from now on, and gone once the time for others to notice is over."""
        if self._leaves_at is not None:
            return
        self._leaves_at = time.monotonic() + self._leave_seconds
        state = getattr(self.config.app, "state", None)
        if state is not None:
            state.is_leaving = True
        self.server_state.is_leaving = True  # type: ignore[attr-defined]
        self.on_leave()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.is_leaving:
            self.leave()
        elif self.on_second_signal is not None:
            self.on_second_signal()
        else:
            self.force_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._old_objects.set_aside()
        self.on_started()

    async def on_tick(self, counter: int) -> bool:
        self.turned_at = time.monotonic()
        self._old_objects.look_through(answered=self.server_state.total_requests)
        if self._leaves_at is not None and self.turned_at >= self._leaves_at:
            self.should_exit = True
        return await super().on_tick(counter)


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """Give up what is still at work on a loop that ends.

    A thread cannot be ended from outside: whoever waited for one that hangs would hang with it.
    """
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        _, tasks = loop.run_until_complete(asyncio.wait(tasks, timeout=_GIVING_UP_SECONDS))
    if not tasks:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


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
