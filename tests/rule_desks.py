"""A serving room in memory whose catalogue, hides, events and clock a test moves, and what no answer of it may hold."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random

from hypothesis import strategies as st

from tacit.adapters.memory import MemoryMetricSink
from tacit.adapters.memory_cache import MemoryListCache
from tacit.adapters.memory_catalog import MemoryCatalogStore
from tacit.adapters.memory_hiding import MemoryHidingStore
from tacit.adapters.memory_store import MemoryEventStore
from tacit.adapters.redis_lists import decoded, encoded
from tacit.data.catalog_entries import ItemEntry
from tacit.models.recommender.model import RecommenderModel
from tacit.registry.versions import Manifest, Version
from tacit.serving.answers import Answer
from tacit.serving.exposures import Exposure, ExposureCounts
from tacit.serving.fresh_users import FreshUsers
from tacit.serving.hides import FollowedHides, HidingDesk
from tacit.serving.kept_lists import KeptLists
from tacit.serving.known_users import KnownUsers
from tacit.serving.ladder import USUAL_RUNGS
from tacit.serving.list_cache import CachedList
from tacit.serving.live_catalogue import FollowedCatalogue
from tacit.serving.model_pool import LoadedVersion
from tacit.serving.newcomer_shelf import NewcomerShelf
from tacit.serving.recommend import RecommendationService
from tacit.serving.rules import Boost, Range, Rules
from tests.event_stores import effect
from tests.stages import small_model

CATEGORIES = ("low", "high", "odd", "late")
"""Those of the version, and one that only the catalogue's door names."""
BROKEN = ("index", "unit_index", "popular", "ranked")
"""Parts of a model without which some step fails, the later ones as well."""


def loaded_version(number: int = 1, seed: int = 1) -> LoadedVersion:
    """A version in memory whose parts may be broken without anybody else noticing."""
    manifest = Manifest("recommender", number, "recommender", "d", "s", "c", {}, {}, {}, {}, "")
    version = Version("recommender", number, "", "pass", "", Path())
    return LoadedVersion(version, manifest, replace(small_model(seed)), 0.0)


class StillPool:
    """A pool with one version."""

    def __init__(self, loaded: LoadedVersion) -> None:
        self.loaded: LoadedVersion | None = loaded

    def current(self) -> LoadedVersion:
        assert self.loaded is not None
        return self.loaded


class WrittenCache(MemoryListCache):
    """A cache far away: it keeps what it can write, and may not hear what it was to forget."""

    def get(self, user_id: str, question: str) -> CachedList | None:
        kept = super().get(user_id, question)
        return None if kept is None else decoded(encoded(user_id, question, kept), user_id=user_id, question=question)

    def drop(self, *user_ids: str) -> None:
        pass


class Recorder:
    """Remembers every exposure at once."""

    def __init__(self) -> None:
        self.shown: list[Exposure] = []

    def record(self, exposure: Exposure) -> None:
        self.shown.append(exposure)

    def counts(self) -> ExposureCounts:
        return ExposureCounts(len(self.shown))


