"""Where the next page of a list begins, as a word that means something to us alone (pure)."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b

from tacit.entrypoints.api.texts import checked_id
from tacit.errors import BadInput

_DIGEST_BYTES = 6


def cursor_of(last: str) -> str:
    """The cursor of the page behind an id."""
    raw = last.encode()
    return urlsafe_b64encode(_digest(raw) + raw).rstrip(b"=").decode()


def place_of(cursor: str) -> str:
    """The id behind which a page begins; the first begins behind the empty one, and its cursor is empty.

    The digest finds what was cut off or made up.  It keeps nobody out: a cursor leads to no place that an honest reader
    of the list does not come past.

    Raises:
        BadInput: `cursor_invalid`.
    """
    if not cursor:
        return ""
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        digest, last = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
        if digest == _digest(last) and cursor == cursor_of(last.decode()):
            return checked_id(last.decode(), "cursor")
    except (binascii.Error, UnicodeError, BadInput):
        pass
    raise BadInput(
        "cursor_invalid",
        "This is no cursor of ours.",
        field="cursor",
        fix="Send `next_cursor` of the page before, unchanged, or an empty one to begin.",
    )


def _digest(raw: bytes) -> bytes:
    return blake2b(raw, digest_size=_DIGEST_BYTES, person=b"tacit-cursor").digest()
