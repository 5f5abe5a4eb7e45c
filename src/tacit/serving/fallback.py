"""The fallback chain: personal, blended, category, popular, static; each answer says which step it came from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from msgspec import Struct, structs

from tacit.errors import Unavailable
from tacit.models.recommender.model import RecommenderModel
from tacit.monitoring import tracing
from tacit.serving.answers import Recommendation, Source
from tacit.serving.budgets import current_budget
from tacit.serving.item_fields import ItemFields
from tacit.serving.ladder import NO_LEANING, Coldstart, Leaning, Mask, fused, likings, reciprocal_ranks
from tacit.serving.newcomers import Newcomers
from tacit.serving.profiles import with_chosen
from tacit.serving.ready_made import NOTHING_READY, ReadyMade
from tacit.serving.reasons import explain
from tacit.serving.retrieval import (
    Retrieved,
    Taste,
    Wanted,
    by_popularity,
    by_popularity_within,
    by_similarity,
    by_taste,
    has_learnt,
    item_at,
    leading_category,
    learnt_from,
    recommendations,
    spoken,
)
from tacit.serving.rules import Doubles, lifted
from tacit.serving.shapes import Shape

_DEEP = 100
_DEEPEST = 1_000
"""How far into both lists a blended one looks: twice its length, within these bounds, and as far as it is long."""

_NEAR = 50
"""Of so many popular items the plainer one takes the best, at least."""


# Some are made for each answer of which most are never asked: a dataclass takes six times as long to make.
class Step(Struct, frozen=True):
    """One way to answer.

    Attributes:
        source: What an answer of this step is labelled with.
        retrieve: Finds the items, from values it was given.
        is_rescue: Whether it steps in only when every step before it failed; an empty answer is no failure.
        is_ready: Whether it costs no more than the last one, so that it is asked also where time or room is spent.
    """

    source: Source
    retrieve: Callable[[], tuple[Recommendation, ...]]
    is_rescue: bool = False
    is_ready: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a chain came to."""

    source: Source
    items: tuple[Recommendation, ...]
    degraded: bool


def first_answer(steps: Sequence[Step], failed: Callable[[Source, Exception], None]) -> Outcome:
    """Ask each step in turn until one finds something; degraded if a step that was asked raised, or for want of time or
    room could not be asked.  What is ready and the last are always asked.

    Args:
        steps: The chain.
        failed: Told of each step that raised.

    Raises:
        Unavailable: `answer_unavailable` if every step raised.
    """
    outcome: Outcome | None = None
    budget, failures = current_budget(), 0
    for step in steps:
        if step.is_rescue and outcome is not None:
            continue
        if budget.is_spent and not step.is_ready and step is not steps[-1]:
            failures += 1
            continue
        try:
            with tracing.step(step.source):
                items = step.retrieve()
        except Exception as error:
            failures += 1
            failed(step.source, error)
            continue
        outcome = Outcome(step.source, items, degraded=failures > 0)
        if items:
            return outcome
    if outcome is None:
        raise Unavailable("answer_unavailable", "Every way to answer failed; the log says why.", fix="Try again.")
    return replace(outcome, degraded=True) if failures else outcome


@dataclass(frozen=True)
class Question:
    """What every step of a chain needs.

    Attributes:
        model: The one that answers.
        wanted: What may be recommended.
        newcomers: The items beside those it learnt.
        max_reasons: The most reasons per recommendation.
        revision: A revision of the catalogue that is kept to; later ones may be.
        shape: How the list is chosen from what is found; `None` for the best there are.
        fields: What is known of items by position, where the rules ask.
        ready: What the version keeps ready for the day when every other step fails.
    """

    model: RecommenderModel
    wanted: Wanted
    newcomers: Newcomers | None = None
    max_reasons: int = 3
    revision: int = 0
    shape: Shape | None = None
    fields: ItemFields | None = None
    ready: ReadyMade = NOTHING_READY

    def allowed(self, item_ids: Sequence[str]) -> frozenset[str]:
        """Which of some items may be in the answer, if they stand there in this order."""
        new = {} if self.newcomers is None else self.newcomers.rows
        rows = {item_id: self.model.item_rows.get(item_id, new.get(item_id)) for item_id in item_ids}
        known = {item_id: row for item_id, row in rows.items() if row is not None}
        is_barred = np.isin(np.array(list(known.values()), np.intp), self.wanted.barred)
        free = [item_id for item_id, off in zip(known, is_barred.tolist(), strict=True) if not off]
        if self.shape is None or self.fields is None:
            return frozenset(free)
        room = self.shape.room()
        return frozenset(item_id for item_id in free if room.let_in(self.fields.categories_at(known[item_id])))


