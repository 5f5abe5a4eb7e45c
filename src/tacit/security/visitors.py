"""Visitors: people who say nothing of who they are, and are the same person next time (pure).

What makes them that is a random id, sealed by the installation, that their browser keeps.  It names nobody: nothing can
be found from it but what its bearer did here, and nobody can take another's id or a user's for theirs.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from tacit.security.principals import Principal, Scope

PREFIX = "visitor-"
"""What ids of visitors begin with, so that they are told from other users at a glance."""

VISITOR_SCOPES: frozenset[Scope] = frozenset({"lists:read", "users:read", "events:write"})
"""What a visitor may, for themselves alone."""

_ID_BYTES = 16
_SHAPE = re.compile(r"([A-Za-z0-9_-]{22})\.([0-9a-f]{1,12})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody on a page.

    Attributes:
        user_id: The user they are.
        cookie: What their browser is to keep; `None` where it keeps it already.
    """

    user_id: str
    cookie: str | None = None

    @property
    def principal(self) -> Principal:
        """Who asks, where credentials are optional: the user alone that their browser is."""
        name = f"visitor:{self.user_id.removeprefix(PREFIX)[:8]}"
        return Principal("anonymous", name, VISITOR_SCOPES, self.user_id)


class Visitors:
    """Makes visitors, and knows them again.

    Args:
        secret: Seals what browsers keep; another secret, and nobody is known any more.
        clock: Tells the time in seconds since 1970.
        keep_days: For how long somebody is known.
    """

    def __init__(self, secret: Callable[[], bytes], *, clock: Callable[[], float], keep_days: int) -> None:
        self._secret, self._clock = secret, clock
        self.keep_seconds = keep_days * 86_400

    def new(self) -> Visitor:
        """Somebody nobody met before."""
        name, since = _text(secrets.token_bytes(_ID_BYTES)), f"{int(self._clock()):x}"
        return Visitor(PREFIX + name, f"{name}.{since}.{self._seal(name, since)}")

    def known(self, cookie: str) -> Visitor | None:
        """Who keeps this; `None` where it is nothing of ours, or older than is kept."""
        parts = _SHAPE.fullmatch(cookie)
        if parts is None:
            return None
        name, since, seal = parts.groups()
        is_ours = hmac.compare_digest(seal, self._seal(name, since))
        age = self._clock() - int(since, 16)
        return Visitor(PREFIX + name) if is_ours and age < self.keep_seconds else None

    def _seal(self, name: str, since: str) -> str:
        return _text(hmac.digest(self._secret(), f"visitor:{name}.{since}".encode(), "sha256"))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
