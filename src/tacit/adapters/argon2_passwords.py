"""Passwords hashed with argon2id: slow to guess from, and only two made at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from tacit.errors import Unavailable


@dataclass(frozen=True)
class Costs:
    """What one hash costs.

    Attributes:
        memory_kib: Memory in KiB.
        passes: Passes over it.
        lanes: Lanes of it.
    """

    memory_kib: int = 19_456
    passes: int = 2
    lanes: int = 1


class Argon2Passwords:
    """A `PasswordHasher` (of `tacit.security.passwords`).

    Args:
        costs: What one hash costs.
        at_once: How many are made at the same time.
        waiting: How many may wait for that; whoever comes then is told to come again.
        patience_seconds: How long one waits.
    """

    def __init__(
        self, costs: Costs | None = None, *, at_once: int = 2, waiting: int = 8, patience_seconds: float = 2.0
    ) -> None:
        chosen = costs or Costs()
        self._argon = PasswordHasher(chosen.passes, chosen.memory_kib, chosen.lanes, type=Type.ID)
        self._room = threading.BoundedSemaphore(at_once)
        self._queue = threading.BoundedSemaphore(at_once + waiting)
        self._patience = patience_seconds
        self._nobodys: str | None = None

    def hashed(self, password: str) -> str:
        with self._place():
            return self._argon.hash(password)

    def matches(self, kept: str | None, password: str) -> bool:
        nobodys = self._of_nobody() if kept is None else None
        with self._place():
            try:
                return self._argon.verify(kept or nobodys or "", password) and kept is not None
            except (VerificationError, InvalidHashError):
                return False

    def is_outdated(self, kept: str) -> bool:
        return self._argon.check_needs_rehash(kept)

    def _of_nobody(self) -> str:
        """A hash that takes as long as any other, for accounts that are not there."""
        if self._nobodys is None:
            self._nobodys = self._argon.hash("this is nobody's")
        return self._nobodys

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._queue.acquire(blocking=False):
            raise _busy()
        try:
            if not self._room.acquire(timeout=self._patience):
                raise _busy()
            try:
                yield
            finally:
                self._room.release()
        finally:
            self._queue.release()


def _busy() -> Unavailable:
    return Unavailable("sign_in_busy", "Too many sign in at this moment.", fix="Try again in a second.")
