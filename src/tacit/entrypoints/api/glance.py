"""Heads that need not be read, because all but their first line is as in one that was read before.

Whoever asks again on the same connection mostly says the same but for the address.  Reading such a head costs more than
the answer that lies ready for it, and much more than a refusal.
"""

from __future__ import annotations

_END = b"\r\n\r\n"
_METHOD, _VERSION = b"GET ", b" HTTP/1.1\r\n"
_BEGINNING = _METHOD + b"/"
_USERS, _LIST = b"/api/v1/users/", b"/recommendations"
_PARTS = _USERS.count(b"/") + 1
"""Of the path of a user's list."""
_LONGEST = 8_192
"""Bytes of what is looked at; more is no head of somebody who asks again and again."""

Headers = list[tuple[bytes, bytes]]


class Glance:
    """What one connection's latest plain head was.

    A head is at a glance what it is in full where the bytes behind its first line are those of a head that was read,
    found to be plain, and is the last that was read in part.

    Attributes:
        head: What was read last, if that may be a whole plain head.
        headers: Of that head.
        is_between: Whether nothing of a next request was read yet.
    """

    __slots__ = ("_is_nameless", "_rest", "head", "headers", "is_between")

    def __init__(self) -> None:
        self.head = b""
        self._rest: bytes | None = None
        self._is_nameless = False
        self.headers: Headers = []
        self.is_between = True

    def address(self, data: bytes) -> bytes | None:
        """The address that is asked for, if what came is one whole head like the one before."""
        rest = self._rest
        if rest is None or not self.is_between or not (data.startswith(_BEGINNING) and data.endswith(rest)):
            return None
        url = data[len(_METHOD) : -len(rest)]
        # What may not stand in an address is for the parser to refuse; this is all that a plain one is made of.
        return None if not url or url.translate(None, _PLAIN) else url

    def asks_for_list(self, url: bytes) -> bool:
        """Whether an address that was known is a user's list, and its request bears no name.

        Not whether that could be answered: enough to tell that there is no room for it.
        """
        path = url.partition(b"?")[0]
        is_list = path.startswith(_USERS) and path.endswith(_LIST) and path.count(b"/") == _PARTS
        return is_list and self._is_nameless

    def arrived(self, data: bytes) -> None:
        """Keep what is about to be read, as far as it may be a plain head."""
        is_whole = self.is_between and len(data) <= _LONGEST and data.endswith(_END)
        self.head = data if is_whole and data.startswith(_METHOD) and data.count(_END) == 1 else b""

    def is_plain(self, headers: Headers) -> None:
        """Remember the head that arrived, which was read and found to be plain; no body follows it."""
        line, ended, rest = self.head.partition(_VERSION)
        if ended and b"\n" not in line:
            self._rest, self.headers = ended + rest, headers
            self._is_nameless = all(name != b"x-request-id" for name, _ in headers)


_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/?%"
