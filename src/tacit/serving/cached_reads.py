"""What is read of single users, each kept until that user is told of; a read that fails costs freshness and no more."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, replace
from functools import partial
from typing import Generic, Protocol, TypeVar

from tacit.errors import Unavailable
from tacit.monitoring import tracing

T = TypeVar("T")

FRESH_SECONDS = 300.0
"""How long a read counts without having been told of: what another process wrote shows after that."""

READ_SECONDS = 0.05
"""How long whoever asks waits for a read, their own or another's."""


class Deadline(Protocol):
    """Asks something, and gives up on it in time: what takes longer, or fails, raises."""

    def __call__(self, ask: Callable[[], T], /) -> T: ...


def no_deadline(ask: Callable[[], T]) -> T:
    """A `Deadline` for whatever answers at once."""
    return ask()


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What is known of a user.

    Attributes:
        value: What was read.
        is_current: Whether it is what would be read now; otherwise the last that was read, or the default.
    """

    value: T
    is_current: bool = True


@dataclass(frozen=True, slots=True)
class _Entry(Generic[T]):
    value: T
    read_at: float
    is_outdated: bool = False


class CachedReads(Generic[T]):
    """Reads by user, each at most once until the user is told of.

    Args:
        read: Reads one user.
        otherwise: What holds for a user who was never read, if reading fails.
        deadline: Gives up on a read in time; asked only for a read, never to wait for one that another has begun.
        failed: Told of each read that failed.
        clock: Seconds that never go back.
        fresh_seconds: How long a read counts without having been told of.
        capacity: How many users are kept; the one asked for longest ago is forgotten first.
        wait_seconds: How long a read that another has begun is waited for.
    """

    def __init__(
        self,
        read: Callable[[str], T],
        otherwise: T,
        *,
        deadline: Deadline = no_deadline,
        failed: Callable[[Exception], None],
        clock: Callable[[], float] = time.monotonic,
        fresh_seconds: float = FRESH_SECONDS,
        capacity: int = 20_000,
        wait_seconds: float = READ_SECONDS,
    ) -> None:
        self._read = read
        self._otherwise = otherwise
        self._deadline = deadline
        self._failed = failed
        self._clock = clock
        self._fresh_seconds = fresh_seconds
        self._capacity = capacity
        self._wait_seconds = wait_seconds
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry[T]] = OrderedDict()
        self._reading: dict[str, Future[T]] = {}

    def of(self, user_id: str) -> Reading[T]:
        """What is known of a user; never raises."""
        with self._lock:
            entry = self._entries.get(user_id)
            if entry is not None:
                self._entries.move_to_end(user_id)
                if not entry.is_outdated and self._clock() - entry.read_at < self._fresh_seconds:
                    return Reading(entry.value)
        try:
            return Reading(self._read_in_time(user_id))
        except Exception as error:
            self._failed(error)
            return Reading(self._otherwise if entry is None else entry.value, is_current=False)

    def known(self, user_id: str) -> T | None:
        """What would be answered without reading anything; `None` where a read is due."""
        entry = self._entries.get(user_id)
        if entry is None or entry.is_outdated or self._clock() - entry.read_at >= self._fresh_seconds:
            return None
        return entry.value

    def outdate(self, user_ids: Collection[str]) -> None:
        """Say that users changed: each is read again when asked for."""
        with self._lock:
            for user_id in user_ids:
                self._reading.pop(user_id, None)
                entry = self._entries.get(user_id)
                if entry is not None:
                    self._entries[user_id] = replace(entry, is_outdated=True)

    def _read_in_time(self, user_id: str) -> T:
        """Read a user, or wait for whoever does: here, where a read that hangs takes up nobody else's place."""
        with self._lock:
            others = self._reading.get(user_id)
            if others is None:
                own = self._reading[user_id] = Future()
        if others is not None:
            return _in_time(others, self._wait_seconds)
        try:
            with tracing.step("store"):
                return self._deadline(partial(self._read_now, user_id, own))
        except BaseException:
            # One that never began would never end: whoever waits is told, and whoever comes next reads.
            if own.cancel():
                with self._lock:
                    self._is_last(user_id, own)
            raise

    def _read_now(self, user_id: str, own: Future[T]) -> T:
        """Read a user, and keep what comes, even after its deadline.

        Else a user whose read takes long would never be known, and be read by all who ask.
        """
        if not own.set_running_or_notify_cancel():
            # Begun only after its deadline, with nobody waiting: what it brings is worth as much as any late read's.
            own = Future()
            with self._lock:
                self._reading.setdefault(user_id, own)
        try:
            value = self._read(user_id)
        except BaseException as error:
            with self._lock:
                self._is_last(user_id, own)
            own.set_exception(error)
            raise
        with self._lock:
            # Told of meanwhile, the value may be from before: it is answered with, and not kept.
            if self._is_last(user_id, own):
                self._keep(user_id, value)
        own.set_result(value)
        return value

    def _is_last(self, user_id: str, own: Future[T]) -> bool:
        """End a read; whether its user was not told of since it began."""
        if self._reading.get(user_id) is not own:
            return False
        del self._reading[user_id]
        return True

    def _keep(self, user_id: str, value: T) -> None:
        self._entries[user_id] = _Entry(value, self._clock())
        self._entries.move_to_end(user_id)
        while len(self._entries) > self._capacity:
            self._entries.popitem(last=False)


def _in_time(others: Future[T], seconds: float) -> T:
    try:
        return others.result(seconds)
    except (CancelledError, TimeoutError) as error:
        if others.done() and not others.cancelled():
            raise
        detail = f"Another has waited for this for {seconds:.2g} s and more."
        raise Unavailable("read_timeout", detail, fix="Try again in a moment.") from error
