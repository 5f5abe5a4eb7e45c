"""Kept lists in Redis, and in memory while Redis is away, so that an outage does not have each list made anew."""

from __future__ import annotations

from typing import Protocol

from tacit.serving.list_cache import CachedList, ListCache


class SharedCache(ListCache, Protocol):
    """A `ListCache` that says whether it can be asked at all."""

    @property
    def is_reachable(self) -> bool:
        """Whether it can."""
        ...


class SpareListCache:
    """A `ListCache` over a shared one and one of this process, of which one is asked at a time.

    A list of the spare may be older than one in the shared cache would be, which its stamp says as of any list; what
    is dropped is dropped in both.
    """

    is_immediate = False

    def __init__(self, shared: SharedCache, spare: ListCache) -> None:
        self._shared, self._spare = shared, spare

    def get(self, user_id: str, question: str) -> CachedList | None:
        return self._asked().get(user_id, question)

    def put(self, user_id: str, question: str, found: CachedList) -> None:
        self._asked().put(user_id, question, found)

    def drop(self, *user_ids: str) -> None:
        self._spare.drop(*user_ids)
        self._shared.drop(*user_ids)

    def shed(self) -> None:
        self._spare.shed()

    def close(self) -> None:
        self._shared.close()
        self._spare.close()

    def _asked(self) -> ListCache:
        return self._shared if self._shared.is_reachable else self._spare
