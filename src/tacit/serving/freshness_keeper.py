"""What freshness does in the background: finding out who did something, and preparing newcomers."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tacit.serving.fresh_users import FreshUsers
from tacit.serving.model_pool import LoadedVersion, ModelPool
from tacit.serving.newcomer_shelf import NewcomerShelf

PAUSE_SECONDS = 0.5


class FreshnessKeeper:
    """A thread that follows the version that answers, and what came after it.

    Args:
        pool: Keeps the version that answers.
        fresh: Is to know who did something since.
        shelf: Is to have the newcomers ready.
        failed: Told of each round that failed; the next one comes all the same.
        pause_seconds: The time between two rounds.
    """

    def __init__(
        self,
        pool: ModelPool,
        fresh: FreshUsers,
        shelf: NewcomerShelf,
        *,
        failed: Callable[[Exception], None],
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        self._pool = pool
        self._fresh = fresh
        self._shelf = shelf
        self._failed = failed
        self._pause_seconds = pause_seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="freshness", daemon=True)

    def start(self) -> None:
        """Follow until `stop`; versions are prepared before they answer."""
        self._pool.prepare_with(self.prepare)
        self._thread.start()

    def stop(self, seconds: float = 5.0) -> None:
        """Follow no longer."""
        self._over.set()
        self._thread.join(seconds)

    def prepare(self, loaded: LoadedVersion) -> None:
        """Catch up with a version once, a page of events at most; what fails is told of, and tried again."""
        try:
            self._fresh.follow(loaded.events_turn)
            self._shelf.refresh(loaded)
        except Exception as error:
            self._failed(error)

    def _run(self) -> None:
        before: LoadedVersion | None = None
        while not self._over.wait(self._pause_seconds):
            loaded = self._pool.loaded
            if loaded is None:
                continue
            self.prepare(loaded)
            # Only what answered before: the next one may have been prepared in this moment, and not answer yet.
            if before is not None and before is not loaded:
                self._shelf.forget(before)
            before = loaded
