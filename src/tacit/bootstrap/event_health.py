"""How it stands with events: whether they are taken, how many wait, and why; known without asking anybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tacit.data.events import LogState
from tacit.data.ingestion import EventStore
from tacit.errors import TacitError, Unavailable


class Log(Protocol):
    """The event log, as far as its health goes."""

    @property
    def refusal(self) -> str | None:
        """The code with which events are refused now."""
        ...

    @property
    def last_sequence(self) -> int:
        """The place of the last event."""
        ...


class EventHealth:
    """Remembers what the follower met, so that whoever asks for our health never waits for a disk.

    Args:
        log: Where events become durable.
        store: Follows it.
        full: Told that the store found no space.
        is_space_low: Tells at once whether the disk is nearly full.
    """

    def __init__(
        self, log: Log, store: EventStore, *, full: Callable[[], None], is_space_low: Callable[[], bool]
    ) -> None:
        self._log = log
        self._store = store
        self._full = full
        self._is_space_low = is_space_low
        self._hindrance: str | None = None
        self._offset: int | None = None
        self.followed()

    def followed(self) -> None:
        """A step was done."""
        try:
            self._offset, self._hindrance = self._store.offset, None
        except Unavailable as error:
            self.failed(error)

    def failed(self, error: Exception) -> None:
        """A step could not be done."""
        self._hindrance = error.code if isinstance(error, TacitError) else "unexpected"
        if self._hindrance == "storage_full":
            self._full()

    def state(self) -> LogState:
        """How it stands now, as far as is known."""
        lag = None if self._offset is None else max(0, self._log.last_sequence - self._offset)
        return LogState(self._log.refusal, lag, self._hindrance, self._is_space_low())
