"""What was said of items and users in process: for tests, demonstrations and trials; gone when the process ends."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from tacit.data.catalog_edits import Decide, Result
from tacit.data.catalog_entries import ItemChange, ItemEntry, UserEntry


class MemoryCatalogStore:
    """An `EditableCatalog` that keeps what it is told, as long as it lives."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._revision = 0
        self._items: dict[str, ItemChange] = {}
        self._users: dict[str, UserEntry] = {}

    @property
    def revision(self) -> int:
        return self._revision

    def put_items(self, entries: Sequence[ItemEntry]) -> int:
        with self._lock:
            if entries:
                self._revision += 1
                self._items.update({entry.item_id: ItemChange(self._revision, entry) for entry in entries})
            return self._revision

    def edit_items(self, item_ids: Sequence[str], decide: Decide[ItemEntry, Result]) -> Result:
        with self._lock:
            entries, answer = decide({entry.item_id: entry for entry in self.items(item_ids)})
            self.put_items(entries)
            return answer

    def items(self, item_ids: Sequence[str]) -> Sequence[ItemEntry]:
        with self._lock:
            return [self._items[item_id].entry for item_id in sorted(set(item_ids)) if item_id in self._items]

    def items_after(self, item_id: str, *, limit: int) -> Sequence[ItemEntry]:
        with self._lock:
            listed = sorted(each for each, kept in self._items.items() if each > item_id and not kept.entry.deleted)
            return self.items(listed[:limit])

    def item_changes(self, after: int, *, limit: int) -> Sequence[ItemChange]:
        with self._lock:
            later = sorted(
                (kept for kept in self._items.values() if kept.revision > after),
                key=lambda kept: (kept.revision, kept.entry.item_id),
            )
        return [kept for kept in later if kept.revision <= later[min(limit, len(later)) - 1].revision]

    def put_users(self, entries: Sequence[UserEntry]) -> None:
        with self._lock:
            self._users.update({entry.user_id: entry for entry in entries})

    def edit_users(self, user_ids: Sequence[str], decide: Decide[UserEntry, Result]) -> Result:
        with self._lock:
            entries, answer = decide({entry.user_id: entry for entry in self.users(user_ids)})
            self.put_users(entries)
            return answer

    def users(self, user_ids: Sequence[str]) -> Sequence[UserEntry]:
        with self._lock:
            return [self._users[user_id] for user_id in sorted(set(user_ids)) if user_id in self._users]

    def users_after(self, user_id: str, *, limit: int) -> Sequence[UserEntry]:
        with self._lock:
            return self.users(sorted(each for each in self._users if each > user_id)[:limit])

    def remove_users(self, user_ids: Sequence[str]) -> int:
        with self._lock:
            return sum(self._users.pop(user_id, None) is not None for user_id in set(user_ids))
