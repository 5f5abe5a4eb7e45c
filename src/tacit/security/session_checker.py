"""Who asks with the cookie of a browser session."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tacit.security.accounts import principal_of
from tacit.security.principals import Principal
from tacit.security.sign_ins import SignIns

COOKIE = "__Host-tacit"
"""Name of the cookie: the prefix has browsers take it from this very host alone, over TLS or on their own machine."""

KNOWN_SECONDS = 2.0
"""How long an answer of the database counts: a session that is revoked elsewhere ends here within this."""

_MOST, _LONGEST = 10_000, 200


@dataclass(frozen=True)
class _Answer:
    principal: Principal | None
    session_id: str
    until: float


class SessionChecker:
    """The `CookieChecker` of browser sessions; asks the database about each at most every other second.

    Args:
        sign_ins: Knows whose a session is.
        clock: Tells passing time in seconds.
    """

    is_immediate = False
    cookie = COOKIE

    def __init__(self, sign_ins: SignIns, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._sign_ins, self._clock = sign_ins, clock
        self._answers: dict[str, _Answer] = {}
        self._lock = threading.Lock()

    def principal(self, credential: str) -> Principal | None:
        """Who asks with the value of a cookie; `None` if it is no session's, or that of one that is over.

        Raises:
            Unavailable: The database cannot be asked.
        """
        known, now = self._answers.get(credential), self._clock()
        if known is None or known.until <= now:
            known = self._asked(credential, now)
        return None if self._sign_ins.revocations.has(known.session_id) else known.principal

    def from_cookie(self, cookie_header: str) -> Principal | None:
        """The same of a whole `Cookie` header."""
        value = cookie_value(cookie_header)
        return None if value is None else self.principal(value)

    def _asked(self, value: str, now: float) -> _Answer:
        found = self._sign_ins.session_of(value) if len(value) <= _LONGEST else None
        if found is None:
            return _Answer(None, "", now)
        session, account = found
        answer = _Answer(
            principal_of(account.account_id, account.role, account.user_id), session.session_id, now + KNOWN_SECONDS
        )
        with self._lock:
            if len(self._answers) >= _MOST:
                self._answers = {each: kept for each, kept in self._answers.items() if kept.until > now}
            if len(self._answers) < _MOST:
                self._answers[value] = answer
        return answer


def cookie_value(header: str) -> str | None:
    """The value of our cookie in a `Cookie` header; `None` if it is not there, or there twice."""
    pairs = (each.partition("=") for each in header.split(";"))
    found = [value.strip() for key, _, value in pairs if key.strip() == COOKIE]
    return found[0] if len(found) == 1 and found[0] else None
