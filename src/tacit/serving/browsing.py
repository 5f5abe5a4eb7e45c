"""The questions of somebody who looks around: moods, charts, and something they would not have looked for."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import numpy as np

from tacit.data.moods import Mood
from tacit.errors import BadInput, NotFound
from tacit.models.recommender.categories import check_category
from tacit.models.recommender.model import RecommenderModel
from tacit.monitoring import metrics as catalogue
from tacit.monitoring.interfaces import MetricSink
from tacit.serving.answers import Answer, ItemView, Recommendation
from tacit.serving.discovery import drawn, new_seed
from tacit.serving.fallback import Question, Step, popular_chain
from tacit.serving.kept_lists import KeptOutcome
from tacit.serving.ladder import by_taste_within, fused
from tacit.serving.list_making import NOBODY, as_far_as_known
from tacit.serving.model_pool import LoadedVersion, ModelPool
from tacit.serving.mood_book import MoodBook
from tacit.serving.mood_profiles import MoodProfile, profile_of
from tacit.serving.profiles import NO_PREFERENCES, STRANGER, Profile, Standing, with_chosen
from tacit.serving.reasons import explain
from tacit.serving.recommend import RecommendationService
from tacit.serving.refusals import limit_range
from tacit.serving.retrieval import (
    Retrieved,
    Taste,
    Wanted,
    learnt_from,
    recommendations,
)
from tacit.serving.trends import Trends

_TASTE_SHARE = 0.7
"""How much of a mood's list is somebody's taste, and not how well items suit the mood."""

_STRANGER = Profile(Standing(STRANGER), NO_PREFERENCES)


@dataclass(frozen=True)
class MoodView:
    """A mood as it is shown.

    Attributes:
        profile: What the version knows of it.
        seeds: The items that stand for it.
        model_version: The version (`recommender/3`).
    """

    profile: MoodProfile
    seeds: tuple[ItemView, ...]
    model_version: str

    @property
    def mood(self) -> Mood:
        return self.profile.mood


@dataclass(frozen=True)
class Shown:
    """A list, and what was asked for where nobody said so.

    Attributes:
        answer: The list.
        kind: `mood`, `overall`, `category`, `trending` or `discovery`: what the list is.
        seed: Draws the same list again, for `discovery`.
    """

    answer: Answer
    kind: str
    seed: str | None = None


class Browsing:
    """Answers with the version that is loaded, and tells of each answer what every answer is told of.

    Args:
        service: Makes lists, labels them and remembers what was shown.
        pool: Keeps the version that answers.
        moods: Knows the moods.
        trends: Knows what rises.
        metrics: Counts.
        timer: Measures how long an answer takes, in seconds.
    """

    def __init__(
        self,
        service: RecommendationService,
        pool: ModelPool,
        moods: MoodBook,
        *,
        trends: Trends,
        metrics: MetricSink,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._service = service
        self._making = service.making
        self._pool = pool
        self._moods = moods
        self._trends = trends
        self._metrics = metrics
        self._timer = timer
        self._profiles: dict[str, tuple[weakref.ref[LoadedVersion], MoodProfile]] = {}

    def moods(self) -> tuple[MoodView, ...]:
        """Every mood with the items that stand for it, those included in which nothing is.

        Raises:
            Unavailable: `model_not_loaded`.
        """
        loaded = self._pool.current()
        return tuple(self._view(loaded, mood) for mood in self._moods.moods.values())

    def mood(self, name: str) -> MoodView:
        """One of them.

        Raises:
            NotFound: `mood_unknown`.
            Unavailable: `model_not_loaded`.
        """
        return self._view(self._pool.current(), self._moods.mood(name))

    def for_mood(
        self, name: str, *, user_id: str | None = None, limit: int = 10, exclude: AbstractSet[str] = NOBODY
    ) -> Shown:
        """What suits a mood: for somebody by their taste too, for nobody what is most popular of it.

        Raises:
            BadInput: `limit_range`.
            NotFound: `mood_unknown`; `mood_empty`, saying why; `user_unknown` unless such users get what is popular.
            Unavailable: `model_not_loaded`.
        """
        started = self._timer()
        loaded = self._asked(limit)
        profile = self.profile(loaded, self._moods.mood(name))
        if profile.why_empty is not None:
            fix = f"PUT /api/v1/moods/{name} gives it words that items bear, or seeds."
            raise NotFound("mood_empty", profile.why_empty, field="mood", fix=fix)
        who = self._who(loaded, user_id)
        asked = self._question(loaded, who, self._off(exclude, user_id), limit=limit)

        def chain(asked: Question) -> tuple[Step, ...]:
            own = _mood_step(asked, profile, who, like_value=loaded.typical_value)
            return (own, *popular_chain(asked))

        key = None if exclude or user_id is not None else ("mood", profile.mood, limit)
        kept = as_far_as_known(self._service.shared.answer(loaded, asked, chain, key=key), who)
        self._metrics.increment(catalogue.MOOD_REQUESTS, mood=name)
        return Shown(self._service.telling.told("mood", kept, started=started, user_id=user_id), "mood")

    def chart(self, *, category: str | None = None, limit: int = 10, exclude: AbstractSet[str] = NOBODY) -> Shown:
        """What most users met, overall or in a category.

        Raises:
            BadInput: `limit_range`.
            NotFound: `category_unknown`.
            Unavailable: `model_not_loaded`.
        """
        started = self._timer()
        loaded = self._asked(limit, category)
        asked = self._question(loaded, _STRANGER, exclude, limit=limit, category=category)
        # The same list as that of the most popular, and kept with it.
        key = None if exclude else ("popular", limit, category)
        kept = self._service.shared.answer(loaded, asked, popular_chain, key=key)
        answer = self._service.telling.told("chart", kept, started=started)
        return Shown(answer, "category" if answer.source == "category" else "overall")

    def trending(self, *, category: str | None = None, limit: int = 10, exclude: AbstractSet[str] = NOBODY) -> Shown:
        """What rose lately; where that is not known, or nothing rose, what most users met.

        Raises:
            BadInput: `limit_range`.
            NotFound: `category_unknown`.
            Unavailable: `model_not_loaded`.
        """
        started = self._timer()
        loaded = self._asked(limit, category)
        asked = self._question(loaded, _STRANGER, exclude, limit=limit, category=category)
        steps = (Step("trending", lambda: self._risen(loaded, asked)), *popular_chain(asked))
        outcome = self._making.first(loaded, steps if self._trends.is_current else steps[1:])
        # Not knowing what rises is no failure of a step, and not the answer that was wanted either.
        outcome = replace(outcome, degraded=outcome.degraded or not self._trends.is_current)
        answer = self._service.telling.told("trending", KeptOutcome(outcome, loaded.label), started=started)
        kinds = {"trending": "trending", "category": "category"}
        return Shown(answer, kinds.get(answer.source, "overall"))

    def discover(
        self,
        *,
        seed: str | None = None,
        user_id: str | None = None,
        limit: int = 10,
        category: str | None = None,
        exclude: AbstractSet[str] = NOBODY,
    ) -> Shown:
        """Something drawn at random that leans to what few know, and that its user never met.

        Raises:
            BadInput: `limit_range`.
            NotFound: `category_unknown`; `user_unknown` unless such users get what is popular.
            Unavailable: `model_not_loaded`.
        """
        started = self._timer()
        loaded = self._asked(limit, category)
        who = self._who(loaded, user_id)
        asked = self._question(loaded, who, self._off(exclude, user_id), limit=limit, category=category)
        chosen = new_seed() if seed is None else seed

        def draw() -> tuple[Recommendation, ...]:
            return recommendations(loaded.model, drawn(loaded.model, asked.wanted, chosen))

        outcome = self._making.first(loaded, (Step("discovery", draw), *popular_chain(asked)))
        kept = as_far_as_known(KeptOutcome(outcome, loaded.label), who)
        answer = self._service.telling.told("discovery", kept, started=started, user_id=user_id)
        return Shown(answer, "discovery", chosen)

    def prepare(self) -> None:
        """Work out every mood for the version that answers, so that no question waits for it."""
        loaded = self._pool.loaded
        if loaded is not None:
            for mood in self._moods.moods.values():
                self.profile(loaded, mood)

    def profile(self, loaded: LoadedVersion, mood: Mood) -> MoodProfile:
        """What a version knows of a mood, worked out once for as long as both stay."""
        kept = self._profiles.get(mood.name)
        if kept is not None and kept[0]() is loaded and kept[1].mood == mood:
            return kept[1]
        made = profile_of(loaded.model, loaded.labels, mood)
        self._profiles[mood.name] = (weakref.ref(loaded), made)
        return made

    def _asked(self, limit: int, category: str | None = None) -> LoadedVersion:
        most = self._service.limits.max_limit
        if not 1 <= limit <= most:
            raise limit_range(most)
        loaded = self._pool.current()
        check_category(loaded.model, category, otherwise="GET /api/v1/items shows some.")
        return loaded

    def _who(self, loaded: LoadedVersion, user_id: str | None) -> Profile:
        return _STRANGER if user_id is None else self._making.profile(loaded, user_id)

    def _off(self, exclude: AbstractSet[str], user_id: str | None) -> AbstractSet[str]:
        """What a question excludes, and what its user hid."""
        return exclude if user_id is None else exclude | self._making.hidden_by(user_id)

    def _question(
        self,
        loaded: LoadedVersion,
        who: Profile,
        exclude: AbstractSet[str],
        *,
        limit: int,
        category: str | None = None,
    ) -> Question:
        off = exclude | {*who.standing.elsewhere, *who.preferences.item_ids}
        return self._making.question(loaded, who.taste.seen, off, limit=limit, category=category)

    def _risen(self, loaded: LoadedVersion, asked: Question) -> tuple[Recommendation, ...]:
        return recommendations(loaded.model, left(loaded.model, self._trends.chart(loaded), asked.wanted))

    def _view(self, loaded: LoadedVersion, mood: Mood) -> MoodView:
        profile = self.profile(loaded, mood)
        shown = (self._service.item(loaded.model.items[row].item_id) for row in self._seeds(loaded, profile))
        return MoodView(profile, tuple(item for item in shown if item.available), loaded.label)

    def _seeds(self, loaded: LoadedVersion, profile: MoodProfile) -> list[int]:
        hidden = set(
            self._making.question(loaded, STRANGER.items, NOBODY, limit=1, category=None).wanted.barred.tolist()
        )
        return [row for row in profile.seeds.tolist() if row not in hidden]


def seed_of(said: str) -> str:
    """A seed as somebody sent it: any short text.

    Raises:
        BadInput: `seed_invalid`.
    """
    if not 1 <= len(said) <= 64:
        detail = "A seed has 1 to 64 characters."
        raise BadInput("seed_invalid", detail, field="seed", fix="Leave it out, and take the one in the answer.")
    return said


def left(model: RecommenderModel, found: Retrieved, wanted: Wanted) -> Retrieved:
    """What of some items may be shown, in their order."""
    may = ~np.isin(found.items, wanted.barred)
    if wanted.category is not None:
        may &= model.categories[wanted.category][found.items]
    return Retrieved(found.items[may][: wanted.limit], found.scores[may][: wanted.limit])


def _mood_step(asked: Question, profile: MoodProfile, who: Profile, *, like_value: float) -> Step:
    """What suits a mood, with reasons from the history where it suits their taste as well."""
    model, wanted, taste = asked.model, asked.wanted, who.taste

    def suiting() -> tuple[Recommendation, ...]:
        may = ~np.isin(profile.found.items, wanted.barred)
        suits = Retrieved(profile.found.items[may], profile.found.scores[may])
        if not learnt_from(model, taste.items):
            return recommendations(model, Retrieved(suits.items[: wanted.limit], suits.scores[: wanted.limit]))
        # The seeds are liked along with the history for as long as the question lasts.
        leaning = with_chosen(taste, profile.seeds[profile.seeds < len(model.item_factors)], like_value)
        own = by_taste_within(model, _folded(leaning), suits.items)
        found = fused(own, suits, share=_TASTE_SHARE, limit=wanted.limit)
        reasons = explain(model, taste, found.items[found.items < len(model.item_factors)], most=asked.max_reasons)
        told = iter(reasons)
        because = [next(told) if row < len(model.item_factors) else () for row in found.items.tolist()]
        return recommendations(model, found, because)

    return Step("mood", suiting)


def _folded(taste: Taste) -> Taste:
    """The same with its factors still to be folded in."""
    return replace(taste, factors=None)
