"""The question: what is good next? For a user, for a list of likes, beside an item, or for anyone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from itertools import islice
from random import Random

from tacit.data.catalog_edits import item_unknown
from tacit.errors import BadInput
from tacit.monitoring import metrics as catalogue
from tacit.monitoring.interfaces import MetricSink
from tacit.serving.answers import Answer, ItemView, Source
from tacit.serving.events import Observer, RetrieverFailed, unobserved
from tacit.serving.exploring import Chance
from tacit.serving.fallback import Question, popular_chain, similar_chain, taste_chain
from tacit.serving.hides import Hides
from tacit.serving.interfaces import Clock, ExposureRecorder, IdMaker
from tacit.serving.item_views import item_view, said_of
from tacit.serving.kept_lists import KeptLists, KeptOutcome
from tacit.serving.known_users import KnownUsers
from tacit.serving.list_making import NOBODY, ListMaking, Making, ServingLimits, Wish
from tacit.serving.live_catalogue import LiveCatalogue, UnsaidCatalogue
from tacit.serving.model_pool import LoadedVersion, ModelPool
from tacit.serving.newcomer_shelf import NewcomerShelf
from tacit.serving.newcomers import Newcomers
from tacit.serving.precomputed import PrecomputedShelf
from tacit.serving.profiles import STRANGER
from tacit.serving.ready_answers import RestsOn
from tacit.serving.refusals import items_unknown, limit_range
from tacit.serving.rehearsals import Rehearsals
from tacit.serving.retrieval import taste_for, view
from tacit.serving.routing import NoTraffic, Traffic, UserAnswers
from tacit.serving.rules import NO_RULES, Rules
from tacit.serving.shared_lists import SharedLists
from tacit.serving.telling import Telling
from tacit.serving.workbench import Workbench

__all__ = ["NOBODY", "RecommendationService", "ServingLimits"]


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
        users: Knows what users did since the version was trained; without it, nothing.
        lists: Keeps users' lists for a while; without it, each is computed.
        shelf: Keeps the items that the version learnt no factors for; without it, they are in no personal list.
        precomputed: Has everybody's list at hand for when theirs cannot be worked out.
        observe: Told of steps that failed.
        timer: Measures how long an answer takes, in seconds.
        catalogue: Knows what is hidden, renamed or new since a version was trained.
        traffic: Knows which version answers whom; without it, the champion answers everybody.
        hides: Knows what users hid; without it, nothing.
        random: Where chance comes from.
        shared: Keeps everybody's lists for a while; without it, each is computed.
        rehearsals: Which users meet a lower step of the chain today; without it, nobody.

    Attributes:
        is_immediate: Whether an answer that rests on nothing to be read is worked out without waiting.
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
        users: KnownUsers | None = None,
        lists: KeptLists | None = None,
        shelf: NewcomerShelf | None = None,
        precomputed: PrecomputedShelf | None = None,
        observe: Observer = unobserved,
        timer: Callable[[], float] = time.perf_counter,
        catalogue: LiveCatalogue | None = None,
        traffic: Traffic | None = None,
        hides: Hides | None = None,
        random: Random | None = None,
        shared: KeptLists | None = None,
        rehearsals: Rehearsals | None = None,
    ) -> None:
        self._live = catalogue or UnsaidCatalogue()
        self._pool, self._metrics, self._clock = pool, metrics, clock
        self._observe, self._timer, self._traffic = observe, timer, traffic or NoTraffic()
        self._limits = limits or ServingLimits()
        self._making = ListMaking(
            self._live,
            self._limits,
            failed=self._step_failed,
            users=users,
            lists=lists,
            shelf=shelf,
            hides=hides,
            precomputed=precomputed,
        )
        self._shared = SharedLists(self._making, shared)
        self._users = self._dividing(self._making, rehearsals)
        self._telling = Telling(exposures, metrics, self._live, clock=clock, new_id=new_id, timer=timer, random=random)
        self.is_immediate = all(each is None or each.is_immediate for each in (lists, shared))

    @property
    def telling(self) -> Telling:
        """Labels what was found, counts it and remembers what was shown."""
        return self._telling

    def for_user(
        self,
        user_id: str,
        *,
        limit: int = 10,
        exclude: AbstractSet[str] = NOBODY,
        category: str | None = None,
        rules: Rules = NO_RULES,
    ) -> Answer:
        """What a user may like next of whom anything is known: a history, an event, a choice.

        Args:
            user_id: Who.
            limit: The most items.
            exclude: Ids of items that must not be in the list, beside those of the rules.
            category: A category that all must belong to, before those of the rules.
            rules: What else holds for the list.

        Raises:
            BadInput: `limit_range`, `range_field_unknown`.
            NotFound: `user_unknown` unless such users get what is popular; `category_unknown`.
            Unavailable: `model_not_loaded`.
        """
        started = self._timer()
        rules = (self._usual if rules is NO_RULES else self._usually(rules)).also(exclude, category)
        loaded = self._asked(limit, rules)
        given = self._users.given(loaded, Wish(user_id, limit, rules), started=started)
        chance = None if not rules.explore else Chance(limit, rules.explore)
        return self._telling.told("user", given.kept, started=started, user_id=user_id, given=given, chance=chance)

    def rests_on(self, user_id: str | None = None) -> RestsOn | None:
        """What an answer rests on now; `None` where that cannot be told without reading, or depends on who is divided.

        Args:
            user_id: Whose answer; `None` for one that is nobody's.
        """
        loaded = self._pool.loaded
        if loaded is None or (user_id is not None and not self._users.are_undivided):
            return None
        things = self._making.rests_on(loaded, user_id)
        return None if things is None else RestsOn(loaded, things)

    def is_at_hand(self, user_id: str) -> bool:
        """Whether `rests_on` tells what a user's answer rests on."""
        loaded = self._pool.loaded
        return loaded is not None and self._users.are_undivided and self._making.is_known(loaded, user_id)

    def for_likes(
        self,
        liked: Sequence[str],
        *,
        limit: int = 10,
        exclude: AbstractSet[str] = NOBODY,
        category: str | None = None,
        rules: Rules = NO_RULES,
    ) -> Answer:
        """What somebody may like of whom we know only some items they like; those are in no answer either.

        Raises:
            BadInput: `limit_range`, `liked_empty`, `too_many_items`, or `items_unknown` if no liked item is known.
            NotFound: `category_unknown`.
            Unavailable: `model_not_loaded`.
        """
        started = self._timer()
        rules = rules.also(NOBODY, category).unexplored()
        loaded = self._asked(limit, rules)
        self._check_likes(liked)
        rows = {item_id: self._position(loaded, item_id) for item_id in liked}
        unknown = tuple(item_id for item_id, row in rows.items() if row is None and not self._is_new(item_id))
        if len(unknown) == len(rows):
            raise items_unknown(len(rows))
        # What only the catalogue's door knows has nothing to say of a taste yet, and is in no answer all the same.
        taste = taste_for((row for row in rows.values() if row is not None), loaded.typical_value)
        asked = self._making.question(loaded, taste.items, {*exclude, *liked}, limit=limit, rules=rules)
        outcome = self._making.answer(loaded, asked, lambda asked: taste_chain(asked, taste))
        kept = KeptOutcome(outcome, loaded.label)
        return self._telling.told("likes", kept, started=started, unknown_items=unknown)

    def similar(
        self,
        item_id: str,
        *,
        limit: int = 10,
        exclude: AbstractSet[str] = NOBODY,
        category: str | None = None,
        rules: Rules = NO_RULES,
    ) -> Answer:
        """What is like an item, by the cosine of their factors.

        Raises:
            BadInput: `limit_range`.
            NotFound: `item_unknown`, `category_unknown`.
            Unavailable: `model_not_loaded`.
        """
        started = self._timer()
        rules = rules.also(NOBODY, category).unexplored()
        loaded = self._asked(limit, rules)
        known = self._position(loaded, item_id)
        asked = self._making.question(loaded, STRANGER.items, {*exclude, item_id}, limit=limit, rules=rules)
        # In the question's own newcomers: in those prepared next it may stand elsewhere.
        row = self._newcomer(asked, item_id) if known is None else known
        key = ("similar", item_id, limit, category) if _is_plain(exclude, rules, category) else None
        kept = self._shared.answer(loaded, asked, lambda asked: similar_chain(asked, row), key=key)
        return self._telling.told("similar", kept, started=started)

    def popular(
        self,
        *,
        limit: int = 10,
        category: str | None = None,
        exclude: AbstractSet[str] = NOBODY,
        rules: Rules = NO_RULES,
    ) -> Answer:
        """What most users met.

        Raises:
            BadInput: `limit_range`.
            NotFound: `category_unknown`.
            Unavailable: `model_not_loaded`.
        """
        started = self._timer()
        rules = rules.also(exclude, category).unexplored()
        loaded = self._asked(limit, rules)
        asked = self._making.question(loaded, STRANGER.items, NOBODY, limit=limit, rules=rules)
        key = ("popular", limit, category) if _is_plain(exclude, rules, category) else None
        return self._telling.told(
            "popular", self._shared.answer(loaded, asked, popular_chain, key=key), started=started
        )

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
        loaded = self._asked(limit)
        hidden = set(self._live.hidden(loaded).tolist())
        found = (row for row in loaded.titles.search(prefix, limit + len(hidden)) if row not in hidden)
        return tuple(self._view(loaded, row) for row in islice(found, limit))

    def categories(self) -> tuple[tuple[str, int], ...]:
        """Each category and how many items it has, the largest first."""
        return self._pool.current().categories

    def history(self, user_id: str, limit: int = 10) -> tuple[ItemView, ...]:
        """What a user met and is not against, by how much of it; their events are in it as soon as they are applied.

        Raises:
            BadInput: `limit_range`.
            NotFound: `user_unknown`.
            Unavailable: `model_not_loaded`.
        """
        loaded = self._asked(limit)
        standing = self._making.profile(loaded, user_id, is_refused=True).standing
        newcomers = self._making.newcomers(loaded)
        new = {} if newcomers is None else newcomers.rows
        met = dict(zip(standing.taste.items.tolist(), standing.taste.values.tolist(), strict=True))
        met |= {new[item_id]: value for item_id, value in standing.elsewhere.items() if item_id in new and value > 0}
        best = sorted(met, key=lambda position: -met[position])
        views = (self._view(loaded, position, newcomers) for position in best)
        return tuple(islice((each for each in views if each.available), limit))

    @property
    def making(self) -> ListMaking:
        """What makes its lists."""
        return self._making

    @property
    def shared(self) -> SharedLists:
        """What keeps everybody's."""
        return self._shared

    @property
    def limits(self) -> ServingLimits:
        """What may be asked."""
        return self._limits

    @property
    def bench(self) -> Workbench:
        """What further kinds of questions are answered with."""
        return Workbench(
            self._pool,
            self._making,
            self._users,
            self._dividing,
            live=self._live,
            limits=self._limits,
            telling=self._telling,
            position=self._position,
            is_new=self._is_new,
            clock=self._clock,
            timer=self._timer,
        )

    def _dividing(self, making: Making, rehearsals: Rehearsals | None = None) -> UserAnswers:
        return UserAnswers(
            making,
            self._traffic,
            rungs=self._limits.coldstart,
            rehearsals=rehearsals,
            observe=self._observe,
            timer=self._timer,
        )

    @cached_property
    def _usual(self) -> Rules:
        """What holds for most users' lists, which say nothing."""
        return self._usually(NO_RULES)

    def _usually(self, rules: Rules) -> Rules:
        return rules.usually(diversity=self._limits.diversity, explore=self._limits.explore)

    def _asked(self, limit: int, rules: Rules = NO_RULES) -> LoadedVersion:
        """The one version an answer comes from, once the question makes sense to it."""
        if not 1 <= limit <= self._limits.max_limit:
            raise limit_range(self._limits.max_limit)
        loaded = self._pool.current()
        self._making.check(loaded, rules)
        return loaded

    def _position(self, loaded: LoadedVersion, item_id: str) -> int | None:
        """Where a version has an item that is still part of the catalogue."""
        entry = self._live.entry(item_id)
        return None if entry is not None and entry.deleted else loaded.model.item_rows.get(item_id)

    def _is_new(self, item_id: str) -> bool:
        """Whether the catalogue's door knows an item that was not removed."""
        entry = self._live.entry(item_id)
        return entry is not None and not entry.deleted

    def _view(self, loaded: LoadedVersion, row: int, newcomers: Newcomers | None = None) -> ItemView:
        known = view(loaded.model, row, newcomers)
        entry = self._live.entry(known.item_id)
        return known if entry is None else said_of(known, entry, now_ms=int(self._clock() * 1_000))

    def _check_likes(self, liked: Sequence[str]) -> None:
        if not liked:
            raise BadInput("liked_empty", "No liked item is given.", field="liked", fix="Name at least one.")
        if len(liked) > self._limits.max_items:
            problem = f"{len(liked)} liked items are too many; the most are {self._limits.max_items}."
            raise BadInput("too_many_items", problem, field="liked")

    def _newcomer(self, asked: Question, item_id: str) -> int:
        # Those that the version knows by name alone are among the newcomers, and stay when they are removed.
        rows = {} if asked.newcomers is None or not self._is_new(item_id) else asked.newcomers.rows
        if item_id not in rows:
            raise item_unknown()
        return rows[item_id]

    def _step_failed(self, source: Source, label: str, error: Exception) -> None:
        self._metrics.increment(catalogue.RETRIEVER_FAILURES, source=source)
        self._observe(RetrieverFailed(source, label, error))


def _is_plain(exclude: AbstractSet[str], rules: Rules, category: str | None) -> bool:
    """Whether a question is one of those that many ask."""
    if rules is NO_RULES:
        return not exclude and category is None
    return not exclude and rules == NO_RULES.also(NOBODY, category)
