"""What users hid, kept in process: for tests, demonstrations and trials; gone when the process ends."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from tacit.data.hiding import MOST_HIDDEN, HiddenItem, UserHides, too_many_hidden


class MemoryHidingStore:
    """A `HidingStore` that keeps what it is told, as long as it lives."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._revision = 0
        self._hidden: dict[str, dict[str, int]] = {}
        self._changed: dict[str, int] = {}

    def hide(self, user_id: str, item_id: str, *, at_ms: int) -> bool:
        with self._lock:
            hidden = self._hidden.get(user_id, {})
            if item_id in hidden:
                return False
            if len(hidden) >= MOST_HIDDEN:
                raise too_many_hidden()
            self._change(user_id, {**hidden, item_id: at_ms})
            return True

    def unhide(self, user_id: str, item_id: str) -> bool:
        with self._lock:
            hidden = self._hidden.get(user_id, {})
            if item_id not in hidden:
                return False
            self._change(user_id, {each: at for each, at in hidden.items() if each != item_id})
            return True

    def hidden_by(self, user_id: str) -> Sequence[HiddenItem]:
        return [HiddenItem(item_id, at_ms) for item_id, at_ms in sorted(self._hidden.get(user_id, {}).items())]

    def changes(self, after: int, *, limit: int) -> Sequence[UserHides]:
        with self._lock:
            later = sorted((revision, user) for user, revision in self._changed.items() if revision > after)[:limit]
            return [UserHides(revision, user, frozenset(self._hidden[user])) for revision, user in later]

    def _change(self, user_id: str, hidden: dict[str, int]) -> None:
        self._revision += 1
        self._hidden[user_id] = hidden
        self._changed[user_id] = self._revision
