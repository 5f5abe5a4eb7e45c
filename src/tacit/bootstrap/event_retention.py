"""Events past their age, removed while a server runs: once applied from the log, once learnt from the store too."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tacit.errors import TacitError

if TYPE_CHECKING:
    from tacit.bootstrap.app import App
    from tacit.data.events import EventLog

_EVERY_SECONDS = 3_600.0
_DAY_MS = 86_400_000


@contextmanager
def retained(app: App, log: EventLog, *, every_seconds: float = _EVERY_SECONDS) -> Iterator[None]:
    """Remove what is too old now and every hour, a little at a time."""
    over = threading.Event()

    def remove() -> None:
        while True:
            _try(app, log, over)
            if over.wait(every_seconds):
                return

    remover = threading.Thread(target=remove, name="event-retention", daemon=True)
    remover.start()
    try:
        yield
    finally:
        over.set()
        remover.join(timeout=10)


def now_ms() -> int:
    """The time, in milliseconds since 1970, UTC."""
    return int(time.time() * 1_000)


def learnt_turn(app: App) -> int:
    """The turn up to which some snapshot has the events."""
    kept = (app.snapshots.describe(name) for name in app.snapshots.fingerprints())
    return max((int(about.get("events_turn", 0)) for about in kept), default=0)


def _try(app: App, log: EventLog, over: threading.Event) -> None:
    import structlog

    before_ms = now_ms() - app.settings.events.keep_days * _DAY_MS
    try:
        log.prune(app.event_store.offset, before_ms=before_ms)
        upto = learnt_turn(app)
        while not over.wait(0.05) and upto and app.event_store.prune(upto, before_ms=before_ms):
            pass
    except Exception as problem:
        # The next round takes up from there; ended by one failure, this thread would let everything grow for good.
        code = problem.code if isinstance(problem, TacitError) else type(problem).__name__
        structlog.get_logger(__name__).warning("events_unpruned", code=code)
