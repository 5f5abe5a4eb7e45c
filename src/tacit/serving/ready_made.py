"""The last tier of the chain: a short list of best sellers, worded once when its version is loaded.

It asks nothing of the model any more, neither factors nor lists nor titles, so that it is there when every step above
it raised.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tacit.models.recommender.model import RecommenderModel
from tacit.serving.answers import Recommendation
from tacit.serving.retrieval import Wanted, by_popularity, recommendations

MOST_READY = 500
"""How many are kept ready; whoever met all of them is beyond what a last resort can do."""


@dataclass(frozen=True)
class ReadyMade:
    """Best sellers in words, the best first.

    Attributes:
        positions: `(n,)` where they stand in their version.
        items: The same, as they are answered.
    """

    positions: tuple[int, ...] = ()
    items: tuple[Recommendation, ...] = field(default=(), repr=False)

    def allowed(self, wanted: Wanted) -> tuple[Recommendation, ...]:
        """The first of them that are not barred; of the wanted category, if any of it is left."""
        off = set(wanted.barred.tolist())
        # Nothing stands there twice, so that enough is left of so many.
        first = None if wanted.category is not None else wanted.limit + len(off)
        free = [item for at, item in zip(self.positions[:first], self.items[:first], strict=True) if at not in off]
        within = [] if first is not None else [item for item in free if wanted.category in item.categories]
        return tuple((within or free)[: wanted.limit])


NOTHING_READY = ReadyMade()


def ready_made(model: RecommenderModel, most: int = MOST_READY) -> ReadyMade:
    """What a version keeps ready: what most of its users met."""
    nothing: NDArray[np.intp] = np.empty(0, np.intp)
    found = by_popularity(model, Wanted(most, nothing))
    return ReadyMade(tuple(found.items.tolist()), recommendations(model, found))
