"""What was revoked of late, kept at hand, so that no request has to ask the database for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tacit.security.sessions import SessionStore

LOOK_SECONDS = 1.0
"""How often is looked: what another process revoked is in force here within this, and what reading takes."""

REACH_MS = 20 * 60_000
"""How far back is looked: longer than an access token lasts, and than two clocks are apart."""


class Revocations:
    """Sign-ins that were revoked while a token of theirs may still be about.

    Where the store cannot be read, what was known stays known: nothing can be revoked in it meanwhile either.
    """

    def __init__(self, store: SessionStore, clock: Callable[[], int]) -> None:
        self._store, self._clock = store, clock
        self._known: frozenset[str] = frozenset()
        self._told: dict[str, int] = {}
        self._lock = threading.Lock()

    def has(self, session_id: str) -> bool:
        """Whether a sign-in was revoked."""
        return session_id in self._known or session_id in self._told

    def tell(self, *session_ids: str) -> None:
        """It was revoked here: count it at once."""
        now = self._clock()
        with self._lock:
            self._told = {**self._told, **dict.fromkeys(session_ids, now)}

    def look(self) -> None:
        """Read what was revoked.

        Raises:
            Unavailable: The store cannot be read now.
        """
        since = self._clock() - REACH_MS
        self._known = frozenset(self._store.revoked_since(since))
        with self._lock:
            self._told = {session_id: at_ms for session_id, at_ms in self._told.items() if at_ms >= since}
