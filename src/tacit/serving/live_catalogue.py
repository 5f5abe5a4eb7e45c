"""What the catalogue's door said, in memory, so that the next answer already keeps to it.

A version is looked at through an *outlook*: where its items stand that must not be shown, and which items it does not
know.  What must not be shown is brought up to date by whoever brings news, not by those who ask, and what follows from
the clock is worked out once for the time between two expiries; so asking costs about a microsecond while nothing
happens.
"""

from __future__ import annotations

import threading
import weakref
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from tacit.data.catalog import Item
from tacit.data.catalog_entries import CatalogStore, ItemChange, ItemEntry
from tacit.serving.following import Followed
from tacit.serving.interfaces import Clock
from tacit.serving.model_pool import LoadedVersion

Positions = NDArray[np.intp]
Value = TypeVar("Value")

PAGE = 5_000
"""Entries read at once."""

_EVER = float("inf")
_AT_ONCE = int(np.iinfo(np.int64).min)
"""The moment from which an item is hidden that may not be shown at any time."""
_NONE = np.empty(0, np.intp)
_MOST_OUTLOOKS = 8
"""More versions than this are never looked at side by side."""


class LiveCatalogue(Protocol):
    """The catalogue as it is now, beside what a version was trained with."""

    @property
    def revision(self) -> int:
        """Up to which revision of the catalogue this knows."""
        ...

    def hidden(self, loaded: LoadedVersion) -> Positions:
        """Positions of a version's items that must not be shown now, ascending: unavailable, expired or deleted."""
        ...

    def newcomers(self, loaded: LoadedVersion) -> Sequence[Item]:
        """Items that may be shown now and that a version does not know, by id."""
        ...

    def entry(self, item_id: str) -> ItemEntry | None:
        """What was said of an item."""
        ...

    def said(self) -> Sequence[ItemEntry]:
        """Everything that was said, of the revision or a later one."""
        ...


class UnsaidCatalogue:
    """A `LiveCatalogue` of which nothing was said: every version's items are as it was trained."""

    revision = 0

    def hidden(self, loaded: LoadedVersion) -> Positions:
        return _NONE

    def newcomers(self, loaded: LoadedVersion) -> Sequence[Item]:
        return ()

    def entry(self, item_id: str) -> ItemEntry | None:
        return None

    def said(self) -> Sequence[ItemEntry]:
        return ()


class FollowedCatalogue:
    """A `LiveCatalogue` that follows a store; where the store cannot be read, what is known stays in force.

    Args:
        store: Keeps what was said.
        clock: Tells the time; what expires does so by it, without anybody writing anything.
    """

    def __init__(self, store: CatalogStore, clock: Clock) -> None:
        self._clock = clock
        self._entries: dict[str, ItemEntry] = {}
        self._followed: Followed[ItemChange] = Followed(
            lambda after, limit: store.item_changes(after, limit=limit), take=self._take, page=PAGE
        )
        self._outlooks: tuple[_Outlook, ...] = ()
        self._categories = (0, frozenset[str]())
        # Not held while the store is read: one that is slow to answer holds up no question.
        self._changing = threading.RLock()

    @property
    def revision(self) -> int:
        return self._followed.revision

    def refresh(self) -> int:
        """Read what was written since, and have it in force for whoever asks from now on; returns the revision.

        Raises:
            Unavailable: The store cannot be read now.
        """
        return self._followed.refresh()

    def hidden(self, loaded: LoadedVersion) -> Positions:
        return self._outlook(loaded).hidden.at(self._clock() * 1_000)

    def newcomers(self, loaded: LoadedVersion) -> Sequence[Item]:
        return self._outlook(loaded).newcomers.at(self._clock() * 1_000)

    def entry(self, item_id: str) -> ItemEntry | None:
        return self._entries.get(item_id)

    def said(self) -> Sequence[ItemEntry]:
        with self._changing:
            return tuple(self._entries.values())

    def categories(self) -> frozenset[str]:
        """Every category that was said of an item that is still there."""
        revision, named = self._categories
        if revision != self.revision:
            with self._changing:
                listed = (entry for entry in self._entries.values() if not entry.deleted)
                named = frozenset(name for entry in listed for name in entry.categories or ())
                self._categories = (self.revision, named)
        return named

    def _take(self, page: Sequence[ItemChange]) -> None:
        entries = [change.entry for change in page]
        with self._changing:
            self._entries.update((entry.item_id, entry) for entry in entries)
            for outlook in self._outlooks:
                outlook.take(entries)
                # Worked out now, so that no question waits for it.
                outlook.hidden.at(self._clock() * 1_000)

    def _outlook(self, loaded: LoadedVersion) -> _Outlook:
        return self._made(loaded) or self._make(loaded)

    def _made(self, loaded: LoadedVersion) -> _Outlook | None:
        for outlook in self._outlooks:
            if outlook.version() is loaded:
                return outlook
        return None

    def _make(self, loaded: LoadedVersion) -> _Outlook:
        with self._changing:
            made = self._made(loaded)
            if made is None:
                made = _Outlook(loaded, self._entries.values(), self._changing)
                kept = [each for each in self._outlooks if each.version() is not None]
                self._outlooks = (made, *kept[: _MOST_OUTLOOKS - 1])
        return made


