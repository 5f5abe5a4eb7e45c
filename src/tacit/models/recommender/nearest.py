"""For each item those most like it, found once with the version, so that nobody has to wait for the search (pure).

Directions have one length, so that no search among them ends early; and where many items have the same one listener,
thousands are equally near.  All searches of a catalogue together share each piece of it that is in cache.
"""

from __future__ import annotations

import numpy as np

from tacit.data.interfaces import Progress, silent
from tacit.models.recommender.engines.interfaces import Engine, Positions
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.model import RecommenderModel

DEPTH = 100
"""How many are kept of each: as many as the longest usual list, and what rules take out of a shorter one."""

_MOST_PRODUCTS = 2.1e12
"""Multiply-adds that are worth it, by the native engine: fifty CPU seconds, which is all of 126,442 items at 128."""
_SLOWER = 10
"""How many times longer the other engine takes."""
_CHUNK = 4_096


def nearest_items(model: RecommenderModel, *, progress: Progress = silent) -> Positions:
    """`(m, d)` positions: for each of the most popular `m` items with factors the `d` most like it, the best first.

    They are what `RecommenderModel.similar` finds.  O(m n k); `m` is all of them unless that would take too long.

    Args:
        model: The items.
        progress: Told after each few thousand.
    """
    directions, n = model.unit_factors, len(model.item_factors)
    rows, depth = searched(*model.item_factors.shape, engine=model.engine), min(DEPTH, n - 1)
    found = np.empty((rows, max(0, depth)), np.int32)
    if not found.size:
        return found
    for start in range(0, rows, _CHUNK):
        stop = min(start + _CHUNK, rows)
        itself = np.arange(start, stop, dtype=np.int32)
        starts, ones = np.arange(len(itself) + 1, dtype=np.int64), np.ones(len(itself), np.float32)
        off = Matrix.trusted(starts, itself, ones, columns=n)
        found[start:stop] = model.unit_index.search_many(directions[start:stop], depth, excluded=off).items
        progress("finding similar items", stop / rows)
    return found


def searched(items: int, factors: int, *, engine: Engine | None = None) -> int:
    """Of how many items, the most popular, the nearest are kept."""
    most = _MOST_PRODUCTS if engine is None or engine.name != "numpy" else _MOST_PRODUCTS / _SLOWER
    return min(items, int(most / max(1, items * factors)))
