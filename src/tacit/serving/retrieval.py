"""Ways to find items, as functions of one loaded model and a question (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tacit.data.catalog import Item
from tacit.models.recommender.engines.interfaces import Bonus, Found
from tacit.models.recommender.folding import NOTHING_AGAINST, Against
from tacit.models.recommender.model import RecommenderModel
from tacit.serving.answers import ItemView, Reason, Recommendation
from tacit.serving.newcomers import Newcomers, best_products, merged
from tacit.serving.rounding import rounded
from tacit.serving.rules import lifted

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Positions = NDArray[np.intp]
History = NDArray[np.int32]
Mask = NDArray[np.bool_]

_MOST_AT_ONCE = 1_000
"""What an index finds in one search."""

_NOTHING: History = np.empty(0, np.int32)

_MANY = 2_000
"""Barred positions, from which on a mask is faster than a set."""

_TELLING = 50
"""Items of a history, the strongest, that say what it is most about."""


@dataclass(frozen=True)
class Wanted:
    """What may be recommended, and how much of it.

    Attributes:
        limit: The most items.
        barred: `(n,)` positions that must not be recommended: seen, or excluded by the caller.
        category: The only category to recommend from; `None` for all.
        factors: `(items,)` what each item's score is lifted by, newcomers included; `None` where all count alike.
    """

    limit: int
    barred: Positions
    category: str | None = None
    factors: Doubles | None = None

    @property
    def is_plain(self) -> bool:
        """Whether what is best among all that is not barred is wanted, of which one search finds enough."""
        return self.category is None and self.factors is None and self.limit < _MOST_AT_ONCE


@dataclass(frozen=True)
class Taste:
    """What somebody likes, as the model sees it.

    Attributes:
        items: `(d,)` positions of their history, ascending.
        values: `(d,)` how much of each.
        factors: `(k,)` their vector; `None` to have it folded in from the history when it is needed.
        against: What speaks against other items.
        shunned: `(s,)` positions of what they met and did not like, those with nothing to say either way included.
        row: The version's user whose history it is as it stands; `None` for anything else.
        emphasis: `(d,)` how much more or less each item explains than its value says; `None` for as much.
    """

    items: History
    values: Floats
    factors: Floats | None = None
    against: Against = NOTHING_AGAINST
    shunned: History = field(default_factory=lambda: _NOTHING)
    emphasis: Floats | None = None
    row: int | None = None

    @property
    def seen(self) -> History:
        """`(d + s,)` positions of all they met."""
        return np.concatenate((self.items, self.shunned)) if len(self.shunned) else self.items


@dataclass(frozen=True)
class Retrieved:
    """Positions of the items found, the best first, and what they are ordered by: both `(n,)`."""

    items: Positions
    scores: Floats


def taste_of(model: RecommenderModel, row: int) -> Taste:
    """The taste of a user the model knows."""
    items, values = model.history(row)
    return Taste(items, values, model.user_factors[row], row=row)


def taste_for(liked: Iterable[int], value: float) -> Taste:
    """The taste of somebody of whom we know nothing but what they like.

    Args:
        liked: Item positions; one that stands there twice counts once.
        value: How much each like is worth, in the unit of the model's values.
    """
    items = np.unique(np.fromiter(liked, np.int32))
    return Taste(items, np.full(len(items), value, np.float32))


def learnt_from(model: RecommenderModel, items: History) -> int:
    """How many of some items the model has factors for: what a taste can rest on."""
    return int((items < len(model.item_factors)).sum())


def has_learnt(model: RecommenderModel, items: History, number: int) -> bool:
    """Whether the model has factors for so many of some items, ascending by position: told by one of them."""
    return number <= 0 or (number <= len(items) and int(items[number - 1]) < len(model.item_factors))


def leading_category(model: RecommenderModel, taste: Taste) -> str | None:
    """The category that most of a history's strongest items have, ties by name; `None` if they have none."""
    strongest = taste.items[np.argsort(-taste.values, kind="stable")[:_TELLING]]
    items = model.items
    counts = Counter([name for row in strongest.tolist() for name in items[row].categories])
    most = max(counts.values(), default=0)
    return min([name for name, count in counts.items() if count == most], default=None)


def barred(
    model: RecommenderModel,
    seen: History,
    excluded: Iterable[str],
    *,
    newcomers: Newcomers | None = None,
    ascending: bool = False,
) -> Positions:
    """Positions of what must not be recommended, ascending; ids that name nothing bar nothing.

    Args:
        ascending: Whether what was seen stands in that order, each once.
    """
    new = {} if newcomers is None else newcomers.rows
    rows = [model.item_rows.get(item_id, new.get(item_id)) for item_id in excluded]
    found = [row for row in rows if row is not None]
    if not len(seen):
        return np.array(sorted(set(found)), np.intp)
    if ascending and not found:
        return seen.astype(np.intp)
    named = np.array(found, np.intp)
    every = np.concatenate((seen, named), dtype=np.intp)
    every.sort()
    is_new = np.append(True, every[1:] != every[:-1]) if len(every) else np.empty(0, bool)
    return every if is_new.all() else every[is_new]


