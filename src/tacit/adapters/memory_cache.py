"""Lists kept in process: bounded, and gone when the process ends."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from tacit.serving.list_cache import CachedList

LONGEST_SECONDS = 3_600.0
"""How long any list is kept."""

USUAL_LENGTH = 20
"""Items of a usual list; one of 1,000 takes the place of fifty such, or the longest lists would take gigabytes."""


class MemoryListCache:
    """A `ListCache` of the lists used last.

    Args:
        capacity: How many lists of the usual length are kept; the one used longest ago is forgotten first.
        seconds: How long each is kept.
        clock: Tells the time in seconds since 1970.
    """

    is_immediate = True

    def __init__(
        self,
        *,
        capacity: int = 10_000,
        seconds: float = LONGEST_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._capacity = capacity
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._lists: OrderedDict[tuple[str, str], CachedList] = OrderedDict()
        self._questions: dict[str, set[str]] = {}
        self._items = 0

    def get(self, user_id: str, question: str) -> CachedList | None:
        with self._lock:
            found = self._lists.get((user_id, question))
            if found is None:
                return None
            if self._clock() * 1_000 - found.stored_at_ms > self._seconds * 1_000:
                self._forget(user_id, question)
                return None
            self._lists.move_to_end((user_id, question))
            return found

    def put(self, user_id: str, question: str, found: CachedList) -> None:
        with self._lock:
            if (user_id, question) in self._lists:
                self._forget(user_id, question)
            self._lists[user_id, question] = found
            self._items += len(found.items)
            self._questions.setdefault(user_id, set()).add(question)
            while len(self._lists) > self._capacity or self._items > self._capacity * USUAL_LENGTH:
                self._forget(*next(iter(self._lists)))

    def drop(self, *user_ids: str) -> None:
        with self._lock:
            for user_id in user_ids:
                for question in self._questions.pop(user_id, ()):
                    self._items -= len(self._lists.pop((user_id, question)).items)

    def shed(self) -> None:
        with self._lock:
            self._lists.clear()
            self._questions.clear()
            self._items = 0

    def close(self) -> None:
        self.shed()

    def _forget(self, user_id: str, question: str) -> None:
        self._items -= len(self._lists.pop((user_id, question)).items)
        left = self._questions[user_id]
        left.discard(question)
        if not left:
            del self._questions[user_id]
