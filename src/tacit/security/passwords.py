"""What a password must be, and who turns one into something that can be kept."""

from __future__ import annotations

import unicodedata
from typing import Protocol

from tacit.errors import BadInput
from tacit.security.common_passwords import is_common

SHORTEST, LONGEST = 12, 128
"""Characters of a password."""


class PasswordHasher(Protocol):
    """Makes and checks hashes that are slow to guess from; few at a time, so that others get on."""

    def hashed(self, password: str) -> str:
        """Raises `Unavailable` (`sign_in_busy`) while too many wait."""
        ...

    def matches(self, kept: str | None, password: str) -> bool:
        """Whether a password is the one of a hash; without a hash it takes as long and is never so.

        Raises:
            Unavailable: `sign_in_busy` while too many wait.
        """
        ...

    def is_outdated(self, kept: str) -> bool:
        """Whether a hash was made with other costs than those now in force."""
        ...


def normal(password: str) -> str:
    """A password as it is hashed: what looks the same is the same, however a keyboard composed it."""
    return unicodedata.normalize("NFC", password)


def checked_password(password: str, *, login: str) -> str:
    """A new password, if it may be one.

    Raises:
        BadInput: `password_short`, `password_long`, `password_unreadable` or `password_common`.
    """
    wanted = normal(password)
    if len(wanted) < SHORTEST:
        detail = f"The password has {len(wanted)} characters; it needs {SHORTEST} at least."
        raise BadInput("password_short", detail, field="password", fix="Several words in a row are good.")
    if len(wanted) > LONGEST:
        detail = f"The password has {len(wanted)} characters; {LONGEST} are the most, and none is ever cut off."
        raise BadInput("password_long", detail, field="password", fix="Take a shorter one.")
    if "\0" in wanted or not _is_text(wanted):
        raise BadInput("password_unreadable", "The password holds what is no character.", field="password")
    if is_common(wanted, login=login):
        detail = "The password is one of those that are tried first."
        fix = "Take several words that have nothing to do with each other."
        raise BadInput("password_common", detail, field="password", fix=fix)
    return wanted


def can_be_one(password: str) -> bool:
    """Whether a password that somebody signs in with can be anybody's at all."""
    return len(password) <= 4 * LONGEST and len(normal(password)) <= LONGEST and _is_text(password)


def _is_text(password: str) -> bool:
    try:
        password.encode()
    except UnicodeEncodeError:
        return False
    return True
