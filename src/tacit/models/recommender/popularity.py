"""The baseline every recommender must beat: what most people chose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Csr = Any


@dataclass(frozen=True)
class Popularity:
    """Everyone gets the same list, most listeners first, ties by item position.

    Attributes:
        item_ids: What the columns mean.
        listeners: `(n_items,)` int64, how many users met each item.
    """

    item_ids: tuple[str, ...]
    listeners: NDArray[np.int64]

    @classmethod
    def fit(cls, training: Csr, item_ids: tuple[str, ...]) -> Popularity:
        """Count listeners, not plays: one obsessed listener makes nothing popular."""
        return cls(item_ids, np.bincount(training.indices, minlength=training.shape[1]).astype(np.int64))

    def scores(self, histories: Csr) -> NDArray[np.float32]:
        """`(users, n_items)`; ranks rather than counts, so that no two are equal."""
        ranked = np.empty(len(self.listeners), np.float32)
        ranked[np.argsort(-self.listeners, kind="stable")] = -np.arange(len(self.listeners), dtype=np.float32)
        return np.tile(ranked, (histories.shape[0], 1))
