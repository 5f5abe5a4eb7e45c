"""Requests that are answered as soon as their head was read: what stands in their place, and which may be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class AnsweredAtItsHead:
    """Stands where the HTTP server keeps the request that a connection is at, for one that needs nothing more."""

    response_complete = True
    disconnected = False
    keep_alive = True
    more_body = False

    def __init__(self) -> None:
        self.message_event = _Nobody()


class InLine(AnsweredAtItsHead):
    """The same for one whose turn has not come; whether its connection is to stay open is asked then."""

    response_complete = False


class _Nobody:
    def set(self) -> None:
        """Nobody waits for this."""


ANSWERED_AT_ITS_HEAD = AnsweredAtItsHead()


def header_lines(headers: Mapping[str, str]) -> bytes:
    """Headers as HTTP/1.1 has them on the wire."""
    return raw_lines((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items())


def raw_lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The same of headers that are bytes already."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


def is_plain(connection: Any) -> bool:
    """Whether the request whose head a connection has read may be answered at once: it waits for no other, its
    connection stays open, and whoever sent it reads what we answer.
    """
    if connection.cycle is not None and not connection.cycle.response_complete:
        return False
    parser = connection.parser
    if not parser.should_keep_alive() or parser.should_upgrade() or parser.get_http_version() != "1.1":
        return False
    return not (connection.expect_100_continue or connection.flow.write_paused)


_BODIES = frozenset({b"content-length", b"transfer-encoding"})


def has_no_body(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether nothing follows a head."""
    return not any(name in _BODIES for name, _ in headers)
