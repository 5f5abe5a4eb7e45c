"""Somebody else's candidates in a user's order: all of them come back, but for those that must not be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tacit.errors import BadInput
from tacit.serving.answers import Answer, Recommendation, Source
from tacit.serving.candidates import Choice, candidate_chain
from tacit.serving.fallback import Outcome, Question, Step, first_answer
from tacit.serving.item_views import as_said
from tacit.serving.kept_lists import KeptOutcome
from tacit.serving.ladder import NO_LEANING, UNSCORED, Coldstart, leaning_of
from tacit.serving.list_making import Failed, ListMaking, Maker, Wish
from tacit.serving.model_pool import LoadedVersion
from tacit.serving.profiles import STRANGER, Profile, has_chosen, with_chosen
from tacit.serving.quick_reranking import QuickReranking
from tacit.serving.retrieval import History, learnt_from
from tacit.serving.sessions import Given
from tacit.serving.workbench import Workbench

MOST_CANDIDATES = 1_000
MOST_EXPLAINED = 100


@dataclass(frozen=True, slots=True)
class Candidates:
    """What somebody wants put into order.

    Attributes:
        item_ids: Each once, in the order given.
        filter_seen: Whether what the user met is left out; usually whoever chose the candidates meant them.
        explained: How many are told why, from the first on.
        shown: How many of them the caller is going to show; those are remembered as shown.

    Raises:
        BadInput: `candidates_empty`, `too_many_items`.
    """

    item_ids: tuple[str, ...]
    filter_seen: bool = False
    explained: int = 10
    shown: int = 100

    def __post_init__(self) -> None:
        if not self.item_ids:
            raise BadInput("candidates_empty", "There are no candidates.", field="candidates", fix="Name one at least.")
        if len(self.item_ids) > MOST_CANDIDATES:
            detail = f"candidates has {len(self.item_ids)} items; the most are {MOST_CANDIDATES}."
            raise BadInput("too_many_items", detail, field="candidates", fix="Name fewer.")


class UnknownItem(Recommendation, frozen=True, gc=False):
    """A candidate of which neither a version nor its newcomers know anything; its score is no number."""


@dataclass(frozen=True)
class Reranked:
    """Candidates in order.

    Attributes:
        answer: All that may be shown, the best first; behind those that are known the others, in the order given, with
            a score that is no number.
        unknown_candidates: Those that neither the version nor its newcomers know, in the order given.
        left_out: Those that must not be shown, in the order given.
    """

    answer: Answer
    unknown_candidates: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class _Sorted:
    """Candidates by what a version makes of them.

    Attributes:
        choice: Those it can put into order.
        unknown: The others that may be shown.
    """

    choice: Choice
    unknown: tuple[str, ...]

    def with_unknown(self, outcome: Outcome) -> Outcome:
        """An order, and behind it what is unknown."""
        behind = (UnknownItem(item_id, item_id, (), UNSCORED) for item_id in self.unknown)
        return replace(outcome, items=(*outcome.items, *behind))


def sort_out(asked: Question, wanted: Candidates, off: frozenset[str]) -> _Sorted:
    """Which candidates a version can put into order, without those that are barred.

    Args:
        asked: Holds what is barred, by position.
        wanted: The candidates.
        off: What is barred, by id: the version may not know it.
    """
    known = asked.model.item_rows
    new = {} if asked.newcomers is None else asked.newcomers.rows
    rows = {item_id: known.get(item_id, new.get(item_id)) for item_id in wanted.item_ids if item_id not in off}
    positions = np.array([row for row in rows.values() if row is not None], np.intp)
    positions = positions[~np.isin(positions, asked.wanted.barred)]
    choice = Choice(asked.model, positions, asked.newcomers, wanted.explained, asked.max_reasons)
    return _Sorted(choice, tuple(item_id for item_id, row in rows.items() if row is None))


class CandidateMaking:
    """A `Making` that puts candidates into the order of whoever asks.

    Args:
        making: Knows users, and what must not be shown.
        wanted: The candidates.
    """

    def __init__(self, making: ListMaking, wanted: Candidates) -> None:
        self._making = making
        self._wanted = wanted

    def profile(
        self, loaded: LoadedVersion, user_id: str, *, is_refused: bool | None = None, rungs: Coldstart | None = None
    ) -> Profile:
        """Who asks.

        Raises:
            NotFound: `user_unknown`.
        """
        return self._making.profile(loaded, user_id, is_refused=is_refused, rungs=rungs)

    def for_user(self, by: Maker, profile: Profile, wish: Wish) -> KeptOutcome:
        """The candidates in a user's order; nothing of it is kept.

        Raises:
            Unavailable: `answer_unavailable`.
        """
        found, steps = self._asked(by, profile, wish)
        return KeptOutcome(found.with_unknown(self._making.first(by.loaded, steps)), by.loaded.label)

    def in_secret(self, by: Maker, wish: Wish, failed: Failed) -> Outcome:
        """The same, and nobody is told of it.

        Raises:
            Unavailable: `answer_unavailable`.
        """
        profile = self.profile(by.loaded, wish.user_id, is_refused=False, rungs=by.rungs)
        found, steps = self._asked(by, profile, wish)
        outcome = first_answer(steps, lambda source, error: failed(source, by.loaded.label, error))
        return found.with_unknown(outcome)

    def rehearsed(self, by: Maker, wish: Wish, tier: Source) -> None:
        """No lower tier puts candidates into an order."""

    def _asked(self, by: Maker, profile: Profile, wish: Wish) -> tuple[_Sorted, tuple[Step, ...]]:
        loaded, off, seen = by.loaded, set(self._making.hidden_by(wish.user_id)), STRANGER.items
        if self._wanted.filter_seen:
            off |= {*profile.standing.elsewhere, *profile.preferences.item_ids}
            seen = profile.taste.seen
        found = sort_out(_question(self._making, loaded, seen=seen, off=frozenset(off)), self._wanted, frozenset(off))
        return found, _user_steps(found.choice, by, profile)


def _question(making: ListMaking, loaded: LoadedVersion, *, seen: History, off: frozenset[str]) -> Question:
    return making.question(loaded, seen, off, limit=1, category=None)


def _user_steps(choice: Choice, by: Maker, profile: Profile) -> tuple[Step, ...]:
    """The rungs are those of lists: enough of a history is `personal`, less `blended`, none `popular`."""
    loaded, taste = by.loaded, profile.taste
    chose = has_chosen(profile.preferences)
    leaning = leaning_of(loaded.model, loaded.labels, profile.preferences) if chose else NO_LEANING
    count = learnt_from(loaded.model, taste.items)
    share = by.rungs.share(count)
    if not share and len(leaning.items):
        taste = with_chosen(taste, leaning.items, loaded.typical_value)
        share = by.rungs.chosen_share(count, len(leaning.items))
    return candidate_chain(choice, taste, share=share, within=leaning.within if share < 1 else None)


class Reranking:
    """Puts candidates into order, for users and for whoever shows something of their taste.

    Args:
        bench: The parts that answers are made with.

    Attributes:
        quick: Answers plain questions of most users in a part of the time.
    """

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self.quick = QuickReranking(bench, most=MOST_CANDIDATES, most_explained=MOST_EXPLAINED)

    def for_user(self, user_id: str, wanted: Candidates) -> Reranked:
        """Candidates in a user's order, by the version that answers them.

        Raises:
            NotFound: `user_unknown` unless such users get what is popular.
            Unavailable: `model_not_loaded`, `answer_unavailable`.
        """
        bench = self._bench
        started = bench.timer()
        loaded = bench.asked(1)
        users = bench.dividing(CandidateMaking(bench.making, wanted))
        given = users.given(loaded, Wish(user_id, len(wanted.item_ids)), started=started)
        shown, rest = _parted(given.kept, wanted.shown)
        answer = bench.telling.told("rerank", shown, started=started, user_id=user_id, given=given)
        return self._told(answer, rest, wanted)

    def for_clues(self, given: Given, wanted: Candidates) -> Reranked:
        """Candidates in the order of somebody of whom we know only some likes, or a session.

        Raises:
            BadInput: What is wrong with what was given of them.
            Unavailable: `model_not_loaded`, `answer_unavailable`.
        """
        bench = self._bench
        started = bench.timer()
        loaded = bench.asked(1)
        clues = given(bench, loaded)
        off = clues.item_ids if wanted.filter_seen else frozenset[str]()
        asked = _question(bench.making, loaded, seen=STRANGER.items, off=off)
        found = sort_out(asked, wanted, off)
        taste = clues.taste_with(loaded.model, asked.newcomers)
        rests = taste.factors is not None or bool(learnt_from(loaded.model, taste.items))
        steps = candidate_chain(found.choice, taste, share=1.0, was_learnt=rests)
        outcome = found.with_unknown(bench.making.first(loaded, steps))
        shown, rest = _parted(KeptOutcome(outcome, loaded.label), wanted.shown)
        answer = bench.telling.told("rerank", shown, started=started, unknown_items=clues.unknown)
        return self._told(answer, rest, wanted)

    def _told(self, answer: Answer, rest: Sequence[Recommendation], wanted: Candidates) -> Reranked:
        """What was shown, and behind it the rest; hidden items have had their last look then."""
        behind = as_said(rest, self._bench.live, now_ms=self._bench.now_ms())
        whole = replace(answer, items=(*answer.items, *behind))
        there = {item.item_id for item in whole.items}
        left_out = tuple(item_id for item_id in wanted.item_ids if item_id not in there)
        unknown = tuple(item.item_id for item in whole.items if isinstance(item, UnknownItem))
        return Reranked(whole, unknown, left_out)


def _parted(kept: KeptOutcome, shown: int) -> tuple[KeptOutcome, tuple[Recommendation, ...]]:
    """What is shown of an order, to be remembered, and the rest."""
    outcome = kept.outcome
    return replace(kept, outcome=replace(outcome, items=outcome.items[:shown])), outcome.items[shown:]
