"""What was worked out of histories last, each once: whoever asks for one list soon asks for another."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from tacit.models.recommender.engines.interfaces import Floats, Positions
from tacit.models.recommender.folding import Against

MOST_BYTES = 16 << 20
"""Of all that is kept together: explainers of some 250 histories of sixty items at 128 factors, or as much as a second
voice says to some 1,000 users."""

Key = int | tuple[bytes, ...]
"""A user of the version, or all that a history holds."""

T = TypeVar("T")


def key_of(items: Positions, values: Floats, *, against: Against, row: int | None) -> Key:
    """What tells a history apart: whose it is, if it is one of the version's users'."""
    if row is not None:
        return row
    return (items.tobytes(), values.tobytes(), against.items.tobytes(), against.values.tobytes())


class KeptByHistory(Generic[T]):
    """Keeps what was made of histories by what tells these apart.

    Args:
        size: How many bytes such a thing takes.
        most_bytes: How much they may take together; the one asked for longest ago goes first.
    """

    def __init__(self, size: Callable[[T], int], most_bytes: int = MOST_BYTES) -> None:
        self._size, self._most_bytes = size, most_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, T] = OrderedDict()
        self._bytes = 0

    @property
    def memory_bytes(self) -> int:
        """What they take together."""
        return self._bytes

    def of(self, key: Key, make: Callable[[], T]) -> T:
        """What was made of a history, made unless it is kept."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        made = make()  # twice, if two ask at once
        with self._lock:
            before = self._kept.pop(key, None)
            self._kept[key] = made
            self._bytes += self._bytes_of(key, made) - (0 if before is None else self._bytes_of(key, before))
            while self._bytes > self._most_bytes:
                self._bytes -= self._bytes_of(*self._kept.popitem(last=False))
        return made

    def _bytes_of(self, key: Key, made: T) -> int:
        return self._size(made) + (sum(map(len, key)) if isinstance(key, tuple) else 0)
