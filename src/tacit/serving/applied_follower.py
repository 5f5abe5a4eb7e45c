"""Hearing of the events that another process applies: by asking, as nobody tells."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from typing import Protocol

PAUSE_SECONDS = 0.25


class AppliedEvents(Protocol):
    """What is asked; an `EventStore` is one."""

    @property
    def last_turn(self) -> int:
        """The turn of the event applied last."""
        ...

    def changed_users(self, after_turn: int) -> Collection[str]:
        """Users with events applied after a turn."""
        ...


class AppliedFollower:
    """A thread that tells whose events were applied since it asked last, whoever applied them.

    While it cannot ask, it says so: then nobody knows that a list still holds.

    Args:
        store: What events amount to.
        told: Told whose events were applied.
        lost_sight: Told that this cannot be known now, and that it can again.
        failed: Told of each failure; the next round comes all the same.
        pause_seconds: The time between two rounds.

    Raises:
        Unavailable: The store cannot be asked now.
    """

    def __init__(
        self,
        store: AppliedEvents,
        *,
        told: Callable[[Collection[str]], None],
        lost_sight: Callable[[bool], None],
        failed: Callable[[Exception], None],
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        self._store = store
        self._told = told
        self._lost_sight = lost_sight
        self._failed = failed
        self._pause_seconds = pause_seconds
        # Whatever is read from now on knows at least this much.
        self._turn = store.last_turn
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="applied-events", daemon=True)

    @property
    def turn(self) -> int:
        """The turn up to which was told whose events were applied."""
        return self._turn

    def start(self) -> None:
        """Follow until `stop`."""
        self._thread.start()

    def stop(self, seconds: float = 5.0) -> None:
        """Follow no longer."""
        self._over.set()
        self._thread.join(seconds)

    def follow(self) -> None:
        """Ask once, and tell.

        Raises:
            Unavailable: The store cannot be asked now.
        """
        turn = self._store.last_turn
        if turn > self._turn:
            # Whoever comes between the two questions is told of once more in the next round.
            self._told(self._store.changed_users(self._turn))
            self._turn = turn

    def _run(self) -> None:
        while not self._over.wait(self._pause_seconds):
            try:
                self.follow()
            except Exception as error:
                self._lost_sight(True)
                self._failed(error)
            else:
                self._lost_sight(False)