def boosted(find: Callable[[Wanted], Retrieved], wanted: Wanted) -> Retrieved:
    """What has the highest scores once each is lifted by its item's factor: exactly, ties by position.

    Items of one factor keep their order when they are lifted (`rules.lifted`), so that the best `limit` of all are
    among the best `limit` of each factor.  So the way to find items is asked once for each factor there is, with all
    others barred: O(factors (items + search)).  Of factors the rules allow 121 at most; one boost makes two.

    Args:
        find: Finds items by their own scores, exactly, ties by position.
        wanted: What may be recommended; without factors it is asked for as it is.
    """
    if wanted.factors is None:
        return find(wanted)
    off = np.zeros(len(wanted.factors), bool)
    off[wanted.barred[wanted.barred < len(off)]] = True
    items, scores = [np.empty(0, np.intp)], [np.empty(0)]
    for factor in np.unique(wanted.factors[~off]).tolist():
        others = np.flatnonzero(off | (wanted.factors != factor))
        found = find(replace(wanted, barred=others, factors=None))
        items.append(found.items)
        scores.append(lifted(found.scores.astype(np.float64), factor))
    every, by = np.concatenate(items), np.concatenate(scores)
    best = np.lexsort((every, -by))[: wanted.limit]
    return Retrieved(every[best], by[best].astype(np.float32))


@dataclass(frozen=True)
class Spoken:
    """A taste as an index is asked for it, worked out once for finding and for explaining.

    Attributes:
        query: `(k,)` float32.
        bonus: What the second voice adds, if there is one.
    """

    query: Floats
    bonus: Bonus | None = None


def factors_of(model: RecommenderModel, taste: Taste) -> Floats:
    """The vector of a taste, `(k,)`, folded in where there is none."""
    if taste.factors is not None:
        return taste.factors
    return model.fold_in(taste.items, taste.values, against=taste.against)


def spoken(model: RecommenderModel, taste: Taste) -> Spoken:
    """What an index is asked for a taste."""
    # Folded in, the factors may not be those that the version keeps for its user.
    row = None if taste.factors is None else taste.row
    return Spoken(*model.query(factors_of(model, taste), taste.items, row=row))


def _if_any(newcomers: Newcomers | None) -> Newcomers | None:
    return newcomers if newcomers is not None and newcomers.items else None


def by_taste(
    model: RecommenderModel,
    taste: Taste,
    wanted: Wanted,
    *,
    newcomers: Newcomers | None = None,
    said: Spoken | None = None,
) -> Retrieved:
    """What suits a taste best, exactly, of the items with factors and of those taken to have some.

    Args:
        model: The one that answers.
        taste: Whose.
        wanted: What may be found, and how much of it.
        newcomers: The items beside those it learnt.
        said: The taste as `spoken` has it; worked out unless given.
    """
    said = said or spoken(model, taste)
    query, bonus = said.query, said.bonus
    newcomers = _if_any(newcomers)
    if newcomers is None and wanted.is_plain:
        return _retrieved(model.find(query, wanted.limit, excluded=wanted.barred, bonus=bonus))

    def find(wanted: Wanted) -> Retrieved:
        only = None if wanted.category is None else model.category_filter(wanted.category)
        found = _deep(lambda count, off: model.find(query, count, excluded=off, only=only, bonus=bonus), wanted)
        if newcomers is None:
            return found
        return _with_newcomers(
            found, newcomers, query, factors=newcomers.factors, wanted=wanted, among=newcomers.has_factors
        )

    return boosted(find, wanted)


def by_similarity(
    model: RecommenderModel, item: int, wanted: Wanted, *, newcomers: Newcomers | None = None
) -> Retrieved:
    """What is most like an item that has factors, or is taken to, exactly; never the item itself.

    Of the newcomers those that nobody listened to yet are like everything of their categories, and are left out.
    """
    newcomers = _if_any(newcomers)
    at_hand = _alike_at_hand(model, item, wanted) if newcomers is None and wanted.is_plain else None
    if at_hand is not None:
        return at_hand
    query = unit_factors_of(model, item, newcomers)

    def find(wanted: Wanted) -> Retrieved:
        found = _alike_at_hand(model, item, wanted)
        if found is None:
            only = None if wanted.category is None else model.category_filter(wanted.category, of=model.unit_index)
            found = _deep(lambda count, off: model.alike(query, count, excluded=off, only=only), wanted)
        if newcomers is None:
            return found
        return _with_newcomers(
            found, newcomers, query, factors=newcomers.unit_factors, wanted=wanted, among=newcomers.is_heard
        )

    return boosted(find, replace(wanted, barred=np.append(wanted.barred, item)))


def _alike_at_hand(model: RecommenderModel, item: int, wanted: Wanted) -> Retrieved | None:
    """The same without a search, where the version keeps what is most like the item and enough of that is wanted."""
    found = model.similar_at_hand(item, wanted.limit, excluded=wanted.barred, category=wanted.category)
    return None if found is None else _retrieved(found)


