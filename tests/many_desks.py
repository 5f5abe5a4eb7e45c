"""A service that knows events, hidden items and newcomers, with all that is asked for many things beside it."""

from __future__ import annotations

import time
from collections.abc import Collection
from itertools import count

from tacit.adapters.memory import MemoryMetricSink
from tacit.adapters.memory_cache import MemoryListCache
from tacit.adapters.memory_catalog import MemoryCatalogStore
from tacit.adapters.memory_store import MemoryEventStore
from tacit.data.catalog_entries import ItemEntry, Preferences, UserEntry
from tacit.serving.bulk import BulkAnswers
from tacit.serving.fresh_users import FreshUsers
from tacit.serving.kept_lists import KeptLists
from tacit.serving.known_users import KnownUsers
from tacit.serving.ladder import USUAL_RUNGS
from tacit.serving.live_catalogue import FollowedCatalogue
from tacit.serving.newcomer_shelf import NewcomerShelf
from tacit.serving.precomputed import PrecomputedShelf
from tacit.serving.recommend import RecommendationService
from tacit.serving.reranking import Reranking
from tacit.serving.sessions import Sessions
from tests.event_stores import effect
from tests.stages import Stage

_NAMES = count(1)
"""No two answers are named alike, also those of several desks over one stage."""


class ManyDesk:
    """A service over a stage's pool; what users do and what is said of items is in force at once."""

    def __init__(self, made: Stage, precomputed: PrecomputedShelf | None = None) -> None:
        self.pool, self.exposures, self.log = made.pool, made.exposures, made.log
        self.events, self.items = MemoryEventStore(), MemoryCatalogStore()
        self._numbers = count(1)
        self.fresh = FreshUsers(self.events, failed=lambda _: None)
        self.users = KnownUsers(
            self.fresh, unit="plays", coldstart=USUAL_RUNGS, entries=self.items, failed=lambda _: None
        )
        self.live = FollowedCatalogue(self.items, time.time)
        self.shelf = NewcomerShelf(self.events, unit="plays", live=self.live)
        self.service = RecommendationService(
            made.pool,
            made.exposures,
            MemoryMetricSink(),
            clock=time.time,
            new_id=lambda: f"many-{next(_NAMES)}",
            users=self.users,
            lists=KeptLists(MemoryListCache(), clock=time.time, metrics=MemoryMetricSink()),
            shelf=self.shelf,
            precomputed=precomputed,
            catalogue=self.live,
        )
        self.fresh.follow(0)
        self.reranking = Reranking(self.service.bench)
        self.sessions = Sessions(self.service.bench)
        self.bulk = BulkAnswers(self.service.bench)

    def did(self, user_id: str, *item_ids: str, weight: float = 1.0) -> None:
        """Have the store accept events, and everybody hear of it."""
        for item_id in item_ids:
            number = next(self._numbers)
            self.events.apply([effect(number, user_id=user_id, item_id=item_id, weight=weight)], offset=number)
        self.users.told({user_id})

    def chose(self, user_id: str, preferences: Preferences) -> None:
        """Have the store accept what somebody chose, and everybody hear of it."""
        self.items.put_users([UserEntry(user_id, preferences=preferences)])
        self.users.chose({user_id})

    def said(self, *entries: ItemEntry) -> None:
        """Have the catalogue's door told something, and the newcomers prepared."""
        self.items.put_items(entries)
        self.live.refresh()
        while self.shelf.refresh(self.pool.current()):
            pass

    def stock(self, hidden: Collection[str]) -> None:
        """Have a newcomer `new`, and some items hidden."""
        self.said(ItemEntry("new", title="New", categories=("low",)))
        self.said(*(ItemEntry(each, available=False) for each in hidden))

    def seen_by(self, user_id: str) -> set[str]:
        return {item.item_id for item in self.service.history(user_id, 1_000)}
