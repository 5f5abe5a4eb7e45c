"""Lists for many users at once, from one version: what can be computed together is, and each user's fate is told."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import numpy as np
from msgspec import structs

from tacit.errors import BadInput, TacitError, Unavailable
from tacit.models.recommender.engines.interfaces import Filter
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.model import RecommenderModel
from tacit.serving.answers import Answer, Recommendation
from tacit.serving.fallback import Outcome, Question
from tacit.serving.kept_lists import KeptOutcome
from tacit.serving.list_making import NOBODY, Wish
from tacit.serving.model_pool import LoadedVersion
from tacit.serving.newcomers import best_products, merged
from tacit.serving.profiles import STRANGER, Profile
from tacit.serving.reasons import explain
from tacit.serving.retrieval import Floats, Retrieved, learnt_from, recommendations
from tacit.serving.rules import NO_RULES
from tacit.serving.workbench import Workbench

MOST_USERS = 1_000
MOST_PLACES = 50_000
"""Places of all lists together: what one answer may hold in memory, some 20 MB."""

_TOGETHER = 64
"""Users whose lists are computed at once: between two portions it is seen whether there is time left."""


@dataclass(frozen=True, slots=True)
class BulkQuestion:
    """What is asked for many users.

    Attributes:
        user_ids: Each once, in the order given.
        limit: The most items for each.
        exclude: Ids of items that must be in no list.
        category: The only category; `None` for all.
        with_reasons: Whether each item says why; that costs more than finding it.

    Raises:
        BadInput: `users_empty`, `too_many_users`, `too_many_items`.
    """

    user_ids: tuple[str, ...]
    limit: int = 10
    exclude: AbstractSet[str] = NOBODY
    category: str | None = None
    with_reasons: bool = False

    def __post_init__(self) -> None:
        count = len(self.user_ids)
        if not count:
            raise BadInput("users_empty", "No user is named.", field="user_ids", fix="Name one at least.")
        if count > MOST_USERS:
            detail = f"user_ids has {count} users; the most are {MOST_USERS}."
            raise BadInput("too_many_users", detail, field="user_ids", fix="Ask for fewer at once.")
        if count * self.limit > MOST_PLACES:
            detail = f"{count} lists of {self.limit} items are too many; the most items of all lists are {MOST_PLACES}."
            raise BadInput("too_many_items", detail, field="limit", fix="Ask for shorter lists, or for fewer users.")


@dataclass(frozen=True, slots=True)
class BulkEntry:
    """What became of one user: exactly one of the two."""

    user_id: str
    answer: Answer | None = None
    problem: TacitError | None = None


@dataclass(frozen=True, slots=True)
class BulkAnswer:
    """What became of all of them, in the order given.

    Attributes:
        model_version: The version that was asked; where users are divided, an answer may name that of its arm.
    """

    model_version: str
    entries: tuple[BulkEntry, ...]


class BulkAnswers:
    """Answers for many users; each gets the list that they would be given alone.

    Args:
        bench: The parts that answers are made with.
        monotonic: Tells the time that deadlines are kept by.
    """

    def __init__(self, bench: Workbench, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._bench = bench
        self._monotonic = monotonic

    def answer(self, question: BulkQuestion, *, until: float = math.inf) -> BulkAnswer:
        """A list for each user, or why there is none.

        Args:
            question: What is asked.
            until: When the answer must be there; users whose turn comes later are told so.

        Raises:
            BadInput: `limit_range`.
            NotFound: `category_unknown`.
            Unavailable: `model_not_loaded`.
        """
        loaded = self._bench.asked(question.limit, question.category)
        work = _Work(self._bench, loaded, question, lambda: self._monotonic() >= until)
        return BulkAnswer(loaded.label, tuple(work.entries()))


@dataclass(frozen=True)
class _Work:
    """One question on its way, with the one version that it keeps to."""

    bench: Workbench
    loaded: LoadedVersion
    question: BulkQuestion
    is_late: Callable[[], bool]

    def entries(self) -> list[BulkEntry]:
        together = self._together()
        waiting, done = list(together), dict[str, BulkEntry]()
        for start in range(0, len(waiting), _TOGETHER):
            if not self.is_late():
                found = self._computed(waiting[start : start + _TOGETHER], together)
                done.update((entry.user_id, entry) for entry in found)
        return [done.get(user_id) or self._alone(user_id) for user_id in self.question.user_ids]

    def _together(self) -> dict[str, Profile]:
        """Users whose list rests on the version's own history alone, so that it can be computed with others'."""
        if not self.bench.users.are_undivided or self.bench.limits.diversity:
            return {}
        model, found = self.loaded.model, {}
        least = self.bench.limits.coldstart.personal_from
        for user_id in self.question.user_ids:
            row = model.user_rows.get(user_id)
            if row is None or self.is_late():
                continue
            profile = self.bench.making.profile(self.loaded, user_id)
            is_settled = profile.is_current and profile.standing.stamp == "-" and not profile.preferences.item_ids
            if is_settled and learnt_from(model, profile.taste.items) >= least:
                found[user_id] = profile
        return {user_id: each for user_id, each in found.items() if not self.bench.making.hidden_by(user_id)}

    def _computed(self, user_ids: Sequence[str], profiles: dict[str, Profile]) -> Iterator[BulkEntry]:
        """The answers of those who were found something; what fails here is tried again for each alone."""
        started, asked = self.bench.timer(), self._asked()
        try:
            lists = _lists(asked, self.question, {user_id: profiles[user_id] for user_id in user_ids})
        except Exception:
            return
        seconds = (self.bench.timer() - started) / len(user_ids)
        for user_id, items in zip(user_ids, lists, strict=True):
            if items:
                kept = KeptOutcome(Outcome("personal", items, degraded=False), self.loaded.label)
                began = self.bench.timer() - seconds
                yield BulkEntry(user_id, self.bench.telling.told("bulk", kept, started=began, user_id=user_id))

    def _asked(self) -> Question:
        """The question as it stands for everybody: what is hidden, excluded or of another category."""
        wanted = self.question
        return self.bench.making.question(
            self.loaded, STRANGER.items, wanted.exclude, limit=wanted.limit, category=wanted.category
        )

    def _alone(self, user_id: str) -> BulkEntry:
        if self.is_late():
            return BulkEntry(user_id, problem=_out_of_time())
        wanted, bench = self.question, self.bench
        started = bench.timer()
        rules = NO_RULES.also(wanted.exclude, wanted.category)
        wish = Wish(user_id, wanted.limit, rules.usually(diversity=bench.limits.diversity, explore=0.0))
        try:
            given = bench.users.given(self.loaded, wish, started=started)
        except TacitError as problem:
            return BulkEntry(user_id, problem=problem)
        kept = given.kept if wanted.with_reasons else _without_reasons(given.kept)
        return BulkEntry(user_id, bench.telling.told("bulk", kept, started=started, user_id=user_id, given=given))


def _lists(
    asked: Question, question: BulkQuestion, profiles: Mapping[str, Profile]
) -> list[tuple[Recommendation, ...]]:
    """The personal lists of users of whom the version knows all there is, as each would be given alone."""
    model, newcomers = asked.model, asked.newcomers
    histories = _histories(model, list(profiles.values()))
    factors = model.user_factors[np.array([model.user_rows[user_id] for user_id in profiles])]
    queries, bonus = model.queries(factors, histories)
    found = model.index.search_many(queries, asked.wanted.limit, excluded=histories, only=_allowed(asked), bonus=bonus)
    lists = []
    for row, profile in enumerate(profiles.values()):
        count = int((found.items[row] >= 0).sum())
        best = Retrieved(found.items[row, :count].astype(np.intp), found.scores[row, :count])
        best = _with_newcomers(asked, best, profile, query=queries[row])
        most = asked.max_reasons if question.with_reasons else 0
        told = explain(model, profile.taste, best.items, most=most, newcomers=newcomers) if most else ()
        lists.append(recommendations(model, best, told, newcomers=newcomers))
    return lists


def _histories(model: RecommenderModel, profiles: Sequence[Profile]) -> Matrix:
    """What each met of the items with factors: `(users, n_items)`."""
    known = [profile.taste.items < len(model.item_factors) for profile in profiles]
    items = [profile.taste.items[mask] for profile, mask in zip(profiles, known, strict=True)]
    values = [profile.taste.values[mask] for profile, mask in zip(profiles, known, strict=True)]
    indptr = np.concatenate(([0], np.cumsum([len(each) for each in items]))).astype(np.int64)
    return Matrix.trusted(indptr, np.concatenate(items), np.concatenate(values), columns=len(model.item_factors))


def _allowed(asked: Question) -> Filter | None:
    """The items with factors that are barred for nobody."""
    model, wanted = asked.model, asked.wanted
    barred = wanted.barred[wanted.barred < len(model.item_factors)]
    if not len(barred):
        return None if wanted.category is None else model.category_filter(wanted.category)
    allowed = np.ones(len(model.items), bool)
    if wanted.category is not None:
        allowed = model.categories[wanted.category].copy()
    allowed[barred] = False
    return model.index.filter(allowed[: len(model.item_factors)])


def _with_newcomers(asked: Question, found: Retrieved, profile: Profile, *, query: Floats) -> Retrieved:
    newcomers, wanted = asked.newcomers, asked.wanted
    if newcomers is None:
        return found
    barred = np.union1d(wanted.barred, profile.taste.seen)
    may = newcomers.has_factors & newcomers.within(wanted.category) & newcomers.without(barred)
    if not may.any():
        return found
    longest = max(1.0, newcomers.longest)
    rows, scores = best_products(newcomers.factors, query, may=may, limit=wanted.limit, longest=longest)
    new = newcomers.positions[rows]
    return Retrieved(*merged(found.items, found.scores, new=new, of_new=scores, limit=wanted.limit))


def _without_reasons(kept: KeptOutcome) -> KeptOutcome:
    items = tuple(structs.replace(item, because=()) for item in kept.outcome.items)
    return replace(kept, outcome=replace(kept.outcome, items=items))


def _out_of_time() -> Unavailable:
    return Unavailable(
        "deadline_exceeded", "There was no time left for this user.", field="user_ids", fix="Ask again for fewer users."
    )
