"""How often somebody may be wrong about a password: a few times, then ever more rarely, but never nevermore."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from tacit.errors import Limited


@dataclass(frozen=True)
class AttemptRules:
    """What one bucket allows.

    Attributes:
        free: How many wrong attempts cost no waiting.
        first_ms: How long is waited after them; twice as long after each further one.
        longest_ms: The longest wait.
        forget_ms: After so long without a wrong attempt all are forgotten.
    """

    free: int
    first_ms: int
    longest_ms: int
    forget_ms: int = 3_600_000

    def ready_at_ms(self, tally: Tally) -> int:
        """When the next attempt may be made."""
        if tally.failures < self.free:
            return 0
        return tally.last_at_ms + min(self.longest_ms, self.first_ms << min(tally.failures - self.free, 30))


OF_AN_ACCOUNT = AttemptRules(free=5, first_ms=120_000, longest_ms=1_800_000)
"""Guesses at one account from places where it never signed in, all together: 9 in the first hour, then 2 in each."""
OF_A_PLACE = AttemptRules(free=20, first_ms=5_000, longest_ms=600_000)
"""Guesses from one address at whatever accounts."""
OF_BOTH = AttemptRules(free=5, first_ms=30_000, longest_ms=1_800_000)
"""Guesses at one account from a place where it signed in before; nobody elsewhere can use them up."""


@dataclass(frozen=True)
class Tally:
    """How often it went wrong, and when last."""

    failures: int
    last_at_ms: int


class AttemptStore(Protocol):
    """Tallies by key; several processes may keep the same."""

    def tally(self, key: str) -> Tally | None: ...
    def put(self, key: str, tally: Tally) -> None: ...
    def remove(self, key: str) -> None: ...
    def forget(self, before_ms: int) -> None:
        """Remove what last went wrong before a time."""
        ...


@dataclass(frozen=True)
class Attempts:
    """Counts an attempt before it is judged, so that a thousand at once are no more than one after the other.

    Attributes:
        store: Where tallies are.
        transaction: Opens a unit of work of that store in which nobody else writes.
    """

    store: AttemptStore
    transaction: Callable[[], AbstractContextManager[object]] = nullcontext

    def take(self, keys: Mapping[str, AttemptRules], now_ms: int) -> bool:
        """Count an attempt against every key.

        Returns:
            Whether the next one has to wait, and this one had not.

        Raises:
            Limited: `sign_in_slowed`, saying how long; then nothing is counted.
        """
        with self.transaction():
            found = {key: self._tally(key, rules, now_ms) for key, rules in keys.items()}
            ready = max(rules.ready_at_ms(found[key]) for key, rules in keys.items())
            if ready > now_ms:
                raise _slowed((ready - now_ms) / 1_000)
            for key, tally in found.items():
                self.store.put(key, Tally(tally.failures + 1, now_ms))
        return any(found[key].failures + 1 == rules.free for key, rules in keys.items())

    def give_back(self, keys: Mapping[str, AttemptRules]) -> None:
        """An attempt that was not wrong after all, or not judged, does not count."""
        with self.transaction():
            for key in keys:
                tally = self.store.tally(key)
                if tally is not None and tally.failures > 1:
                    self.store.put(key, Tally(tally.failures - 1, tally.last_at_ms))
                elif tally is not None:
                    self.store.remove(key)

    def clear(self, key: str) -> None:
        """Begin to count anew."""
        with self.transaction():
            self.store.remove(key)

    def _tally(self, key: str, rules: AttemptRules, now_ms: int) -> Tally:
        tally = self.store.tally(key)
        is_past = tally is None or now_ms - tally.last_at_ms >= rules.forget_ms
        return Tally(0, now_ms) if is_past or tally is None else tally


def _slowed(seconds: float) -> Limited:
    detail = "Too many attempts to sign in failed here of late."
    return Limited("sign_in_slowed", detail, retry_after=max(1.0, seconds), fix="Wait as long as Retry-After says.")
