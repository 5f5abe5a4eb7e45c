"""Ways to find items, as functions of one loaded model and a question (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tacit.models.recommender.engines.interfaces import Found
from tacit.models.recommender.model import RecommenderModel
from tacit.serving.answers import ItemView, Reason, Recommendation

Floats = NDArray[np.float32]
Positions = NDArray[np.intp]
History = NDArray[np.int32]

_LEAST_SHARE = 1e-4
"""What contributed less than a hundredth of a per cent is no reason."""


@dataclass(frozen=True)
class Wanted:
    """What may be recommended, and how much of it.

    Attributes:
        limit: The most items.
        barred: `(n,)` positions that must not be recommended: seen, or excluded by the caller.
        category: The only category to recommend from; `None` for all.
    """

    limit: int
    barred: Positions
    category: str | None = None


@dataclass(frozen=True)
class Taste:
    """What somebody likes, as the model sees it.

    Attributes:
        items: `(d,)` positions of their history, ascending.
        values: `(d,)` how much of each.
        factors: `(k,)` their vector; `None` to have it folded in from the history when it is needed.
    """

    items: History
    values: Floats
    factors: Floats | None = None


@dataclass(frozen=True)
class Retrieved:
    """Positions of the items found, the best first, and what they are ordered by: both `(n,)`."""

    items: Positions
    scores: Floats


def taste_of(model: RecommenderModel, row: int) -> Taste:
    """The taste of a user the model knows."""
    items, values = model.history(row)
    return Taste(items, values, model.user_factors[row])


def taste_for(liked: Iterable[int], value: float) -> Taste:
    """The taste of somebody of whom we know nothing but what they like.

    Args:
        liked: Item positions; one that stands there twice counts once.
        value: How much each like is worth, in the unit of the model's values.
    """
    items = np.unique(np.fromiter(liked, np.int32))
    return Taste(items, np.full(len(items), value, np.float32))


def barred(model: RecommenderModel, seen: History, excluded: Iterable[str]) -> Positions:
    """Positions of what must not be recommended; ids that name nothing bar nothing."""
    rows = (model.item_rows.get(item_id) for item_id in excluded)
    named = np.array([row for row in rows if row is not None], np.intp)
    return np.union1d(seen.astype(np.intp), named)


def by_taste(model: RecommenderModel, taste: Taste, wanted: Wanted) -> Retrieved:
    """What suits a taste best, exactly, of the items with factors."""
    only = None if wanted.category is None else model.category_filter(wanted.category)
    factors = model.fold_in(taste.items, taste.values) if taste.factors is None else taste.factors
    return _retrieved(model.recommend(factors, wanted.limit, met=taste.items, excluded=wanted.barred, only=only))


def by_similarity(model: RecommenderModel, item: int, wanted: Wanted) -> Retrieved:
    """What is most like an item that has factors, exactly; never the item itself."""
    only = None if wanted.category is None else model.category_filter(wanted.category, of=model.unit_index)
    return _retrieved(model.similar(item, wanted.limit, excluded=wanted.barred, only=only))


def by_popularity(model: RecommenderModel, wanted: Wanted) -> Retrieved:
    """What most users met, overall or within the wanted category; items nobody met are not popular."""
    ranked = model.popular.get(wanted.category or "", np.empty(0, np.int32)).astype(np.intp)
    allowed = ranked[~np.isin(ranked, wanted.barred)][: wanted.limit]
    if len(allowed) < wanted.limit:
        # The lists of a version are cut off; whoever has seen that far is served from the whole catalogue.
        allowed = _popular_of_all(model, wanted)
    shares = model.listeners[allowed] / max(1, len(model.user_ids))
    return Retrieved(allowed, shares.astype(np.float32))


def explain(model: RecommenderModel, taste: Taste, found: Positions, *, most: int) -> list[tuple[Reason, ...]]:
    """For each item found, the items of the history that contributed most to its score, the strongest first.

    A reason's share is its part of all positive contributions: what speaks against an item explains nothing.
    """
    if not len(found):
        return []
    explaining, contributions = model.contributions(taste.items, taste.values, found)  # (d,), (found, d)
    positive = np.maximum(contributions, 0)
    shares = positive / np.maximum(positive.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    strongest = np.argsort(-shares, axis=1, kind="stable")[:, :most]
    return [
        tuple(
            _reason(model, int(explaining[column]), float(row[column]))
            for column in columns
            if row[column] >= _LEAST_SHARE
        )
        for row, columns in zip(shares, strongest, strict=True)
    ]


def recommendations(
    model: RecommenderModel, found: Retrieved, reasons: Sequence[tuple[Reason, ...]] = ()
) -> tuple[Recommendation, ...]:
    """The items found, in words."""
    told = reasons or [()] * len(found.items)
    return tuple(
        Recommendation(item.item_id, item.title, item.categories, round(score, 6), because)
        for item, score, because in zip(
            (model.items[row] for row in found.items.tolist()), found.scores.tolist(), told, strict=True
        )
    )


def view(model: RecommenderModel, row: int) -> ItemView:
    """What the model knows of an item."""
    item = model.items[row]
    return ItemView(item.item_id, item.title, item.categories, item.tags, int(model.listeners[row]))


def _reason(model: RecommenderModel, row: int, share: float) -> Reason:
    item = model.items[row]
    return Reason(item.item_id, item.title, round(share, 4))


def _popular_of_all(model: RecommenderModel, wanted: Wanted) -> Positions:
    ranked = model.ranked
    if wanted.category is not None:
        ranked = ranked[model.categories[wanted.category][ranked]]
    return ranked[~np.isin(ranked, wanted.barred)][: wanted.limit]


def _retrieved(found: Found) -> Retrieved:
    return Retrieved(found.items.astype(np.intp), found.scores)
