"""Where the server listens, and for how long it ends: known to whoever supervises it without loading it."""

from __future__ import annotations

import socket

from tacit.errors import Misconfigured

SHUTDOWN_SECONDS = 9
"""How long requests under way may take to end; with all that is closed afterwards, a process ends within ten."""
_BACKLOG = 2_048


def address_of(host: str, port: int) -> str:
    """Where a browser on this machine finds what listens there."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def listen_on(host: str, port: int, *, is_open: bool = True) -> socket.socket:
    """A socket that listens, or only holds the port so far.

    Raises:
        Misconfigured: `port_unavailable`.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    held = socket.socket(family, socket.SOCK_STREAM)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        held.bind((host, port))
        if is_open:
            held.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        held.close()
        raise Misconfigured(
            "port_unavailable",
            f"Cannot listen on {host}:{port}: {error}.",
            field="port",
            fix="Choose another port (TACIT_PORT), or stop what uses it.",
        ) from error
    return held
