"""What is prepared in the background so that no request waits for it: newcomers, and who did something."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from tacit.serving.fresh_users import FreshUsers
from tacit.serving.model_pool import LoadedVersion, ModelPool
from tacit.serving.newcomer_shelf import NewcomerShelf

PAUSE_SECONDS = 0.5


def no_others() -> Sequence[LoadedVersion]:
    """Nothing is asked but the champion."""
    return ()


class FreshnessKeeper:
    """A thread that follows the versions that are asked, and what came after them.

    Args:
        pool: Keeps the champion.
        fresh: Is to know who did something since.
        shelf: Is to have the newcomers ready.
        failed: Told of each round that failed; the next one comes all the same.
        others: The versions that are asked beside the champion.
        pause_seconds: The time between two rounds.
    """

    def __init__(
        self,
        pool: ModelPool,
        fresh: FreshUsers,
        shelf: NewcomerShelf,
        *,
        failed: Callable[[Exception], None],
        others: Callable[[], Sequence[LoadedVersion]] = no_others,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        self._pool = pool
        self._fresh = fresh
        self._shelf = shelf
        self._failed = failed
        self._others = others
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
        before: Sequence[LoadedVersion] = ()
        while not self._over.wait(self._pause_seconds):
            asked = self._asked()
            for loaded in asked:
                self.prepare(loaded)
            # Only what was asked before: the next one may have been prepared in this moment, and not be asked yet.
            for loaded in before:
                if not any(each is loaded for each in asked):
                    self._shelf.forget(loaded)
            before = asked

    def _asked(self) -> Sequence[LoadedVersion]:
        champion = self._pool.loaded
        others = tuple(each for each in self._others() if each is not champion)
        return others if champion is None else (champion, *others)
