"""The fallback chain: personal first, popular last, and each answer says which step it came from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tacit.errors import Unavailable
from tacit.models.recommender.model import RecommenderModel
from tacit.serving.answers import Recommendation, Source
from tacit.serving.retrieval import (
    Taste,
    Wanted,
    by_popularity,
    by_similarity,
    by_taste,
    explain,
    recommendations,
)


@dataclass(frozen=True)
class Step:
    """One way to answer.

    Attributes:
        source: What an answer of this step is labelled with.
        retrieve: Finds the items, from values it was given.
        is_rescue: Whether it steps in only when every step before it failed; an empty answer is no failure.
    """

    source: Source
    retrieve: Callable[[], tuple[Recommendation, ...]]
    is_rescue: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a chain came to."""

    source: Source
    items: tuple[Recommendation, ...]
    degraded: bool


def first_answer(steps: Sequence[Step], failed: Callable[[Source, Exception], None]) -> Outcome:
    """Ask each step in turn until one finds something; degraded if a step that was asked raised.

    Args:
        steps: The chain.
        failed: Told of each step that raised.

    Raises:
        Unavailable: `answer_unavailable` if every step raised.
    """
    outcome: Outcome | None = None
    failures = 0
    for step in steps:
        if step.is_rescue and outcome is not None:
            continue
        try:
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
    return replace(outcome, degraded=failures > 0)


def taste_chain(
    model: RecommenderModel, taste: Taste, wanted: Wanted, *, min_interactions: int, max_reasons: int
) -> tuple[Step, ...]:
    """The steps for somebody whose taste we know, if it rests on enough items that the model has factors for."""
    is_enough = int((taste.items < len(model.item_factors)).sum()) >= max(1, min_interactions)

    def personal() -> tuple[Recommendation, ...]:
        found = by_taste(model, taste, wanted)
        return recommendations(model, found, explain(model, taste, found.items, most=max_reasons))

    first = (Step("personal", personal),) if is_enough else ()
    return (*first, *popular_chain(model, wanted))


def similar_chain(model: RecommenderModel, item: int, wanted: Wanted) -> tuple[Step, ...]:
    """The steps for what is like an item; one without factors is taken for what is popular in its first category."""

    def similar() -> tuple[Recommendation, ...]:
        return recommendations(model, by_similarity(model, item, wanted))

    first = (Step("similar", similar),) if item < len(model.item_factors) else ()
    if wanted.category is not None or not model.items[item].categories:
        return (*first, *popular_chain(model, wanted))
    alike = replace(wanted, category=model.items[item].categories[0])
    return (*first, _popular_step(model, alike), _popular_step(model, wanted))


def popular_chain(model: RecommenderModel, wanted: Wanted) -> tuple[Step, ...]:
    """What is popular in the category asked for, or overall; what is asked for is left only to avoid an error."""
    if wanted.category is None:
        return (_popular_step(model, wanted),)
    rescue = replace(_popular_step(model, replace(wanted, category=None)), is_rescue=True)
    return (_popular_step(model, wanted), rescue)


def _popular_step(model: RecommenderModel, wanted: Wanted) -> Step:
    source: Source = "popular" if wanted.category is None else "category"
    return Step(source, lambda: recommendations(model, by_popularity(model, wanted)))
