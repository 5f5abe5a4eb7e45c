"""Lists by factors: a history folded in, and the items found that suit it best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tacit.models.recommender.als import AlsSettings
from tacit.models.recommender.blend import Blend
from tacit.models.recommender.confidence import Confidence
from tacit.models.recommender.engines.interfaces import Engine, FixedSide, Floats, Index, Positions
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.model import RecommenderModel


@dataclass(frozen=True)
class FactorLister:
    """Factors as the evaluation sees them: a training history in, the best unmet items out.

    Users are folded in from the history given, whatever snapshot the item factors came from. So a version is judged
    on the same footing whether it was trained a minute or a year ago.

    Attributes:
        item_ids: What the columns mean.
        engine: Runs the algebra.
        side: The item factors, prepared to fold users in.
        index: The item factors, prepared to be searched.
        confidence: How values become weights.
        blend: The second voice beside them, if there is one.
    """

    item_ids: tuple[str, ...]
    engine: Engine
    side: FixedSide
    index: Index
    confidence: Confidence
    blend: Blend | None = None

    @classmethod
    def of(cls, model: RecommenderModel) -> FactorLister:
        """A loaded model's."""
        item_ids = tuple(item.item_id for item in model.items[: len(model.item_factors)])
        return cls(item_ids, model.engine, model.side, model.index, model.confidence, model.blend)

    @classmethod
    def of_factors(
        cls, item_factors: Floats, settings: AlsSettings, confidence: Confidence, *, engine: Engine
    ) -> FactorLister:
        """That of factors which a trial learnt with resolved settings; it names no item."""
        items = np.ascontiguousarray(item_factors)
        side = engine.fixed_side(items, settings.ridge(confidence.mean_weight))
        return cls((), engine, side, engine.index(items), confidence)

    def folded(self, histories: Matrix) -> Floats:
        """`(users, k)` factors of `(users, n_items)` histories of values."""
        return self.engine.solve(self.side, weighted(histories, self.confidence))

    def lists(self, histories: Matrix, count: int, *, allowed: NDArray[np.bool_] | None = None) -> Positions:
        """`(users, count)` positions, the best first, without what the history holds; see `Lister`."""
        queries, bonus = self.folded(histories), None
        if self.blend is not None:
            queries, bonus = self.blend.queries(self.engine, queries, histories)
        only = None if allowed is None else self.index.filter(allowed)
        return self.index.search_many(queries, count, excluded=histories, only=only, bonus=bonus).items


def weighted(values: Matrix, confidence: Confidence) -> Matrix:
    """The weights of observed values."""
    return Matrix(values.indptr, values.indices, confidence.weights(values.data), values.columns)
