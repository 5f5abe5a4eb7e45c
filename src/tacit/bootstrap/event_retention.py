"""Events past their age, removed while a server runs: once applied from the log, once learnt from the store too."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from tacit.bootstrap.repeating import now_ms, repeated

if TYPE_CHECKING:
    from tacit.bootstrap.app import App
    from tacit.data.events import EventLog

_EVERY_SECONDS = 3_600.0
_DAY_MS = 86_400_000


def retained(app: App, log: EventLog, *, every_seconds: float = _EVERY_SECONDS) -> AbstractContextManager[None]:
    """Remove what is too old now and every hour, a little at a time."""
    over = threading.Event()

    def remove() -> None:
        before_ms = now_ms() - app.settings.events.keep_days * _DAY_MS
        log.prune(app.event_store.offset, before_ms=before_ms)
        upto = learnt_turn(app)
        while not over.wait(0.05) and upto and app.event_store.prune(upto, before_ms=before_ms):
            pass

    return repeated(remove, name="event-retention", every_seconds=every_seconds, over=over)


def learnt_turn(app: App) -> int:
    """The turn up to which some snapshot has the events."""
    kept = (app.snapshots.describe(name) for name in app.snapshots.fingerprints())
    return max((int(about.get("events_turn", 0)) for about in kept), default=0)
