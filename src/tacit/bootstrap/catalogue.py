"""What keeping the catalogue takes, wired for as long as a server runs: the entries in memory, and who changes them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tacit.bootstrap.app import App
from tacit.errors import TacitError
from tacit.monitoring import metrics as measured
from tacit.monitoring.interfaces import MetricSink

if TYPE_CHECKING:
    from tacit.serving.catalogue_desk import CatalogueDesk
    from tacit.serving.live_catalogue import FollowedCatalogue
    from tacit.serving.model_pool import ModelPool
    from tacit.serving.user_desk import UserDesk

POLL_SECONDS = 0.5
"""How often the store is asked what other processes wrote; what this one writes is in force at once."""


def live_catalogue(app: App, metrics: MetricSink) -> FollowedCatalogue:
    """The catalogue as it is said to be now, all of it read; what is known of it is measured.

    Raises:
        Unavailable: It cannot be read.
    """
    from tacit.serving.live_catalogue import FollowedCatalogue

    catalogue = FollowedCatalogue(app.catalog, time.time)
    catalogue.refresh()
    metrics.watch(measured.CATALOGUE_REVISION, lambda: catalogue.revision)
    return catalogue


@contextmanager
def polled(catalogue: FollowedCatalogue, *, seconds: float = POLL_SECONDS) -> Iterator[None]:
    """Have a catalogue follow what other processes write; while that cannot be read, what is known stays in force."""
    over = threading.Event()
    poller = threading.Thread(target=_poll, args=(catalogue, over, seconds), name="catalogue", daemon=True)
    poller.start()
    try:
        yield
    finally:
        over.set()
        poller.join(timeout=10)


def item_desk(app: App, catalogue: FollowedCatalogue, pool: ModelPool) -> CatalogueDesk:
    """Where items are read and changed."""
    from tacit.serving.catalogue_desk import CatalogueDesk

    return CatalogueDesk(app.catalog, catalogue, pool, clock=time.time)


def user_desk(
    app: App,
    catalogue: FollowedCatalogue,
    pool: ModelPool,
    *,
    told: Callable[[Collection[str]], None] = lambda _: None,
) -> UserDesk:
    """Where users are read and changed; `told` hears of those of whom something else is said now."""
    from tacit.serving.user_desk import UserDesk

    return UserDesk(app.catalog, catalogue, pool, clock=time.time, met=app.event_store.interactions_of, told=told)


def _poll(catalogue: FollowedCatalogue, over: threading.Event, seconds: float) -> None:
    import structlog

    logger = structlog.get_logger(__name__)
    is_lost = False
    while not over.wait(seconds):
        try:
            catalogue.refresh()
        except Exception as error:
            if not is_lost:
                code = error.code if isinstance(error, TacitError) else "unexpected"
                logger.warning("catalogue_unread", code=code, detail=ascii(str(error))[:200])
            is_lost = True
        else:
            is_lost = False
