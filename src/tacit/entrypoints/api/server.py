"""Running the application: one process, a bounded farewell, and an address that is known before it is used."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI
from threadpoolctl import threadpool_limits

from tacit.errors import Misconfigured

SHUTDOWN_SECONDS = 10


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
            http="httptools",
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
        with threadpool_limits(1, user_api="blas"):
            self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Have `run` return."""
        self._server.should_exit = True


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
