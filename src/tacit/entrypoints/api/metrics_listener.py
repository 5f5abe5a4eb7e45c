"""The listener that Prometheus scrapes, apart from the one that users reach."""

from __future__ import annotations

from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server

from tacit.errors import Misconfigured


class MetricsListener:
    """Serves `/metrics` from a thread, between `start` and `stop`; also as a context manager.

    Args:
        registry: What to export.
        host: Address to listen on.
        port: Port to listen on; 0 takes any that is free.
    """

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        self._registry = registry
        self._host = host
        self._asked_port = port
        self._running: tuple[WSGIServer, Thread] | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._asked_port if self._running is None else self._running[0].server_port

    def start(self) -> None:
        """Listen.

        Raises:
            Misconfigured: `port_unavailable`.
        """
        try:
            self._running = start_http_server(self._asked_port, self._host, self._registry)
        except (OSError, OverflowError) as error:
            raise Misconfigured(
                "port_unavailable",
                f"/metrics cannot listen on {self._host}:{self._asked_port}: {error}.",
                field="metrics_port",
                fix="Choose another port, or stop what uses it.",
            ) from error

    def stop(self) -> None:
        """Listen no longer."""
        if self._running is not None:
            server, thread = self._running
            server.shutdown()
            server.server_close()
            thread.join()
            self._running = None

    def __enter__(self) -> MetricsListener:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
