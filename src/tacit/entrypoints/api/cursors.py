"""Where the next page of a list begins, as a word that means something to us alone (pure)."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b

from tacit.errors import BadInput

_DIGEST_BYTES = 6


def cursor_of(last: str) -> str:
    """The cursor of the page behind an id."""
    raw = last.encode()
    return urlsafe_b64encode(_digest(raw) + raw).rstrip(b"=").decode()


def place_of(cursor: str) -> str:
    """The id behind which a page begins; the first begins behind the empty one, and its cursor is empty.

    The digest finds what was cut off or made up.  It keeps nobody out: a cursor leads to no place that an honest reader
    of the list does not come past.  Nothing else is asked of the id: a list holds what imports brought, some of which
    nobody may send us.

    Raises:
        BadInput: `cursor_invalid`.
    """
    if not cursor:
        return ""
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        digest, last = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
        # No id holds a NUL, and not every database can be asked for one.
        if digest == _digest(last) and b"\0" not in last and cursor == cursor_of(last.decode()):
            return last.decode()
    except (binascii.Error, UnicodeError):
        pass
    raise BadInput(
        "cursor_invalid",
        "This is no cursor of ours.",
        field="cursor",
        fix="Send `next_cursor` of the page before, unchanged, or an empty one to begin.",
    )


def _digest(raw: bytes) -> bytes:
    return blake2b(raw, digest_size=_DIGEST_BYTES, person=b"tacit-cursor").digest()
