"""The keys that access tokens are signed with: the newest signs, the one before it still counts for a day."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tacit.adapters.key_files import key_id, private_key
from tacit.adapters.locks import flocked
from tacit.errors import Misconfigured, Refused

SETTLE_SECONDS = 10.0
"""How long a new key only verifies: by then every process knows it, and none refuses what another signed."""
OVERLAP_SECONDS = 86_400.0
"""How long the one before still verifies."""
LEAST_SECONDS = 1_200.0
"""How old a key must be before another replaces it: two count at a time, and no token is to outlive its key."""

_LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class TokenKey:
    """One key.

    Attributes:
        kid: Names it: digest of its public half.
        made_at: When it was made, in seconds since 1970.
        private: Signs.
        public: Verifies.
    """

    kid: str
    made_at: float
    private: Ed25519PrivateKey
    public: Ed25519PublicKey


class TokenKeys:
    """Keys under `<milliseconds>.key`; looked for once a second, so that every process sees a rotation.

    Args:
        folder: Where they are; made on first use.
        clock: Tells the time in seconds since 1970.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._folder, self._clock = folder, clock
        self._keys: tuple[TokenKey, ...] = ()
        self._looked_at = float("-inf")

    def signing(self) -> TokenKey:
        """The key to sign with; one is made if there is none.

        Raises:
            Misconfigured: A key file cannot be used (`key_readable`, `key_invalid`, `key_mismatch`).
        """
        keys = self._current(oldest=0.0)  # one that was dropped a moment ago must sign nothing
        if not keys:
            with self._alone():
                keys = self._read() or (self._make(),)
            self._keys = keys
        settled = [key for key in keys if self._clock() - key.made_at >= SETTLE_SECONDS]
        return settled[-1] if settled else keys[0]

    def verifying(self, *, oldest: float = _LOOK_SECONDS) -> tuple[TokenKey, ...]:
        """The keys whose tokens count: the newest, and the one before it for a day.

        Args:
            oldest: How many seconds ago, at most, they are to have been looked for.
        """
        keys, now = self._current(oldest), self._clock()
        return tuple(key for key in keys[-2:] if key is keys[-1] or now - keys[-1].made_at < OVERLAP_SECONDS)

    def rotate(self, *, drop_old: bool = False) -> tuple[str, ...]:
        """Make another key; ids of those that count now, the newest last.

        Args:
            drop_old: Let no other key count from now on, so that everybody refreshes at once: after a theft.

        Raises:
            Refused: `key_rotated_lately`, unless the others are dropped.
        """
        with self._alone():
            keys = self._read()
            if keys and not drop_old and self._clock() - keys[-1].made_at < LEAST_SECONDS:
                fix = "Wait 20 minutes, or drop the old ones if one was stolen (--drop-old)."
                raise Refused("key_rotated_lately", "The newest key is younger than 20 minutes.", fix=fix)
            new = self._make()
            for old in keys if drop_old else keys[:-1]:
                self._remove(old)
            self._keys = self._read()
        return tuple(key.kid for key in self._keys if not drop_old or key.kid == new.kid)

    def _current(self, oldest: float) -> tuple[TokenKey, ...]:
        now = time.monotonic()
        if now - self._looked_at >= oldest:
            self._looked_at = now
            if self._names() != [_name(key) for key in self._keys]:
                self._keys = self._read()
        return self._keys

    def _names(self) -> list[str]:
        found = (path.name for path in self._folder.glob("*.key")) if self._folder.is_dir() else ()
        return sorted(name for name in found if name.removesuffix(".key").isdigit())

    def _read(self) -> tuple[TokenKey, ...]:
        return tuple(self._load(self._folder / name) for name in self._names())

    def _load(self, path: Path) -> TokenKey:
        key = private_key(path, Ed25519PrivateKey.generate)
        if not isinstance(key, Ed25519PrivateKey):
            raise Misconfigured("key_invalid", f"{path} is not an Ed25519 key.", field=str(path), fix="Remove it.")
        public = key.public_key()
        return TokenKey(key_id(public), int(path.stem) / 1_000, key, public)

    def _make(self) -> TokenKey:
        newest = self._keys[-1].made_at if self._keys else 0.0
        return self._load(self._folder / f"{int(max(self._clock(), newest + 0.001) * 1_000):015d}.key")

    def _remove(self, key: TokenKey) -> None:
        path = self._folder / _name(key)
        path.unlink(missing_ok=True)
        path.with_suffix(".pub").unlink(missing_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with flocked(self._folder, fcntl.LOCK_EX):
            yield


def _name(key: TokenKey) -> str:
    return f"{round(key.made_at * 1_000):015d}.key"