def taste_chain(asked: Question, taste: Taste) -> tuple[Step, ...]:
    """The steps for somebody of whom we know only what they like, if the version has factors for any of it."""
    has_vector = taste.factors is not None or learnt_from(asked.model, taste.items)
    first = (_personal_step(asked, taste), *_history_steps(asked, taste)) if has_vector else ()
    return (*first, *popular_chain(asked))


def user_chain(
    asked: Question, taste: Taste, *, coldstart: Coldstart, leaning: Leaning = NO_LEANING, like_value: float = 1.0
) -> tuple[Step, ...]:
    """The steps for a user, by how much of their history the version learnt from.

    Enough is `personal`; less, or items they chose when asked, is `blended` with what is popular; below that, and where
    nothing else is found, they get what is popular among what they chose, then what is popular.  Behind a list of their
    own stand a blended one that searches nothing, and what is popular in the category of their history.

    Args:
        asked: The question.
        taste: Their history.
        coldstart: How much is enough.
        leaning: What they chose when asked.
        like_value: What a chosen item counts, in the unit of the history's values.
    """
    # Beyond what is enough, nobody asks how much it is.
    is_enough = has_learnt(asked.model, taste.items, coldstart.personal_from)
    count = coldstart.personal_from if is_enough else learnt_from(asked.model, taste.items)
    share = coldstart.share(count)
    if share == 1:
        plainer = _plainer_step(asked, taste)
        return (_personal_step(asked, taste), plainer, *_history_steps(asked, taste), *popular_chain(asked))
    if not share and len(leaning.items):
        taste = with_chosen(taste, leaning.items, like_value)
        share = coldstart.chosen_share(count, len(leaning.items)) if learnt_from(asked.model, taste.items) else 0.0
    first = (_blended_step(asked, taste, share=share, within=leaning.within),) if share else ()
    if leaning.within is not None and asked.wanted.category is None:
        return (*first, _chosen_step(asked, leaning.within), *popular_chain(asked))
    return (*first, *(_history_steps(asked, taste) if share else ()), *popular_chain(asked))


def _personal_step(asked: Question, taste: Taste) -> Step:
    model, newcomers = asked.model, asked.newcomers

    def personal() -> tuple[Recommendation, ...]:
        with tracing.step("fold in"):
            said = spoken(model, taste)
        with tracing.step("retrieve"):
            found = by_taste(model, taste, asked.wanted, newcomers=newcomers, said=said)
        with tracing.step("explain"):
            reasons = explain(model, taste, found.items, most=asked.max_reasons, newcomers=newcomers, said=said)
        return recommendations(model, found, reasons, newcomers=newcomers)

    return Step("personal", personal)


def _blended_step(asked: Question, taste: Taste, *, share: float, within: Mask | None) -> Step:
    """Theirs and the popular list as one; only what their taste found has reasons in their history."""
    model, newcomers = asked.model, asked.newcomers
    wanted = asked.wanted
    depth = max(wanted.limit, min(_DEEPEST, max(_DEEP, 2 * wanted.limit)))

    def blended() -> tuple[Recommendation, ...]:
        deep = Wanted(depth, wanted.barred, wanted.category, wanted.factors)
        with tracing.step("fold in"):
            said = spoken(model, taste)
        with tracing.step("retrieve"):
            own = by_taste(model, taste, deep, newcomers=newcomers, said=said)
        if not len(own.items):
            return ()
        if within is None or deep.category is not None:
            others = by_popularity(model, deep)
        else:
            others = by_popularity_within(model, within, deep)
        found = fused(own, others, share=share, limit=wanted.limit)
        explained = found.items[np.isin(found.items, own.items)]
        with tracing.step("explain"):
            reasons = explain(model, taste, explained, most=asked.max_reasons, newcomers=newcomers, said=said)
        by_item = dict(zip(explained.tolist(), reasons, strict=True))
        told = [by_item.get(item, ()) for item in found.items.tolist()]
        return recommendations(model, found, told, newcomers=newcomers)

    return Step("blended", blended)


