"""What keeping the catalogue takes, wired for as long as a server runs: the entries in memory, and who changes them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from tacit.bootstrap.app import App
from tacit.bootstrap.repeating import repeated
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


class Follower(Protocol):
    """Follows what a store keeps."""

    def refresh(self) -> int: ...


def polled(*followers: Follower) -> AbstractContextManager[None]:
    """Have followers take in what other processes write; while that cannot be read, what is known stays in force."""
    rounds = [each.refresh for each in followers]
    return repeated(*rounds, name="following", every_seconds=POLL_SECONDS, is_begun_at_once=False)


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
