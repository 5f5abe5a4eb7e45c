"""Items that somebody else chose, put into order: how good each is for a taste, all of them at once (pure)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tacit.models.recommender.model import RecommenderModel
from tacit.serving.answers import Recommendation, Source
from tacit.serving.fallback import Step
from tacit.serving.ladder import RANK_OFFSET, UNSCORED, Mask
from tacit.serving.newcomers import Newcomers
from tacit.serving.reasons import explain
from tacit.serving.retrieval import (
    Floats,
    Positions,
    Retrieved,
    Spoken,
    Taste,
    learnt_from,
    recommendations,
    spoken,
)


@dataclass(frozen=True)
class Choice:
    """What is to be put into order.

    Attributes:
        model: The one that answers.
        positions: `(n,)` of the items, each once, in the order given.
        newcomers: The items beside those it learnt.
        explained: How many are told why, from the first on.
        max_reasons: The most reasons for each.
    """

    model: RecommenderModel
    positions: Positions
    newcomers: Newcomers | None = None
    explained: int = 10
    max_reasons: int = 3


def candidate_chain(
    choice: Choice, taste: Taste, *, share: float, within: Mask | None = None, was_learnt: bool | None = None
) -> tuple[Step, ...]:
    """The steps that put candidates into order: by taste as far as there is one, else by what most users met.

    Every step returns all the candidates.  Equal ones keep the order given.

    Args:
        choice: The candidates.
        taste: Whose.
        share: How much of the order is theirs, from 0 to 1.
        within: `(items,)` which items have what they chose when asked; `None` if they chose nothing.
        was_learnt: Whether the taste rests on anything; found out from its items unless given.
    """
    if was_learnt is None:
        was_learnt = bool(learnt_from(choice.model, taste.items))
    rests = share if was_learnt else 0.0
    theirs = (_theirs(choice, taste, share=rests, within=within),) if rests else ()
    chosen = () if within is None else (_by_popularity(choice, "category", within),)
    return (*theirs, *chosen, _by_popularity(choice, "popular", None))


def scores_by_taste(
    model: RecommenderModel,
    taste: Taste,
    positions: Positions,
    *,
    newcomers: Newcomers | None = None,
    said: Spoken | None = None,
) -> Floats:
    """What lists are ordered by, for some items: `(n,)` float32, the same numbers; NaN for items without factors."""
    said = said or spoken(model, taste)
    query, bonus = said.query, said.bonus
    learnt = positions < len(model.item_factors)
    if learnt.all():
        return model.scores(query, positions, bonus=bonus)
    scores = np.full(len(positions), UNSCORED, np.float32)
    scores[learnt] = model.scores(query, positions[learnt], bonus=bonus)
    others = np.flatnonzero(~learnt)
    if newcomers is None or not len(others) or not len(newcomers.positions):
        return scores
    rows = np.minimum(np.searchsorted(newcomers.positions, positions[others]), len(newcomers.positions) - 1)
    is_one = (newcomers.positions[rows] == positions[others]) & newcomers.has_factors[rows]
    taken = newcomers.factors[rows[is_one]]
    scores[others[is_one]] = np.einsum("mk,k->m", taken, query, dtype=np.float64, casting="safe").astype(np.float32)
    return scores


def popularity(model: RecommenderModel, positions: Positions) -> Floats:
    """The share of all known users who met each item: `(n,)`; 0 for what the model does not know."""
    shares = np.zeros(len(positions), np.float32)
    known = positions < len(model.items)
    shares[known] = model.listeners[positions[known]] / max(1, len(model.user_ids))
    return shares


def best_first(scores: Floats, otherwise: Floats) -> Positions:
    """`(n,)` places by score; behind them those without one, by another measure; equal ones in the order given."""
    unscored = np.isnan(scores)
    by_other = np.where(unscored, -otherwise, 0)
    return np.lexsort((np.arange(len(scores)), by_other, np.where(unscored, 0, -scores), unscored))


def blended_scores(own: Floats, others: Floats, *, share: float) -> Floats:
    """Two orders of the same items as one, by the reciprocal of the rank in each, as blended lists are made.

    Args:
        own: `(n,)` scores by taste; an item without one has no place in that order.
        others: `(n,)` another measure; what has 0 has no place in that order.
        share: The weight of the first, in (0, 1].

    Returns:
        `(n,)`; NaN for what has a place in neither.
    """
    found = share * _reciprocal(own, ~np.isnan(own)) + (1 - share) * _reciprocal(others, others > 0)
    return np.where(found > 0, found, UNSCORED).astype(np.float32)


def _reciprocal(scores: Floats, counts: Mask) -> Floats:
    order = np.argsort(np.where(counts, -scores, np.inf), kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    return np.asarray(np.where(counts, 1 / (RANK_OFFSET + ranks), 0.0), np.float32)


def _theirs(choice: Choice, taste: Taste, *, share: float, within: Mask | None) -> Step:
    model, positions, newcomers = choice.model, choice.positions, choice.newcomers

    def ranked() -> tuple[Recommendation, ...]:
        said = spoken(model, taste)
        own = scores_by_taste(model, taste, positions, newcomers=newcomers, said=said)
        met = popularity(model, positions)
        liked = met if within is None else np.where(_bears(within, positions), met, 0)
        scores = own if share == 1 else blended_scores(own, np.asarray(liked, np.float32), share=share)
        order = best_first(scores, met)
        top = order[: choice.explained]
        scored = positions[top[~np.isnan(own[top])]]
        told = explain(model, taste, scored, most=choice.max_reasons, newcomers=newcomers, said=said)
        reasons, why = iter(told), ~np.isnan(own[top])
        because = [next(reasons) if has else () for has in why.tolist()]
        because += [()] * (len(order) - len(top))
        return recommendations(model, Retrieved(positions[order], scores[order]), because, newcomers=newcomers)

    return Step("personal" if share == 1 else "blended", ranked)


def _by_popularity(choice: Choice, source: Source, within: Mask | None) -> Step:
    """By the share of users who met each; what somebody chose when asked stands before all else, one point higher."""

    def ranked() -> tuple[Recommendation, ...]:
        scores = popularity(choice.model, choice.positions)
        if within is not None:
            scores = scores + _bears(within, choice.positions).astype(np.float32)
        order = best_first(scores, scores)
        found = Retrieved(choice.positions[order], scores[order])
        return recommendations(choice.model, found, newcomers=choice.newcomers)

    return Step(source, ranked)


def _bears(within: Mask, positions: Positions) -> Mask:
    """Which items have what was chosen; of those that the version does not know it is not known."""
    found = np.zeros(len(positions), bool)
    known = positions < len(within)
    found[known] = within[positions[known]]
    return found