def _plainer_step(asked: Question, taste: Taste) -> Step:
    """Of what is popular, the best by their taste: nothing is searched, no second voice heard, no reason given."""
    model, wanted = asked.model, asked.wanted

    def blended() -> tuple[Recommendation, ...]:
        popular = by_popularity(model, replace(wanted, limit=max(_NEAR, wanted.limit))).items
        suits: Doubles = likings(model, taste, popular).astype(np.float64)
        if wanted.factors is not None:
            suits = lifted(suits, wanted.factors[popular])
        if np.isnan(suits).all():
            return ()
        best = (-suits).argsort(kind="stable")[: wanted.limit]
        return recommendations(model, Retrieved(popular[best], reciprocal_ranks(len(best))))

    return Step("blended", blended)


def _history_steps(asked: Question, taste: Taste) -> tuple[Step, ...]:
    """What is popular in the category that a history is most about, unless a category was asked for."""

    def of_history() -> tuple[Recommendation, ...]:
        category = leading_category(asked.model, taste)
        wanted = replace(asked.wanted, category=category)
        return () if category is None else recommendations(asked.model, by_popularity(asked.model, wanted))

    return () if asked.wanted.category is not None else (Step("category", of_history),)


def _chosen_step(asked: Question, within: Mask) -> Step:
    """What is popular among what somebody chose."""
    model = asked.model
    return Step("category", lambda: recommendations(model, by_popularity_within(model, within, asked.wanted)))


def similar_chain(asked: Question, item: int) -> tuple[Step, ...]:
    """The steps for what is like an item; one without factors is taken for what is popular in its first category."""
    model, newcomers, wanted = asked.model, asked.newcomers, asked.wanted

    def similar() -> tuple[Recommendation, ...]:
        return recommendations(model, by_similarity(model, item, wanted, newcomers=newcomers), newcomers=newcomers)

    first = (Step("similar", similar),) if _has_factors(asked, item) else ()
    category = next((name for name in item_at(model, item, newcomers).categories if name in model.categories), None)
    if wanted.category is not None or category is None:
        return (*first, *popular_chain(asked))
    of_category = Step("category", lambda: _popular(model, replace(wanted, category=category)))
    return (*first, of_category, *popular_chain(asked))


def _has_factors(asked: Question, item: int) -> bool:
    if item < len(asked.model.item_factors) or asked.newcomers is None:
        return item < len(asked.model.item_factors)
    return bool(asked.newcomers.factors_at(np.array([item])).any())


def popular_chain(asked: Question) -> tuple[Step, ...]:
    """What is popular in the category asked for, or overall; what is asked for is left only to avoid an error.

    The last step is what the version keeps ready: it is asked only where every one before it raised.
    """
    model, wanted, ready = asked.model, asked.wanted, asked.ready
    static = (Step("static", lambda: ready.allowed(wanted), is_rescue=True),) if ready.items else ()
    if wanted.category is None:
        return (_popular_step(model, wanted), *static)
    rescue = structs.replace(_popular_step(model, replace(wanted, category=None)), is_rescue=True)
    return (_popular_step(model, wanted), rescue, *static)


def _popular_step(model: RecommenderModel, wanted: Wanted) -> Step:
    source: Source = "popular" if wanted.category is None else "category"
    return Step(source, lambda: _popular(model, wanted))


def _popular(model: RecommenderModel, wanted: Wanted) -> tuple[Recommendation, ...]:
    return recommendations(model, by_popularity(model, wanted))
