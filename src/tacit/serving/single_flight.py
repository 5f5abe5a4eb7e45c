"""One computation for all who ask the same thing at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Computes for the first who asks, and has those who ask meanwhile wait for the same result, or the same error."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[Hashable, Future[T] | None] = {}

    def run(self, key: Hashable, compute: Callable[[], T], *, seconds: float | None = None) -> T:
        """What is computed for a key, once among all who ask for it at one time.

        Args:
            key: What is asked.
            compute: Computes it.
            seconds: How long somebody else's computation is waited for; then our own is begun.
        """
        flight = self._joined(key)
        if flight is None:
            return self._computed(key, compute)
        try:
            return flight.result(seconds)
        except TimeoutError:
            if flight.done():
                raise
            return compute()

    def _joined(self, key: Hashable) -> Future[T] | None:
        """What is to be waited for, made for the first who waits, as mostly nobody does; nothing for who computes."""
        with self._lock:
            if key not in self._flights:
                self._flights[key] = None
                return None
            flight = self._flights[key]
            if flight is None:
                flight = self._flights[key] = Future()
            return flight

    def _computed(self, key: Hashable, compute: Callable[[], T]) -> T:
        try:
            found = compute()
        except BaseException as error:
            waited_for = self._landed(key)
            if waited_for is not None:
                waited_for.set_exception(error)
            raise
        waited_for = self._landed(key)
        if waited_for is not None:
            waited_for.set_result(found)
        return found

    def _landed(self, key: Hashable) -> Future[T] | None:
        with self._lock:
            return self._flights.pop(key)
