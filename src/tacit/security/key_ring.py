"""The keys that hold, in memory: who sends one is known in microseconds, and a revoked one is let go in a second."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from tacit.errors import TacitError, Unavailable
from tacit.security import keys
from tacit.security.credentials import credentials_invalid
from tacit.security.key_store import KeyStore, KeyUse, Standing
from tacit.security.keys import ApiKey
from tacit.security.principals import Principal

FRESH_SECONDS = 5.0
"""For how long it counts what was read last: until then a key that is not there is none, and not only not yet heard of.

By this time a key is revoked everywhere; the store is asked several times as often.
"""
_DIGESTS = 1_024
"""Digests that are remembered, of the keys sent last."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read last."""

    standing: Standing | None = None
    keys: Mapping[str, ApiKey] = field(default_factory=dict)
    principals: Mapping[str, Principal] = field(default_factory=dict)
    read_at: float = float("-inf")


def _silent(_: Exception | None) -> None:
    """Tell nobody."""


class KeyRing:
    """A `CredentialChecker` of API keys, which follows a store.

    Where the store cannot be asked, keys that are known go on to hold for a while, revoked or not; of any other key
    nobody can say then whether it holds, and that is what its sender is told.

    Args:
        store: Where keys are kept.
        pepper: This installation's secret, under which their digests were made; asked once, at the start.
        clock_ms: The time, by which keys expire.
        timer: Seconds that never go back.
        told: Told why the store cannot be asked, once, and `None` when it can be again.
        poll_seconds: How often it is asked whether something changed.
        keep_seconds: How long known keys hold without it.
        note_seconds: How often uses are written down.
    """

    is_immediate = True

    def __init__(
        self,
        store: KeyStore,
        pepper: Callable[[], bytes],
        *,
        clock_ms: Callable[[], int],
        timer: Callable[[], float] = time.monotonic,
        told: Callable[[Exception | None], None] = _silent,
        poll_seconds: float = 1.0,
        keep_seconds: float = 600.0,
        note_seconds: float = 10.0,
    ) -> None:
        self._store = store
        self._make_pepper = pepper
        self._pepper = b""
        # A keyed digest costs more than all else here, and whoever asks often sends the same key each time.
        self._digested = lru_cache(maxsize=_DIGESTS)(lambda text: keys.digest_of(text, self._pepper))
        self._clock_ms, self._timer, self._told = clock_ms, timer, told
        self._poll_seconds, self._keep_seconds, self._note_seconds = poll_seconds, keep_seconds, note_seconds
        self._known = _Known()
        self._uses: dict[str, list[int]] = {}
        self._noting, self._following = threading.Lock(), threading.Lock()
        self._failing: set[str] = set()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_required(self) -> bool:
        """Whether the switch says that everybody must say who they are; as it was when the store was last asked."""
        standing = self._known.standing
        return standing is None or standing.is_required

    def principal(self, credential: str) -> Principal | None:
        if not credential.startswith(keys.PREFIX):
            return None
        known, now_ms = self._known, self._clock_ms()
        key_id = keys.key_id_in(credential) or ""
        age = self._timer() - known.read_at
        if self._holds(credential, known.keys.get(key_id), now_ms):
            if age > max(FRESH_SECONDS, self._keep_seconds):
                raise _unavailable()
            self._add(key_id, 1, now_ms)
            return known.principals[key_id]
        if age > FRESH_SECONDS:
            raise _unavailable()
        raise credentials_invalid()

    def lasting(self, credential: str) -> Callable[[], bool] | None:
        """How to find out that a key, which holds now, still does, for less than looking at it again.

        What is returned counts a use; once it says no, the key must be looked at.
        """
        known, now_ms = self._known, self._clock_ms()
        key_id = keys.key_id_in(credential) or ""
        key = known.keys.get(key_id)
        if key is None or not self._holds(credential, key, now_ms):
            return None
        ends = [each.ends_at_ms for each in key.secrets if each.ends_at_ms is not None]
        until_ms = min([*ends, math.inf if key.expires_at_ms is None else key.expires_at_ms])

        def holds_on() -> bool:
            now, now_ms = self._known, self._clock_ms()
            if now.keys is not known.keys or now_ms >= until_ms or self._timer() - now.read_at > FRESH_SECONDS:
                return False
            self._add(key_id, 1, now_ms)
            return True

        return holds_on

    def start(self) -> None:
        """Read all keys, then follow the store in a thread until `stop`.

        Raises:
            Unavailable: It cannot be asked: then nobody knows whether the switch is thrown.
        """
        self._pepper = self._make_pepper()
        self._digested.cache_clear()
        self.refresh()
        self._thread = threading.Thread(target=self._run, name="keys", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Follow no longer, and write down what was used."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        self._try(self.note)

    def poll(self) -> None:
        """`refresh`, where what goes wrong is told of, once: what is known stays in force for a while."""
        self._try(self.refresh)

    def refresh(self) -> None:
        """Know what is so now; nothing where `start` was never called.

        Raises:
            Unavailable: The store cannot be asked.
        """
        if not self._pepper:
            return
        with self._following:
            begun, standing, known = self._timer(), self._store.standing(), self._known
            if known.standing is None or standing.revision != known.standing.revision:
                alive = {key.key_id: key for key in self._store.alive(self._clock_ms())}
                principals = {key_id: key.principal() for key_id, key in alive.items()}
                self._known = _Known(standing, alive, principals, begun)
            else:
                self._known = _Known(standing, known.keys, known.principals, begun)

    def note(self) -> None:
        """Write down what was used since the last time.

        Raises:
            Unavailable: It cannot be; it is kept for the next time.
        """
        with self._noting:
            uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            self._store.note_uses({key_id: KeyUse(count, last) for key_id, (count, last) in uses.items()})
        except BaseException:
            for key_id, (count, last) in uses.items():
                self._add(key_id, count, last)
            raise

    def _holds(self, credential: str, key: ApiKey | None, now_ms: int) -> bool:
        digest = self._digested(credential) if len(credential) <= keys.LENGTH else None
        return keys.holds(credential, key, pepper=self._pepper, now_ms=now_ms, digest=digest)

    def _add(self, key_id: str, count: int, at_ms: int) -> None:
        with self._noting:
            use = self._uses.get(key_id)
            if use is None:
                self._uses[key_id] = [count, at_ms]
            else:
                use[0] += count
                use[1] = max(use[1], at_ms)

    def _run(self) -> None:
        noted_at = self._timer()
        while not self._stopped.wait(self._poll_seconds):
            self.poll()
            if self._timer() - noted_at >= self._note_seconds:
                noted_at = self._timer()
                self._try(self.note)

    def _try(self, deed: Callable[[], None]) -> None:
        try:
            deed()
        except Exception as error:
            if deed.__name__ not in self._failing:
                self._told(error)
            self._failing.add(deed.__name__)
        else:
            if deed.__name__ in self._failing:
                self._told(None)
            self._failing.discard(deed.__name__)


def _unavailable() -> TacitError:
    detail = "Whether this key holds cannot be told now: the store of keys does not answer."
    return Unavailable("keys_unavailable", detail, fix="Try again in a moment.")
