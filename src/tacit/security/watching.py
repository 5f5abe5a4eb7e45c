"""What shows that somebody copies the catalogue, or looks for a way in: many users, many errors (pure)."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from typing import Literal

Pattern = Literal["scraping", "probing", "burst"]
PATTERNS: tuple[Pattern, ...] = ("scraping", "probing", "burst")

_HOUR = 3_600.0
_LOOKED_AT = 100
_BURST_SECONDS = 1.0
_TOLD_AGAIN_SECONDS = 900.0


class Distinct:
    """About how many different texts there were, within a few per cent, in one bit for each of four times as many.

    Linear counting: the share of bits that are still unset tells how many different ones were set.

    Args:
        most: What is to be told apart from less.
    """

    __slots__ = ("_bits", "_size", "_unset")

    def __init__(self, most: int) -> None:
        self._size = max(64, 4 * most)
        self._bits, self._unset = bytearray(-(-self._size // 8)), self._size

    def add(self, text: str) -> bool:
        """Count one; whether it was surely another."""
        place = hash(text) % self._size  # differs from process to process: nobody can be named by it
        if not self._bits[place >> 3] & (1 << (place & 7)):
            self._bits[place >> 3] |= 1 << (place & 7)
            self._unset -= 1
            return True
        return False

    def count(self) -> float:
        """How many there were."""
        return self._size * math.log(self._size / max(1, self._unset))


class _Watched:
    """What one caller did of late."""

    def __init__(self, since: float, users: Distinct) -> None:
        self.since, self.users = since, users
        self.errors: deque[bool] = deque()
        self.failed = 0
        self.moments: deque[float] = deque()
        self.told: dict[str, float] = {}

    def looked(self, is_error: bool) -> None:
        """Look at one more request, and at the oldest of a hundred no more."""
        self.errors.append(is_error)
        self.failed += is_error
        if len(self.errors) > _LOOKED_AT:
            self.failed -= self.errors.popleft()


class Watcher:
    """Looks at what each caller does; never more callers, nor more users of one, are remembered than it was told.

    Args:
        users_per_hour: Different users from which on it is scraping.
        error_share: Share of errors among the last hundred from which on it is probing.
        burst: Requests in a second from which on it is a burst.
        callers: Callers watched at once; the one that was quiet for longest is forgotten first.
    """

    def __init__(
        self, *, users_per_hour: int = 2_000, error_share: float = 0.5, burst: int = 200, callers: int = 1_000
    ) -> None:
        self._users, self._errors, self._burst, self._most = users_per_hour, error_share, burst, callers
        self._watched: OrderedDict[str, _Watched] = OrderedDict()

    def note(self, caller: str, *, user_id: str | None, is_error: bool, now: float) -> tuple[Pattern, ...]:
        """Look at one request; returns what it shows, each at most once in a quarter of an hour."""
        watched = self._of(caller, now)
        watched.looked(is_error)
        is_another = user_id is not None and watched.users.add(user_id)
        watched.moments.append(now)
        while watched.moments and (now - watched.moments[0] > _BURST_SECONDS or len(watched.moments) > self._burst):
            watched.moments.popleft()
        shown = self._shown(watched, is_another=is_another)
        return tuple(each for each in shown if _is_news(watched, each, now)) if shown else ()

    def __len__(self) -> int:
        return len(self._watched)

    def _of(self, caller: str, now: float) -> _Watched:
        watched = self._watched.pop(caller, None)
        if watched is None:
            watched = _Watched(now, Distinct(self._users))
        elif now - watched.since > _HOUR:
            watched.since, watched.users = now, Distinct(self._users)
        self._watched[caller] = watched
        if len(self._watched) > self._most:
            self._watched.popitem(last=False)
        return watched

    def _shown(self, watched: _Watched, *, is_another: bool) -> list[Pattern]:
        shown: list[Pattern] = []
        if is_another and watched.users.count() >= self._users:
            shown.append("scraping")
        if len(watched.errors) == _LOOKED_AT and watched.failed >= self._errors * _LOOKED_AT:
            shown.append("probing")
        if len(watched.moments) >= self._burst:
            shown.append("burst")
        return shown


def _is_news(watched: _Watched, pattern: Pattern, now: float) -> bool:
    last = watched.told.get(pattern)
    if last is not None and now - last < _TOLD_AGAIN_SECONDS:
        return False
    watched.told[pattern] = now
    return True
