"""Keys in process: for tests, demonstrations and trials; gone when the process ends."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tacit.security.key_store import KeyUse, Standing, check_not_ended, key_taken
from tacit.security.keys import ApiKey, KeySecret, key_unknown


class MemoryKeyStore:
    """A `KeyStore` that keeps what it is told, as long as it lives."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._keys: dict[str, ApiKey] = {}
        self._uses: dict[str, KeyUse] = {}
        self._standing = Standing()

    def add(self, key: ApiKey) -> None:
        with self._lock:
            if key.key_id in self._keys:
                raise key_taken()
            self._kept(key)

    def key(self, key_id: str) -> ApiKey | None:
        return self._keys.get(key_id)

    def keys(self) -> Sequence[ApiKey]:
        with self._lock:
            return sorted(self._keys.values(), key=lambda key: (-key.created_at_ms, key.key_id))

    def alive(self, now_ms: int) -> Sequence[ApiKey]:
        return [key for key in self.keys() if key.is_alive(now_ms)]

    def rotate(self, key_id: str, secret: KeySecret, *, old_until_ms: int) -> ApiKey:
        with self._lock:
            key = self._known(key_id)
            check_not_ended(key, secret.made_at_ms)
            return self._kept(key.rotated(secret, old_until_ms=old_until_ms))

    def revoke(self, key_id: str, *, by: str, at_ms: int) -> ApiKey:
        with self._lock:
            key = self._known(key_id)
            if key.revoked_at_ms is not None:
                return key
            return self._kept(replace(key, revoked_at_ms=at_ms, revoked_by=by))

    def standing(self) -> Standing:
        return self._standing

    def require(self, is_required: bool) -> Standing:
        with self._lock:
            if is_required != self._standing.is_required:
                self._standing = Standing(self._standing.revision + 1, is_required)
            return self._standing

    def note_uses(self, uses: Mapping[str, KeyUse]) -> None:
        with self._lock:
            for key_id, use in uses.items():
                before = self._uses.get(key_id)
                self._uses[key_id] = use if before is None else before.added(use)

    def uses(self) -> Mapping[str, KeyUse]:
        with self._lock:
            return dict(self._uses)

    def _known(self, key_id: str) -> ApiKey:
        if key_id not in self._keys:
            raise key_unknown()
        return self._keys[key_id]

    def _kept(self, key: ApiKey) -> ApiKey:
        self._keys[key.key_id] = key
        self._standing = replace(self._standing, revision=self._standing.revision + 1)
        return key
