"""Lists by a second voice alone: what is met together with what somebody met."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tacit.models.recommender.engines.interfaces import Engine, Index, Positions
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.voices import Voice


@dataclass(frozen=True)
class VoiceLister:
    """An item-to-item matrix as the evaluation sees it.

    An item's score is the sum of what the items of the history say of it; the search adds these sums, as bonuses, to
    factors that are all 0. So nothing of the size of the catalogue is held for a user.

    Attributes:
        item_ids: What the columns mean.
        engine: Runs the algebra.
        voice: The matrix.
    """

    item_ids: tuple[str, ...]
    engine: Engine
    voice: Voice

    def lists(self, histories: Matrix, count: int, *, allowed: NDArray[np.bool_] | None = None) -> Positions:
        """`(users, count)` positions, the best first, ties by position, without what the history holds."""
        sums = self.voice.scores(self.engine, histories)
        only = None if allowed is None else self._index.filter(allowed)
        nothing = np.zeros((histories.rows, 1), np.float32)
        return self._index.search_many(nothing, count, excluded=histories, only=only, bonus=sums).items

    @cached_property
    def _index(self) -> Index:
        """Over factors that are all 0; prepared once, however many batches are listed."""
        return self.engine.index(np.zeros((len(self.item_ids), 1), np.float32))
