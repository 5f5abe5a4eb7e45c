"""Heads that need not be read, because all but their first line is as in one that was read before.

Whoever asks again on the same connection mostly says the same but for the address.  Reading such a head costs more than
the answer that lies ready for it, and much more than a refusal.
"""

from __future__ import annotations

_END = b"\r\n\r\n"
_METHOD, _VERSION = b"GET ", b" HTTP/1.1"
_LONGEST = 8_192
"""Bytes of what is looked at; more is no head of somebody who asks again and again."""

Headers = list[tuple[bytes, bytes]]


class Glance:
    """What one connection's latest plain head was.

    A head is at a glance what it is in full where the bytes behind its first line are those of a head that was read,
    found to be plain, and is the last that was read in part.

    Attributes:
        headers: Of that head.
        is_between: Whether nothing of a next request was read yet.
    """

    __slots__ = ("_arrived", "_rest", "headers", "is_between")

    def __init__(self) -> None:
        self._arrived = b""
        self._rest: bytes | None = None
        self.headers: Headers = []
        self.is_between = True

    def address(self, data: bytes) -> bytes | None:
        """The address that is asked for, if what came is one whole head like the one before."""
        if self._rest is None or not self.is_between or not data.startswith(_METHOD):
            return None
        line, _, rest = data.partition(b"\r\n")
        if rest != self._rest or not line.endswith(_VERSION):
            return None
        url = line[4:-9]
        # What may not stand in an address is for the parser to refuse; this is all that a plain one is made of.
        return url if url.startswith(b"/") and url.isascii() and url.translate(None, _PLAIN) == b"" else None

    def arrived(self, data: bytes) -> None:
        """Keep what is about to be read, as far as it may be a plain head."""
        is_whole = self.is_between and len(data) <= _LONGEST and data.endswith(_END)
        self._arrived = data if is_whole and data.startswith(_METHOD) and data.count(_END) == 1 else b""

    def is_plain(self, headers: Headers) -> None:
        """Remember the head that arrived, which was read and found to be plain; no body follows it."""
        if self._arrived:
            self._rest, self.headers = self._arrived.partition(b"\r\n")[2], headers


_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/?%"
