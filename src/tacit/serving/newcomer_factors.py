"""What an item is taken for before a version learnt it: its first listeners, and until then its words (pure)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tacit.data.catalog import Item
from tacit.models.recommender.engines.interfaces import Floats
from tacit.models.recommender.model import RecommenderModel
from tacit.serving.labels import Labels, words_of

FIRST_LISTENERS = 3
"""As many listeners of whom the version has factors tell more than nothing."""

_CONTENT_WEIGHT = 3.0
"""How many listeners the words of an item are worth beside them."""

_PEERS = 25
"""Items of about the same number of listeners on either side, of whose length the typical one is taken."""


@dataclass(frozen=True)
class Audience:
    """Users of a version who met an item and are not against it.

    Attributes:
        users: `(d,)` their rows, each once.
        values: `(d,)` how much of it each had, above 0.
    """

    users: NDArray[np.int32]
    values: Floats


class NewcomerFactors:
    """Works out factors for items that a version learnt none for.

    Args:
        model: The version's.
        labels: Its catalogue by words.
    """

    def __init__(self, model: RecommenderModel, labels: Labels) -> None:
        self._model = model
        self._labels = labels
        self._norms = np.linalg.norm(model.item_factors, axis=1)
        self._centroids: dict[str, tuple[float, Floats]] = {}

    def of(self, item: Item, audience: Audience | None = None) -> tuple[Floats, bool]:
        """`(k,)` factors of an item, zero where nothing is known, and whether they rest on listeners."""
        count = 0 if audience is None else len(audience.users)
        content = self._by_words(item, listeners=count)
        if audience is None or count < FIRST_LISTENERS:
            return content, False
        heard = self._model.fold_in_item(audience.users, audience.values)
        weight = _CONTENT_WEIGHT if content.any() else 0.0
        return np.asarray((count * heard + weight * content) / (count + weight), np.float32), True

    def _by_words(self, item: Item, *, listeners: int) -> Floats:
        """The mean of the items that share its words, rare words counting more, as long as items so popular are."""
        total, direction = 0.0, np.zeros(self._model.item_factors.shape[1], np.float64)
        for word in words_of(item):
            rarity, centroid = self._centroid(word)
            total += rarity
            direction += rarity * centroid
        length = float(np.linalg.norm(direction))
        if not total or not length:
            return np.zeros(len(direction), np.float32)
        return np.asarray(direction / length * self._typical_norm(listeners), np.float32)

    def _centroid(self, word: str) -> tuple[float, Floats]:
        """How rare a word is, 0 for one that all items bear or none does, and the mean factors of its items."""
        if word not in self._centroids:
            learnt = self._labels.bearing(word)
            learnt = learnt[learnt < len(self._norms)]
            rarity = float(np.log(len(self._norms) / len(learnt))) if len(learnt) else 0.0
            mean = self._model.item_factors[learnt].mean(axis=0, dtype=np.float64) if rarity else 0.0
            self._centroids[word] = rarity, np.asarray(mean, np.float32)
        return self._centroids[word]

    def _typical_norm(self, listeners: int) -> float:
        """The median length of items about as popular; those with factors stand in order of popularity."""
        popularity = self._model.listeners[: len(self._norms)]
        at = int(np.searchsorted(-popularity, -listeners))
        low = max(0, min(at, len(self._norms)) - _PEERS)
        return float(np.median(self._norms[low : at + _PEERS]))
