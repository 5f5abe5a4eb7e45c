"""The cold-start ladder: how far a list rests on somebody's own taste, and on what everybody likes (pure)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tacit.data.catalog_entries import Preferences
from tacit.errors import Misconfigured
from tacit.models.recommender.model import RecommenderModel
from tacit.serving.labels import Labels
from tacit.serving.retrieval import Floats, History, Positions, Retrieved, Taste, factors_of

Mask = NDArray[np.bool_]

_LEAST_SHARE = 2 / 3
"""The share of the first blended rung.  With 1 or 2 items known, lists blended by 1/2 to 2/3 found most of what users
of MovieLens and Last.fm met besides; with 5 or more, the larger the share, the more they found."""

RANK_OFFSET = 60
"""Of reciprocal-rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009): how little the very first places stand out."""

UNSCORED = float("nan")
"""The score of an item of which nothing says how good it is."""


@dataclass(frozen=True, slots=True)
class Coldstart:
    """Where the rungs are, in items of a history that the version has factors for.

    Attributes:
        blended_from: From here on the list is blended from theirs and the popular one; below, it is popular.
        personal_from: From here on it is theirs.

    Raises:
        Misconfigured: `limit_out_of_range`.
    """

    blended_from: int = 5
    personal_from: int = 10

    def __post_init__(self) -> None:
        if not 1 <= self.blended_from <= self.personal_from:
            raise Misconfigured(
                "limit_out_of_range",
                f"Lists are blended from {self.blended_from} items on and personal from {self.personal_from}.",
                field="coldstart.personal_from",
                fix="Set blended_from to 1 or more, and personal_from to no less.",
            )

    def share(self, count: int) -> float:
        """How much of a list is theirs: 0 below the blended rungs, 1 above them, in equal steps from 2/3 between."""
        if count < self.blended_from:
            return 0.0
        if count >= self.personal_from:
            return 1.0
        return _LEAST_SHARE + (1 - _LEAST_SHARE) * (count - self.blended_from) / (
            self.personal_from - self.blended_from
        )

    def chosen_share(self, count: int, chosen: int) -> float:
        """The same for somebody cold who chose items: these count like interactions, on the blended rungs at most."""
        most = max(self.blended_from, self.personal_from - 1)
        return self.share(min(most, max(self.blended_from, count + chosen)))


USUAL_RUNGS = Coldstart()


@dataclass(frozen=True)
class Leaning:
    """What somebody chose when asked, as a version sees it.

    Attributes:
        items: `(c,)` positions of chosen items that have factors.
        within: `(items,)` which items have a category they chose, or bear a mood; `None` if they chose none there is.
    """

    items: History
    within: Mask | None = None


NO_LEANING = Leaning(np.empty(0, np.int32))


def leaning_of(model: RecommenderModel, labels: Labels, preferences: Preferences) -> Leaning:
    """What was chosen, as positions; what the version does not know is passed over."""
    rows = (model.item_rows.get(item_id) for item_id in preferences.item_ids)
    items = sorted({row for row in rows if row is not None and row < len(model.item_factors)})
    chosen = (*preferences.categories, *preferences.moods)
    return Leaning(np.array(items, np.int32), labels.any_of(chosen) if chosen else None)


def fused(own: Retrieved, others: Retrieved, *, share: float, limit: int) -> Retrieved:
    """Two lists as one by reciprocal ranks: `Σ share_l / (60 + rank_l)`, ties by position.

    Args:
        own: The list by taste.
        others: The other one.
        share: The weight of the first, in (0, 1].
        limit: The most items.
    """
    scores: dict[int, float] = {}
    for found, weight in ((own, share), (others, 1 - share)):
        for rank, item in enumerate(found.items.tolist(), start=1):
            more = weight / (RANK_OFFSET + rank)
            scores[item] = scores[item] + more if item in scores else more
    best = sorted([(-score, item) for item, score in scores.items()])[:limit]
    return Retrieved(np.array([item for _, item in best], np.intp), np.array([-less for less, _ in best], np.float32))


def likings(model: RecommenderModel, taste: Taste, items: Positions) -> Floats:
    """How well each of some items suits a taste, by the factors alone: `(n,)`, NaN for one without.  O(n k)."""
    factors = factors_of(model, taste)
    learnt = items < len(model.item_factors)
    if learnt.all():
        return np.asarray(np.einsum("mk,k->m", model.item_factors[items], factors))
    scores = np.full(len(items), UNSCORED, np.float32)
    scores[learnt] = np.einsum("mk,k->m", model.item_factors[items[learnt]], factors)
    return scores


def by_taste_within(model: RecommenderModel, taste: Taste, among: Positions) -> Retrieved:
    """Of some items those with factors, all of them, by how well they suit a taste."""
    learnt = among[among < len(model.item_factors)]
    scores = likings(model, taste, learnt)
    best = np.argsort(-scores, kind="stable")
    return Retrieved(learnt[best], scores[best])


def reciprocal_ranks(count: int) -> Floats:
    """What a single list of so many gives its items in such a fusion: `(count,)`, the first the most."""
    return np.asarray(1 / np.arange(RANK_OFFSET + 1, RANK_OFFSET + 1 + count), np.float32)
