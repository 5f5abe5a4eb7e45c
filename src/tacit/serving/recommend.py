"""The question: what is good next? For a user, for a list of likes, beside an item, or for anyone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np

from tacit.data.catalog_edits import item_unknown
from tacit.errors import BadInput, NotFound
from tacit.models.recommender.categories import check_category
from tacit.monitoring import metrics as catalogue
from tacit.monitoring.interfaces import MetricSink
from tacit.serving.answers import Answer, ItemView, Source
from tacit.serving.events import Observer, RetrieverFailed, unobserved
from tacit.serving.exposures import Exposure
from tacit.serving.fallback import Step, first_answer, popular_chain, similar_chain, taste_chain
from tacit.serving.interfaces import Clock, ExposureRecorder, IdMaker
from tacit.serving.item_views import as_said, item_view, said_of
from tacit.serving.live_catalogue import LiveCatalogue, Positions, UnsaidCatalogue
from tacit.serving.model_pool import LoadedVersion, ModelPool
from tacit.serving.retrieval import History, Taste, Wanted, barred, taste_for, taste_of, view

NOBODY: frozenset[str] = frozenset()
STRANGER = Taste(np.empty(0, np.int32), np.empty(0, np.float32))
"""Somebody of whom we know nothing."""


@dataclass(frozen=True)
class ServingLimits:
    """What may be asked, and what an answer rests on.

    Attributes:
        max_limit: The longest list.
        max_items: The most likes in one question.
        max_reasons: The most reasons per recommendation.
        min_personal_interactions: Items a user's history needs before it is taken for a taste.
        unknown_user: What somebody we do not know gets: `refuse` says so, `popular` gives what is popular.
    """

    max_limit: int = 1_000
    max_items: int = 1_000
    max_reasons: int = 3
    min_personal_interactions: int = 5
    unknown_user: Literal["refuse", "popular"] = "refuse"


class RecommendationService:
    """Answers with the version that is loaded, and remembers what it showed.

    Items somebody has seen, and items the caller excludes, are in no answer, whatever step it comes from. A list is
    never filled up with something else: what there is of one source is what is returned.

    Args:
        pool: Keeps the version that answers.
        exposures: Remembers what was shown.
        metrics: Counts.
        clock: Tells the time.
        new_id: Names answers.
        limits: What may be asked.
        observe: Told of steps that failed.
        timer: Measures how long an answer takes, in seconds.
        catalogue: Knows what is hidden, renamed or new since a version was trained.
    """

    def __init__(
        self,
        pool: ModelPool,
        exposures: ExposureRecorder,
        metrics: MetricSink,
        *,
        clock: Clock,
        new_id: IdMaker,
        limits: ServingLimits | None = None,
        observe: Observer = unobserved,
        timer: Callable[[], float] = time.perf_counter,
        catalogue: LiveCatalogue | None = None,
    ) -> None:
        self._live = catalogue or UnsaidCatalogue()
        self._pool = pool
        self._exposures = exposures
        self._metrics = metrics
        self._clock = clock
        self._new_id = new_id
        self._limits = limits or ServingLimits()
        self._observe = observe
        self._timer = timer
        _watch(metrics, exposures)

    def for_user(
        self, user_id: str, *, limit: int = 10, exclude: AbstractSet[str] = NOBODY, category: str | None = None
    ) -> Answer:
        """What a known user may like next.

        Raises:
            BadInput: `limit_range`.
            NotFound: `user_unknown` unless such users get what is popular; `category_unknown`.
            Unavailable: `model_not_loaded`.
        """
        started = self._timer()
        loaded = self._asked(limit, category)
        row = loaded.model.user_rows.get(user_id)
        if row is None and self._limits.unknown_user == "refuse":
            raise _user_unknown()
        taste = STRANGER if row is None else taste_of(loaded.model, row)
        wanted = Wanted(limit, self._barred(loaded, taste.items, exclude), category)
        steps = self._taste_steps(loaded, taste, wanted, minimum=self._limits.min_personal_interactions)
        return self._answer("user", loaded, steps, started=started, user_id=user_id)

    def for_likes(
        self, liked: Sequence[str], *, limit: int = 10, exclude: AbstractSet[str] = NOBODY, category: str | None = None
    ) -> Answer:
        """What somebody may like of whom we know only some items they like; those are in no answer either.

        Raises:
            BadInput: `limit_range`, `liked_empty`, `too_many_items`, or `items_unknown` if no liked item is known.
            NotFound: `category_unknown`.
            Unavailable: `model_not_loaded`.
        """
        started = self._timer()
        loaded = self._asked(limit, category)
        self._check_likes(liked)
        rows = {item_id: self._position(loaded, item_id) for item_id in liked}
        known = [row for row in rows.values() if row is not None]
        if not known:
            raise _items_unknown(len(rows))
        taste = taste_for(known, loaded.typical_value)
        wanted = Wanted(limit, self._barred(loaded, taste.items, exclude), category)
        steps = self._taste_steps(loaded, taste, wanted, minimum=1)
        unknown = tuple(item_id for item_id, row in rows.items() if row is None)
        return self._answer("likes", loaded, steps, started=started, unknown_items=unknown)

    def similar(
        self, item_id: str, *, limit: int = 10, exclude: AbstractSet[str] = NOBODY, category: str | None = None
    ) -> Answer:
        """What is like an item, by the cosine of their factors.

        Raises:
            BadInput: `limit_range`.
            NotFound: `item_unknown`, `category_unknown`.
            Unavailable: `model_not_loaded`.
        """
        started = self._timer()
        loaded = self._asked(limit, category)
        row = self._position(loaded, item_id)
        if row is None:
            raise item_unknown()
        wanted = Wanted(limit, self._barred(loaded, np.array([row], np.int32), exclude), category)
        return self._answer("similar", loaded, similar_chain(loaded.model, row, wanted), started=started)

    def popular(self, *, limit: int = 10, category: str | None = None, exclude: AbstractSet[str] = NOBODY) -> Answer:
        """What most users met.

        Raises:
            BadInput: `limit_range`.
            NotFound: `category_unknown`.
            Unavailable: `model_not_loaded`.
        """
        started = self._timer()
        loaded = self._asked(limit, category)
        wanted = Wanted(limit, self._barred(loaded, STRANGER.items, exclude), category)
        return self._answer("popular", loaded, popular_chain(loaded.model, wanted), started=started)

    def item(self, item_id: str) -> ItemView:
        """What we know of an item, whether or not it may be shown now.

        Raises:
            NotFound: `item_unknown`.
            Unavailable: `model_not_loaded`, if nothing was said of it over the catalogue's door.
        """
        entry = self._live.entry(item_id)
        loaded = self._pool.current() if entry is None else self._pool.loaded
        return item_view(loaded, entry, item_id=item_id, now_ms=int(self._clock() * 1_000))

    def search(self, prefix: str, *, limit: int = 10) -> tuple[ItemView, ...]:
        """Items whose title starts so, then those in which a later word does; case and accents do not matter.

        Within both, the most popular come first; an empty prefix matches every item.

        Raises:
            BadInput: `limit_range`.
            Unavailable: `model_not_loaded`.
        """
        loaded = self._asked(limit, None)
        hidden = set(self._live.hidden(loaded).tolist())
        found = (row for row in loaded.titles.search(prefix, limit + len(hidden)) if row not in hidden)
        return tuple(self._view(loaded, row) for row in islice(found, limit))

    def categories(self) -> tuple[tuple[str, int], ...]:
        """Each category and how many items it has, the largest first."""
        return self._pool.current().categories

    def history(self, user_id: str, limit: int = 10) -> tuple[ItemView, ...]:
        """What a user met, by how much of it.

        Raises:
            BadInput: `limit_range`.
            NotFound: `user_unknown`.
            Unavailable: `model_not_loaded`.
        """
        loaded = self._asked(limit, None)
        row = loaded.model.user_rows.get(user_id)
        if row is None:
            raise _user_unknown()
        items, values = loaded.model.history(row)
        order = np.argsort(-values, kind="stable")[:limit]
        views = (self._view(loaded, item) for item in items[order].tolist())
        return tuple(each for each in views if each.available)

    @property
    def limits(self) -> ServingLimits:
        """What may be asked."""
        return self._limits

    def _asked(self, limit: int, category: str | None) -> LoadedVersion:
        """The one version an answer comes from, once the question makes sense to it."""
        if not 1 <= limit <= self._limits.max_limit:
            raise BadInput(
                "limit_range",
                f"The limit must be a whole number from 1 to {self._limits.max_limit}.",
                field="limit",
                fix=f"Ask for 1 to {self._limits.max_limit}, or leave it out.",
            )
        loaded = self._pool.current()
        check_category(loaded.model, category, otherwise="GET /api/v1/items shows some.")
        return loaded

    def _barred(self, loaded: LoadedVersion, seen: History, exclude: AbstractSet[str]) -> Positions:
        """Positions of what must not be recommended: seen, excluded by the caller, or hidden."""
        return np.concatenate((barred(loaded.model, seen, exclude), self._live.hidden(loaded)))

    def _position(self, loaded: LoadedVersion, item_id: str) -> int | None:
        """Where a version has an item that is still part of the catalogue."""
        entry = self._live.entry(item_id)
        return None if entry is not None and entry.deleted else loaded.model.item_rows.get(item_id)

    def _view(self, loaded: LoadedVersion, row: int) -> ItemView:
        known = view(loaded.model, row)
        entry = self._live.entry(known.item_id)
        return known if entry is None else said_of(known, entry, now_ms=int(self._clock() * 1_000))

    def _check_likes(self, liked: Sequence[str]) -> None:
        if not liked:
            raise BadInput("liked_empty", "No liked item is given.", field="liked", fix="Name at least one.")
        if len(liked) > self._limits.max_items:
            problem = f"{len(liked)} liked items are too many; the most are {self._limits.max_items}."
            raise BadInput("too_many_items", problem, field="liked")

    def _taste_steps(self, loaded: LoadedVersion, taste: Taste, wanted: Wanted, *, minimum: int) -> tuple[Step, ...]:
        return taste_chain(loaded.model, taste, wanted, min_interactions=minimum, max_reasons=self._limits.max_reasons)

    def _answer(
        self,
        question: str,
        loaded: LoadedVersion,
        steps: Sequence[Step],
        *,
        started: float,
        user_id: str | None = None,
        unknown_items: tuple[str, ...] = (),
    ) -> Answer:
        """Run the chain, label the outcome, count it and remember what was shown."""

        def failed(source: Source, error: Exception) -> None:
            self._metrics.increment(catalogue.RETRIEVER_FAILURES, source=source)
            self._observe(RetrieverFailed(source, loaded.label, error))

        outcome = first_answer(steps, failed)
        answer = Answer(
            recommendation_id=self._new_id(),
            model_version=loaded.label,
            source=outcome.source,
            degraded=outcome.degraded,
            items=as_said(outcome.items, self._live, now_ms=int(self._clock() * 1_000)),
            user_id=user_id,
            unknown_items=unknown_items,
        )
        self._remember(answer)
        self._metrics.observe(catalogue.RECOMMENDATION_LATENCY, self._timer() - started, question=question)
        return answer

    def _remember(self, answer: Answer) -> None:
        self._metrics.increment(catalogue.RECOMMENDATIONS, source=answer.source)
        if answer.degraded:
            self._metrics.increment(catalogue.DEGRADED_ANSWERS, source=answer.source)
        self._exposures.record(
            Exposure(
                recommendation_id=answer.recommendation_id,
                model_version=answer.model_version,
                user_id=answer.user_id,
                source=answer.source,
                degraded=answer.degraded,
                item_ids=tuple(item.item_id for item in answer.items),
                at_ms=int(self._clock() * 1_000),
            )
        )


def _watch(metrics: MetricSink, exposures: ExposureRecorder) -> None:
    metrics.watch(catalogue.EXPOSURES, lambda: exposures.counts().recorded, outcome="recorded")
    metrics.watch(catalogue.EXPOSURES, lambda: exposures.counts().written, outcome="written")
    metrics.watch(catalogue.EXPOSURES, lambda: exposures.counts().dropped, outcome="dropped")


def _user_unknown() -> NotFound:
    return NotFound(
        "user_unknown",
        "The loaded version knows no user by this id.",
        field="user_id",
        fix="POST /api/v1/recommendations answers from a list of liked items, GET /api/v1/popular without any.",
    )


def _items_unknown(count: int) -> BadInput:
    return BadInput(
        "items_unknown",
        f"None of the {count} liked items is in the catalogue.",
        field="liked",
        fix="GET /api/v1/items?query=… finds items by the beginning of their title.",
    )