class RuleDesk:
    """The room; everything said to it is in force at once, and no list is dropped from its cache."""

    def __init__(self, *, cache: MemoryListCache | None = None, seed: int = 1) -> None:
        self.now = 1_767_355_200.0
        self.loaded = loaded_version()
        _ = self.loaded.ready  # worded before anything breaks, as whoever loads a version sees to
        self.catalog, self.hiding, self.events = MemoryCatalogStore(), MemoryHidingStore(), MemoryEventStore()
        self.live = FollowedCatalogue(self.catalog, self.clock)
        self.hides = FollowedHides(self.hiding)
        self.exposures, self.metrics = Recorder(), MemoryMetricSink()
        self.did: Counter[tuple[str, str]] = Counter()
        self._numbers, self._answers = count(1), count(1)
        pool: object = StillPool(self.loaded)
        fresh = FreshUsers(self.events, failed=_fail, clock=self.clock)
        fresh.follow(0)
        self.users = KnownUsers(fresh, unit="plays", coldstart=USUAL_RUNGS, failed=_fail)
        self.cache = cache or WrittenCache(clock=self.clock)
        self.shelf = NewcomerShelf(self.events, unit="plays", live=self.live)
        self.desk = HidingDesk(
            self.hiding,
            self.hides,
            catalogue=self.live,
            pool=pool,
            clock=self.clock,  # type: ignore[arg-type]
        )
        self.service = RecommendationService(
            pool,  # type: ignore[arg-type]
            self.exposures,
            self.metrics,
            clock=self.clock,
            new_id=lambda: f"answer-{next(self._answers)}",
            users=self.users,
            lists=KeptLists(self.cache, clock=self.clock, metrics=self.metrics),
            shelf=self.shelf,
            catalogue=self.live,
            hides=self.hides,
            random=Random(seed),
        )

    def clock(self) -> float:
        return self.now

    @property
    def model(self) -> RecommenderModel:
        return self.loaded.model

    def say(self, entry: ItemEntry) -> None:
        """Have something said of an item over the catalogue's door."""
        self.catalog.put_items([entry])
        self.live.refresh()

    def prepare(self) -> None:
        """Have newcomers prepared, as the background does now and then."""
        self.shelf.refresh(self.loaded)

    def met(self, user_id: str, item_id: str) -> None:
        """Have an event of a user applied."""
        number = next(self._numbers)
        self.events.apply([effect(number, user_id=user_id, item_id=item_id)], offset=number)
        self.users.told({user_id})
        self.did[user_id, item_id] += 1

    def break_parts(self, names: Collection[str]) -> None:
        """Have some parts of the model be as they were, and the others fail whoever asks them."""
        for name in BROKEN:
            self.model.__dict__.pop(name, None)
            if name == "popular":
                object.__setattr__(self.model, "popular", small_model().popular)
        for name in names:
            object.__setattr__(self.model, name, None)

    def entry(self, item_id: str) -> ItemEntry:
        return self.live.entry(item_id) or ItemEntry(item_id)

    def categories(self, item_id: str) -> tuple[str, ...]:
        """An item's categories as they are now."""
        said = self.entry(item_id).categories
        row = self.model.item_rows.get(item_id)
        if said is not None:
            return said
        return () if row is None else self.model.items[row].categories

    def number(self, item_id: str, field: str) -> float | None:
        if field == "listeners":
            row = self.model.item_rows.get(item_id)
            return 0 if row is None else int(self.model.listeners[row])
        labels: Mapping[str, float] = json.loads(self.entry(item_id).labels)
        return labels.get(field)

    def seen_by(self, user_id: str) -> set[str]:
        row = self.model.user_rows.get(user_id)
        history = () if row is None else self.model.history(row)[0]
        did = {item for user, item in self.did if user == user_id}
        return did | {self.model.items[item].item_id for item in history}

    def check(self, answer: Answer, rules: Rules, *, limit: int, seen: Collection[str] = ()) -> None:
        """That an answer holds nothing that it must not.

        The first category alone is left where every step that keeps to it failed; the answer says so.
        """
        shown = [item.item_id for item in answer.items]
        assert len(shown) == len(set(shown)) <= limit
        left = answer.degraded and answer.source in ("popular", "static")
        for item_id in shown:
            assert self.entry(item_id).is_shown(int(self.now * 1_000)), f"{item_id} is hidden"
            assert item_id not in rules.exclude
            assert rules.include is None or item_id in rules.include
            assert item_id not in seen, f"{item_id} was seen, or hidden by the user"
            wanted = {*rules.categories[1:]} if left else {*rules.categories}
            assert wanted <= {*self.categories(item_id)}
            for each in rules.ranges:
                number = self.number(item_id, each.field)
                assert number is not None
                assert each.least <= number <= each.most
        counted = Counter(each for item_id in shown for each in {*self.categories(item_id)} - {*rules.categories})
        assert rules.cap is None or not counted or max(counted.values()) <= rules.cap


def _fail(error: Exception) -> None:
    raise error


ITEM_IDS = tuple(item.item_id for item in small_model().items)


def rules(fields: Collection[str] = ("listeners",)) -> st.SearchStrategy[Rules]:
    """Rules that a small model has something for."""
    items = st.sampled_from(ITEM_IDS)
    factor = st.floats(0.1, 10, allow_nan=False)
    named = st.one_of(
        st.tuples(st.just("item"), items),
        st.tuples(st.just("category"), st.sampled_from(CATEGORIES)),
        st.tuples(st.just("tag"), st.sampled_from(("made-up", "HIGH", "nothing"))),
    )
    bounds = st.tuples(st.integers(0, 40), st.integers(0, 40)).map(sorted)
    return st.builds(
        Rules,
        exclude=st.frozensets(items, max_size=6),
        include=st.none() | st.frozensets(items, max_size=20),
        categories=st.lists(st.sampled_from(CATEGORIES[:3]), max_size=2).map(tuple),
        boosts=st.lists(st.builds(lambda each, by: Boost(*each, by), named, factor), max_size=3).map(tuple),
        ranges=st.lists(
            st.builds(lambda name, both: Range(name, *both), st.sampled_from(tuple(fields)), bounds), max_size=1
        ).map(tuple),
        cap=st.none() | st.integers(1, 4),
        diversity=st.sampled_from((None, 0.0, 0.3, 1.0)),
        explore=st.sampled_from((None, 0.0, 0.5, 1.0)),
    )