@dataclass(frozen=True, slots=True)
class _Period(Generic[Value]):
    """What holds from one moment (included) to another (excluded), in milliseconds since 1970."""

    since_ms: float
    until_ms: float
    value: Value


class _Timed(Generic[Value]):
    """A value that changes only at moments known beforehand, and is worked out once for the time between two.

    Args:
        moments_ms: When it changes, ascending; asked for once.
        work_out: The value at a moment.
        lock: Held while it is worked out, and by whoever changes what it is worked out from.
    """

    def __init__(
        self, moments_ms: Callable[[], Sequence[int]], work_out: Callable[[float], Value], lock: threading.RLock
    ) -> None:
        self._moments_ms = moments_ms
        self._work_out = work_out
        self._lock = lock
        self._period: _Period[Value] | None = None

    def at(self, now_ms: float) -> Value:
        """The value at a moment, earlier ones included: a clock may be set back."""
        period = self._period
        if period is None or not period.since_ms <= now_ms < period.until_ms:
            with self._lock:
                period = self._period = self._around(now_ms)
        return period.value

    @cached_property
    def _ordered(self) -> Sequence[int]:
        return self._moments_ms()

    def _around(self, now_ms: float) -> _Period[Value]:
        place = bisect_right(self._ordered, now_ms)
        since = self._ordered[place - 1] if place else -_EVER
        until = self._ordered[place] if place < len(self._ordered) else _EVER
        return _Period(since, until, self._work_out(now_ms))


class _Outlook:
    """The catalogue's entries as one version sees them.

    The version is held weakly: one that answers no longer can go.
    """

    def __init__(self, loaded: LoadedVersion, entries: Iterable[ItemEntry], lock: threading.RLock) -> None:
        self.version = weakref.ref(loaded)
        self._rows = loaded.model.item_rows
        self._lock = lock
        self._ends: dict[int, int] = {}
        self._unknown: dict[str, ItemEntry] = {}
        self.take(entries)

    def take(self, entries: Iterable[ItemEntry]) -> None:
        """Have entries count in the place of earlier ones of their items."""
        for entry in entries:
            row = self._rows.get(entry.item_id)
            end = entry.expires_at_ms if entry.available and not entry.deleted else _AT_ONCE
            if row is not None:
                _keep(self._ends, row, end)
            else:
                _keep(self._unknown, entry.item_id, None if end == _AT_ONCE else entry)
        self.hidden = _hidden(self._ends, self._lock)
        self.newcomers = _newcomers(self._unknown, self._lock)


Key = TypeVar("Key")


def _keep(kept: dict[Key, Value], key: Key, value: Value | None) -> None:
    if value is None:
        kept.pop(key, None)
    else:
        kept[key] = value


def _hidden(ends: Mapping[int, int], lock: threading.RLock) -> _Timed[Positions]:
    """Positions by the moment from which they are hidden; laid out now, so that an expiry costs one comparison."""
    rows = np.fromiter(ends.keys(), np.intp, len(ends))
    moments = np.fromiter(ends.values(), np.int64, len(ends))
    order = np.argsort(rows)
    rows, moments = rows[order], moments[order]

    def at(now_ms: float) -> Positions:
        found = rows[moments <= now_ms]
        found.flags.writeable = False
        return found

    return _Timed(np.unique(moments[moments > _AT_ONCE]).tolist, at, lock)


def _newcomers(unknown: Mapping[str, ItemEntry], lock: threading.RLock) -> _Timed[tuple[Item, ...]]:
    """Worked out when somebody asks: while a catalogue is being filled nobody may, and there are ever more of them."""

    def at(now_ms: float) -> tuple[Item, ...]:
        return tuple(
            Item(item_id, entry.title or item_id, entry.categories or (), entry.tags or ())
            for item_id, entry in sorted(unknown.items())
            if entry.is_shown(int(now_ms))
        )

    def moments() -> Sequence[int]:
        return sorted({entry.expires_at_ms for entry in unknown.values() if entry.expires_at_ms is not None})

    return _Timed(moments, at, lock)
