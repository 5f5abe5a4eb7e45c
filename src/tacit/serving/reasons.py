"""Why something is recommended: what of a history speaks for it, and how much (pure)."""

from __future__ import annotations

import numpy as np

from tacit.models.recommender.engines.interfaces import Bonus
from tacit.models.recommender.model import RecommenderModel
from tacit.serving.answers import Reason
from tacit.serving.newcomers import Newcomers
from tacit.serving.retrieval import Floats, Positions, Spoken, Taste, has_learnt
from tacit.serving.rounding import rounded

_LEAST_SHARE = 1e-4
"""What contributed less than a hundredth of a per cent is no reason."""


def explain(
    model: RecommenderModel,
    taste: Taste,
    found: Positions,
    *,
    most: int,
    newcomers: Newcomers | None = None,
    said: Spoken | None = None,
) -> list[tuple[Reason, ...]]:
    """For each item found, the items of the history that contributed most to its score, the strongest first.

    A reason's share is its part of all positive contributions: what speaks against an item explains nothing.
    """
    strongest = strongest_reasons(model, taste, found, most=most, newcomers=newcomers, said=said)
    if strongest is None:
        return [()] * len(found)
    rows, shares = strongest
    items = model.items
    return [
        tuple(
            [
                Reason(item.item_id, item.title, share)
                for row, share in zip(*told, strict=True)
                if row >= 0
                for item in (items[row],)
            ]
        )
        for told in zip(rows.tolist(), rounded(shares, 4), strict=True)
    ]


def strongest_reasons(
    model: RecommenderModel,
    taste: Taste,
    found: Positions,
    *,
    most: int,
    newcomers: Newcomers | None = None,
    said: Spoken | None = None,
) -> tuple[Positions, Floats] | None:
    """The same as positions, -1 where there are no more, and shares: `(found, most)` both; `None` for no reasons."""
    if not len(found) or not has_learnt(model, taste.items, 1):
        return None
    told = _at_hand(model, taste, found, most=most)
    if told is not None:
        return told
    bonus = None if said is None else said.bonus
    explaining, contributions = _contributions(model, taste, found, newcomers=newcomers, bonus=bonus)
    if taste.emphasis is not None:
        contributions = contributions * taste.emphasis[taste.items < len(model.item_factors)]
    columns, shares = model.engine.strongest(contributions, most, least=_LEAST_SHARE)
    return np.where(columns >= 0, explaining[columns], -1), shares


def _at_hand(model: RecommenderModel, taste: Taste, found: Positions, *, most: int) -> tuple[Positions, Floats] | None:
    """The same from what is prepared of the history; `None` where not the factors alone say why."""
    if taste.emphasis is not None:
        return None
    explainer = model.explainer(taste.items, taste.values, against=taste.against, row=taste.row)
    if explainer is None:
        return None
    told = explainer.strongest(found.astype(np.intp, copy=False), most, least=_LEAST_SHARE)
    return None if told is None else (told[0].astype(np.intp), told[1])


def _contributions(
    model: RecommenderModel, taste: Taste, found: Positions, *, newcomers: Newcomers | None, bonus: Bonus | None
) -> tuple[Positions, Floats]:
    is_new = found >= len(model.item_factors)
    learnt = found[~is_new]
    explaining, of_learnt = model.contributions(taste.items, taste.values, learnt, against=taste.against, bonus=bonus)
    if newcomers is None or not is_new.any():
        return explaining, of_learnt
    both = np.empty((len(found), len(explaining)), np.float32)
    both[~is_new] = of_learnt
    factors = newcomers.factors_at(found[is_new])
    both[is_new] = model.contributions_to(taste.items, taste.values, factors, against=taste.against)
    return explaining, both
