"""Connections to Redis that keep a deadline, which the driver's own timeouts do not.

The driver bounds each read, so that a server that answers a byte at a time, or each step of greeting it late, may hold
a caller for many times as long.  Here all that one call waits for, connecting included, ends at its thread's deadline.
"""

from __future__ import annotations

import math
import socket
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.connection import Connection, ConnectionPool
from redis.retry import Retry

from tacit.adapters.deadlines import remaining
from tacit.errors import Misconfigured

SCHEMES = ("redis", "rediss", "unix")
OPTIONS = {"db", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}
"""What an address may ask for behind its `?`."""


def _left() -> float | None:
    """How long this thread may still wait; a driver that is told 0 would not wait at all, but not time out either."""
    left = remaining()
    if left <= 0:
        raise TimeoutError("timed out")
    return None if left == math.inf else left


class _Socket(socket.socket):
    """A socket that waits no longer than its thread's deadline."""

    def recv(self, *arguments: Any) -> bytes:
        if self.gettimeout() != 0:  # the driver peeks without waiting
            self.settimeout(_left())
        return super().recv(*arguments)

    def recv_into(self, *arguments: Any) -> int:
        if self.gettimeout() != 0:
            self.settimeout(_left())
        return super().recv_into(*arguments)

    def sendall(self, *arguments: Any) -> None:
        self.settimeout(_left())
        super().sendall(*arguments)


class _Address:
    """Where a host is: looked up when asked to, never while somebody connects."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self.current = host

    def look_up(self) -> None:
        with suppress(OSError, UnicodeError):  # then it is where it was
            self.current = str(socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)[0][4][0])


class _Connection(Connection):
    """A connection over such a socket."""

    def __init__(self, *, address: _Address, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._address = address

    def _connect(self) -> socket.socket:
        self.host, self.socket_connect_timeout = self._address.current, _left()
        plain: socket.socket = super()._connect()  # type: ignore[no-untyped-call]
        return _Socket(plain.family, plain.type, plain.proto, fileno=plain.detach())


def check_url(url: str) -> None:
    """Refuse what is no address of a Redis, without repeating it: it may hold a password.

    Raises:
        Misconfigured: `setting_invalid`.
    """
    try:
        parts = urlsplit(url)
        is_fit = parts.scheme in SCHEMES and bool(parts.hostname or parts.path) and parts.port != 0
        # Whatever else could be asked for there would stand above our own timeouts and bounds.
        is_fit = is_fit and set(parse_qs(parts.query, strict_parsing=bool(parts.query))) <= OPTIONS
    except ValueError:
        is_fit = False
    if not is_fit:
        raise Misconfigured(
            "setting_invalid",
            "cache.redis_url is no address of a Redis.",
            field="cache.redis_url",
            fix="Write it as redis://:password@host:6379/0, rediss://… for TLS, or unix:///path.",
        )


class RedisLink:
    """A client of a pool that opens no more than so many connections, waits for none, and tries nothing twice.

    Making one connects nothing, but looks up the host's name, as `refresh` does, which may take as long as the resolver
    takes: connections are made while somebody waits for an answer, so they must not begin with a question to a name
    server.  (With TLS they do: the certificate is for the name.)
    """

    def __init__(self, url: str, *, seconds: float, connections: int) -> None:
        self._address: _Address | None = None
        self._pool = ConnectionPool.from_url(
            url,
            max_connections=connections,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            retry=Retry(NoBackoff(), 0),
            retry_on_timeout=False,
            protocol=2,  # the third asks for notices that nobody here reads
            driver_info=None,
        )
        if self._pool.connection_class is Connection:
            options = self._pool.connection_kwargs
            self._address = _Address(options.get("host", "localhost"), int(options.get("port", 6379)))
            self._pool.connection_class = _Connection
            options["address"] = self._address
            self._address.look_up()
        self.client = Redis(connection_pool=self._pool)

    def refresh(self) -> None:
        """Let go of connections that nobody uses, which may be dead, and look the name up again."""
        self._pool.disconnect(inuse_connections=False)
        if self._address is not None:
            self._address.look_up()

    def close(self) -> None:
        """Let go of every connection."""
        self._pool.disconnect()
