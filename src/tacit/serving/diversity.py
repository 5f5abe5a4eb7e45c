"""Which item of a pool comes next where a list is to be diverse (pure).

Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998) over item factors: each place goes to the item with the
highest `(1 - δ) r - δ s`, `r` its score and `s` its likeness to what already stands there.  So that δ means the same on
different data, neither is taken as it comes.  `r` falls from 1 for the best of the pool to 0 for its last, by rank; `s`
is the largest cosine, measured in the pool itself: 0 for what two of its items have in common on average, 1 for the
same direction.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


class Marginal:
    """The marginal relevance of a pool's items: O(c k) to measure a pool of `c`, and as much for each place.

    Args:
        directions: `(c, k)` of length 1, in the order of the pool.
        diversity: `δ`.
    """

    def __init__(self, directions: Floats, diversity: float) -> None:
        count = len(directions)
        self._directions = directions.astype(np.float64)
        self._relevance = (1 - diversity) * np.linspace(1.0, 0.0, count)
        self._diversity = diversity
        self._usual = _usual_cosine(self._directions)
        self._likeness = np.full(count, -np.inf)
        self._is_left = np.ones(count, bool)

    def best(self) -> int | None:
        """The item that comes next, the better one of equal ones; `None` if none is left."""
        if not self._is_left.any():
            return None
        # Where nothing stands yet, the best item is the first.
        likeness = np.where(np.isfinite(self._likeness), self._likeness, 0.0)
        value = np.where(self._is_left, self._relevance - self._diversity * likeness, -np.inf)
        return int(np.argmax(value))

    def take(self, place: int) -> None:
        """Have an item stand in the list."""
        self.pass_over(place)
        self.beside(self._directions[place : place + 1])

    def pass_over(self, place: int) -> None:
        """Leave an item out."""
        self._is_left[place] = False

    def beside(self, directions: NDArray[np.floating]) -> None:
        """Have items stand in the list that are none of the pool."""
        if len(directions):
            cosine = (self._directions @ directions.astype(np.float64).T).max(axis=1)
            self._likeness = np.maximum(self._likeness, (cosine - self._usual) / (1 - self._usual))


def _usual_cosine(directions: Doubles) -> float:
    """The mean cosine of two different items, below 1 by some way even where all are alike."""
    count = len(directions)
    together = directions.sum(axis=0)
    same = float((directions * directions).sum())
    return min(0.95, (float(together @ together) - same) / (count * (count - 1)))


def diversified(directions: Floats, count: int, *, diversity: float) -> list[int]:
    """Places in a pool, in the order in which a diverse list takes them; O(count c k).

    Args:
        directions: `(c, k)` of length 1, in the order of the pool.
        count: How many are taken.
        diversity: `δ`.
    """
    marginal = Marginal(directions, diversity)
    taken: list[int] = []
    while len(taken) < count and (best := marginal.best()) is not None:
        marginal.take(best)
        taken.append(best)
    return taken
