"""What suits a mood in one version: items by their words, or by the company of items that somebody picked (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tacit.data.moods import Mood
from tacit.models.recommender.model import RecommenderModel
from tacit.serving.labels import Labels
from tacit.serving.retrieval import Retrieved

MOST_ITEMS = 500
"""How many items a mood has, at most."""

SHOWN_SEEDS = 8
"""How many items stand for a mood that nobody picked any for."""

ENOUGH_ITEMS = 20
"""A mood whose words find fewer has the neighbours of its seeds beside them."""

_COMPANY = 0.5
"""What a neighbour of the seeds suits a mood, beside an item that bears its words."""

Basis = Literal["words", "words and neighbours", "neighbours", "nothing"]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MoodProfile:
    """A mood as a version sees it.

    Attributes:
        mood: Its definition.
        found: `(n,)` positions of its items, the best first, and how well each suits, in (0, 1].
        seeds: `(s,)` positions of the items that stand for it.
        words: Of its words those that items bear, and how many do.
        basis: What it rests on.
    """

    mood: Mood
    found: Retrieved
    seeds: NDArray[np.int32]
    words: tuple[tuple[str, int], ...]
    basis: Basis

    @property
    def why_empty(self) -> str | None:
        """Why nothing is in it; `None` if something is."""
        if len(self.found.items):
            return None
        if self.mood.seeds:
            return "No item of this version bears one of its words, and none of its seeds has factors."
        return "No item of this version bears one of its words, and nobody picked items for it."


def profile_of(model: RecommenderModel, labels: Labels, mood: Mood) -> MoodProfile:
    """Find what suits a mood: how much of what its words say an item bears, times how popular it is.

    Items that somebody picked come first.  Where words find little, what is heard by the same people as the seeds is
    added; where there are neither words nor seeds, nothing is.
    """
    words = tuple((word, len(labels.bearing(word))) for word, _ in mood.words)
    suits = _by_words(model, labels, mood)
    picked = _known(model, mood.seeds)
    by_words = int(np.count_nonzero(suits))
    seeds = picked if len(picked) else _best(suits, SHOWN_SEEDS).astype(np.int32)
    neighbours = 0
    if by_words < ENOUGH_ITEMS:
        neighbours = _add_company(model, suits, seeds)
    suits[picked] = 1.0
    best = np.concatenate((picked, np.setdiff1d(_best(suits, MOST_ITEMS), picked, assume_unique=True)))
    best = best[np.argsort(-suits[best], kind="stable")][:MOST_ITEMS]
    found = Retrieved(best.astype(np.intp), suits[best].astype(np.float32))
    borne = tuple((word, count) for word, count in words if count)
    return MoodProfile(mood, found, seeds, borne, _basis(by_words, neighbours + len(picked)))


def _basis(by_words: int, by_company: int) -> Basis:
    if by_words and by_company:
        return "words and neighbours"
    if by_words:
        return "words"
    return "neighbours" if by_company else "nothing"


def _by_words(model: RecommenderModel, labels: Labels, mood: Mood) -> Floats:
    """`(items,)` how well each suits: words without it say nothing, items that nobody met are not popular."""
    says = np.zeros(len(model.items))
    for word, weight in mood.words:
        says[labels.bearing(word)] += weight
    if not says.any():
        return says
    heard = np.log1p(np.asarray(model.listeners, np.float64))
    suits = says / says.max() * heard / max(float(heard.max(initial=0.0)), 1.0)
    return np.asarray(suits / max(float(suits.max()), 1e-12))


def _add_company(model: RecommenderModel, suits: Floats, seeds: NDArray[np.int32]) -> int:
    """Add what is nearest to the middle of the seeds; returns how many items that are new."""
    learnt = seeds[seeds < len(model.item_factors)]
    middle = model.unit_factors[learnt].sum(axis=0) if len(learnt) else np.empty(0, np.float32)
    length = float(np.linalg.norm(middle))
    if length < 1e-6:
        return 0
    near = model.alike((middle / length).astype(np.float32), 100, excluded=learnt.astype(np.intp))
    close = near.items[near.scores > 0]
    new = close[suits[close] == 0]
    suits[close] = np.maximum(suits[close], _COMPANY * near.scores[near.scores > 0])
    return len(new)


def _known(model: RecommenderModel, item_ids: tuple[str, ...]) -> NDArray[np.int32]:
    rows = (model.item_rows.get(item_id) for item_id in item_ids)
    return np.array([row for row in rows if row is not None], np.int32)


def _best(suits: Floats, most: int) -> NDArray[np.intp]:
    order = np.argsort(-suits, kind="stable")[:most]
    return order[suits[order] > 0]
