"""The histories by which scores were explained last, each prepared once.

Most of what explaining takes is of the history alone, and whoever asks for one list soon asks for another.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from tacit.models.recommender.engines.explaining import Explainer

MOST_BYTES = 16 << 20
"""Of all that are kept together: some 250 histories of sixty items, at 128 factors."""

Key = int | tuple[bytes, ...]
"""A user of the version, or all that a history holds."""


class KeptExplainers:
    """Keeps explainers by what tells their histories apart.

    Args:
        most_bytes: How much they may take; the one asked for longest ago goes first.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, Explainer] = OrderedDict()
        self._bytes = 0

    @property
    def memory_bytes(self) -> int:
        """What they take together."""
        return self._bytes

    def of(self, key: Key, make: Callable[[], Explainer]) -> Explainer:
        """The explainer of a history, made unless it is kept."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        made = make()  # twice, if two ask at once
        with self._lock:
            before = self._kept.pop(key, None)
            self._kept[key] = made
            self._bytes += _size(key, made) - (0 if before is None else _size(key, before))
            while self._bytes > self._most_bytes:
                self._bytes -= _size(*self._kept.popitem(last=False))
        return made


def _size(key: Key, explainer: Explainer) -> int:
    return explainer.memory_bytes + (sum(map(len, key)) if isinstance(key, tuple) else 0)
