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
        self._flights: dict[Hashable, Future[T]] = {}

    def run(self, key: Hashable, compute: Callable[[], T], *, seconds: float | None = None) -> T:
        """What is computed for a key, once among all who ask for it at one time.

        Args:
            key: What is asked.
            compute: Computes it.
            seconds: How long somebody else's computation is waited for; then our own is begun.
        """
        with self._lock:
            flight = self._flights.get(key)
            if flight is None:
                own = self._flights[key] = Future()
        if flight is not None:
            try:
                return flight.result(seconds)
            except TimeoutError:
                if flight.done():
                    raise
                return compute()
        try:
            own.set_result(compute())
        except BaseException as error:
            own.set_exception(error)
        finally:
            with self._lock:
                del self._flights[key]
        return own.result()