def unit_factors_of(model: RecommenderModel, item: int, newcomers: Newcomers | None) -> Floats:
    """`(k,)` direction of an item that has factors, or is taken to."""
    if item < len(model.item_factors) or newcomers is None:
        return np.asarray(model.unit_factors[item])
    return np.asarray(newcomers.unit_factors[np.searchsorted(newcomers.positions, item)])


def _with_newcomers(
    found: Retrieved, newcomers: Newcomers, query: Floats, *, factors: Floats, wanted: Wanted, among: Mask
) -> Retrieved:
    """What was found and the newcomers that may be shown, by one score."""
    may = among & newcomers.within(wanted.category) & newcomers.without(wanted.barred)
    if not may.any():
        return found
    rows, scores = best_products(factors, query, may=may, limit=wanted.limit, longest=max(1.0, newcomers.longest))
    new = newcomers.positions[rows]
    return Retrieved(*merged(found.items, found.scores, new=new, of_new=scores, limit=wanted.limit))


def by_popularity(model: RecommenderModel, wanted: Wanted) -> Retrieved:
    """What most users met, overall or within the wanted category; items nobody met are not popular."""

    def find(wanted: Wanted) -> Retrieved:
        ranked = model.popular.get(wanted.category or "", _NOTHING)
        allowed = _first_free(ranked, wanted)
        if len(allowed) < wanted.limit:
            # The lists of a version are cut off; whoever has seen that far is served from the whole catalogue.
            allowed = _popular_of_all(model, wanted)
        return _by_listeners(model, allowed)

    return find(wanted) if wanted.factors is None else boosted(find, wanted)


def _first_free(ranked: History, wanted: Wanted) -> Positions:
    """The first of some positions, each there once, that are not barred: as far as it takes to find them."""
    if len(wanted.barred) > _MANY:
        return ranked[~np.isin(ranked, wanted.barred)][: wanted.limit].astype(np.intp)
    off = set(wanted.barred.tolist())
    first = ranked[: wanted.limit + len(off)].tolist()
    return np.array([position for position in first if position not in off][: wanted.limit], np.intp)


def by_popularity_within(model: RecommenderModel, within: Mask, wanted: Wanted) -> Retrieved:
    """What most users met of some items: `(items,)` which."""
    ranked = model.ranked[within[model.ranked]]
    return boosted(lambda wanted: _by_listeners(model, ranked[~np.isin(ranked, wanted.barred)][: wanted.limit]), wanted)


def recommendations(
    model: RecommenderModel,
    found: Retrieved,
    reasons: Sequence[tuple[Reason, ...]] = (),
    *,
    newcomers: Newcomers | None = None,
) -> tuple[Recommendation, ...]:
    """The items found, in words."""
    told = reasons or [()] * len(found.items)
    known, stop = model.items, len(model.items)
    return tuple(
        [
            Recommendation(item.item_id, item.title, item.categories, score, because)
            for row, score, because in zip(found.items.tolist(), rounded(found.scores, 6), told, strict=True)
            for item in (known[row] if row < stop else item_at(model, row, newcomers),)
        ]
    )


def item_at(model: RecommenderModel, position: int, newcomers: Newcomers | None) -> Item:
    """The item at a position, whether the version knows it or not."""
    if position < len(model.items) or newcomers is None:
        return model.items[position]
    return newcomers.item(position)


def view(model: RecommenderModel, row: int, newcomers: Newcomers | None = None) -> ItemView:
    """What is known of an item; nobody is known to have met one that the model does not know."""
    item = item_at(model, row, newcomers)
    listeners = int(model.listeners[row]) if row < len(model.items) else 0
    return ItemView(item.item_id, item.title, item.categories, item.tags, listeners)


def _by_listeners(model: RecommenderModel, found: Positions) -> Retrieved:
    shares = model.listeners[found] / max(1, len(model.user_ids))
    return Retrieved(found, shares.astype(np.float32))


def _popular_of_all(model: RecommenderModel, wanted: Wanted) -> Positions:
    ranked = model.ranked
    if wanted.category is not None:
        ranked = ranked[model.categories[wanted.category][ranked]]
    return ranked[~np.isin(ranked, wanted.barred)][: wanted.limit]


def _deep(search: Callable[[int, Positions], Found], wanted: Wanted) -> Retrieved:
    """What an index finds, also more than it finds in one search: the next search passes over what the last found."""
    found = _retrieved(search(min(wanted.limit, _MOST_AT_ONCE), wanted.barred))
    last = len(found.items)
    while last == _MOST_AT_ONCE and len(found.items) < wanted.limit:
        off = np.concatenate((wanted.barred, found.items))
        more = _retrieved(search(min(wanted.limit - len(found.items), _MOST_AT_ONCE), off))
        last = len(more.items)
        found = Retrieved(np.append(found.items, more.items), np.append(found.scores, more.scores))
    return found


def _retrieved(found: Found) -> Retrieved:
    return Retrieved(found.items.astype(np.intp), found.scores)
