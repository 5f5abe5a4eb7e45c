"""Who ever chose anything when asked: told from all others in memory, so that only they cost a read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from tacit.data.catalog_entries import UserEntry
from tacit.serving.profiles import has_chosen

_PAGE = 1_000
_MOST = 50_000
"""Entries of users beyond which they are not gone through again and again: then everybody's choices are read."""


class EntriesInOrder(Protocol):
    """Where what users chose is gone through; a `CatalogStore` is one."""

    def users_after(self, user_id: str, *, limit: int) -> Sequence[UserEntry]:
        """Entries behind a user id in the order of code points, at most so many."""
        ...


class Choosers:
    """Knows who may have chosen something; whoever is not among them did not.

    While that is not known, or was found out too long ago, anybody may have: nobody's choice is ever passed over
    because a list of those who chose could not be had.

    Args:
        entries: What users chose.
        fresh_seconds: How long what was found out counts: what another process wrote shows after that.
        clock: Seconds that never go back.
    """

    def __init__(
        self, entries: EntriesInOrder, *, fresh_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._entries = entries
        self._fresh_seconds = fresh_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._chosen: set[str] | None = None
        self._meanwhile: set[str] = set()
        self._until = 0.0
        self._are_many = False

    def told(self, user_ids: Collection[str]) -> None:
        """Hear whose choices the store accepted, once it did."""
        if self._are_many:
            return
        with self._lock:
            self._meanwhile.update(user_ids)
            if self._chosen is not None:
                self._chosen.update(user_ids)

    def may_have_chosen(self, user_id: str) -> bool:
        """Whether a user's choices have to be read."""
        chosen = self._chosen
        return chosen is None or user_id in chosen or self._clock() >= self._until

    def refresh(self) -> None:
        """Find out who chose something, a page after the other.

        Raises:
            Unavailable: It cannot be read now; what was known goes on to count as long as it would have.
        """
        if self._are_many:
            return
        with self._lock:
            self._meanwhile = set()
        began = self._clock()
        found = self._found()
        with self._lock:
            self._chosen = None if found is None else found | self._meanwhile
            self._until, self._are_many = began + self._fresh_seconds, found is None

    def _found(self) -> set[str] | None:
        """Who chose something; `None` where too many have entries to look at all of them."""
        found: set[str] = set()
        after, read = "", 0
        while page := self._entries.users_after(after, limit=_PAGE):
            after, read = page[-1].user_id, read + len(page)
            found.update(entry.user_id for entry in page if has_chosen(entry.preferences))
            if read > _MOST:
                return None
        return found
