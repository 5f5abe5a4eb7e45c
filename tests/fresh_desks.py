"""A service with all that freshness adds, over a store that can be told things, and be away."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tacit.adapters.memory import MemoryMetricSink
from tacit.adapters.memory_cache import MemoryListCache
from tacit.adapters.memory_store import MemoryEventStore
from tacit.data.catalog_entries import Preferences, UserEntry
from tacit.data.event_effects import UserItem
from tacit.errors import Unavailable
from tacit.monitoring import metrics as catalogue
from tacit.serving.fresh_users import FreshUsers
from tacit.serving.kept_lists import KeptLists
from tacit.serving.known_users import KnownUsers
from tacit.serving.ladder import USUAL_RUNGS
from tacit.serving.live_catalogue import LiveCatalogue
from tacit.serving.newcomer_shelf import NewcomerShelf
from tacit.serving.recommend import RecommendationService
from tests.event_stores import effect
from tests.stages import Stage

AWAY = Unavailable("database_timeout", "It does not answer.")


class Store(MemoryEventStore):
    """A store of events that may be away."""

    is_away = False

    def interactions_of(self, user_id: str, **options: Any) -> Sequence[UserItem]:
        if self.is_away:
            raise AWAY
        return super().interactions_of(user_id, **options)


@dataclass
class Choices:
    """What users chose when asked; it may be away."""

    kept: dict[str, Preferences] = field(default_factory=dict)
    is_away: bool = False

    def users(self, user_ids: Sequence[str]) -> Sequence[UserEntry]:
        if self.is_away:
            raise AWAY
        return [UserEntry(each, preferences=self.kept[each]) for each in user_ids if each in self.kept]


class Undropped(MemoryListCache):
    """A cache that did not hear what it was to forget, as one far away may."""

    def drop(self, *user_ids: str) -> None:
        pass


class Desk:
    """A service over a stage's pool, with a store that can be told things."""

    def __init__(self, made: Stage, cache: MemoryListCache | None = None, live: LiveCatalogue | None = None) -> None:
        self.pool, self.exposures = made.pool, made.exposures
        self.store, self.choices = Store(), Choices()
        self.metrics = MemoryMetricSink()
        self.failures: list[Exception] = []
        self._numbers, self._answers = count(1), count(1)
        self.fresh = FreshUsers(self.store, failed=self.failures.append)
        self.users = KnownUsers(
            self.fresh, unit="plays", coldstart=USUAL_RUNGS, entries=self.choices, failed=self.failures.append
        )
        self.lists = KeptLists(cache or MemoryListCache(), clock=time.time, metrics=self.metrics)
        self.shelf = NewcomerShelf(self.store, unit="plays", live=live)
        self.service = RecommendationService(
            made.pool,
            made.exposures,
            self.metrics,
            clock=time.time,
            new_id=lambda: f"fresh-{next(self._answers)}",
            users=self.users,
            lists=self.lists,
            shelf=self.shelf,
            catalogue=live,
        )
        self.fresh.follow(0)

    def did(self, user_id: str, *item_ids: str, weight: float = 1.0) -> None:
        """Have the store accept events, and everybody hear of it."""
        for item_id in item_ids:
            number = next(self._numbers)
            self.store.apply([effect(number, user_id=user_id, item_id=item_id, weight=weight)], offset=number)
        self.users.told({user_id})
        self.lists.told({user_id})

    def chose(self, user_id: str, preferences: Preferences) -> None:
        self.choices.kept[user_id] = preferences
        self.users.chose({user_id})
        self.lists.told({user_id})

    def counted(self) -> tuple[float, ...]:
        return tuple(self.metrics.value(catalogue.LIST_CACHE, outcome=name) for name in ("hit", "miss", "stale"))
