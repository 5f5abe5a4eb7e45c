"""Places given to chance, and how probable it was that each item stood where it did (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

T = TypeVar("T")


def explored(
    ranked: Sequence[T], limit: int, *, share: float, random: Random
) -> tuple[tuple[T, ...], tuple[float, ...]]:
    """The first of a ranking, with each place given to chance with some probability.

    Each place is explored with the probability `ε`, independently of all others.  What stands on an explored place is
    drawn from the `d` items below the list: as many are put in random order as there are places, with blanks among them
    where `d` is less, and the place takes what has its number; a blank leaves it as it was.  So no item is shown twice,
    and, whatever the other places hold, an item from below stands on any one place with the probability `ε / max(n, d)`
    and the place's own item with `1 - ε d / max(n, d)`: the propensities told.

    Args:
        ranked: The best first, and behind the first `limit` what is explored from.
        limit: `n`, the most items of the list.
        share: `ε`, from 0 to 1.
        random: Where chance comes from.

    Returns:
        What is shown, and the propensity of each item at its place.
    """
    best, below = ranked[:limit], ranked[limit:]
    if not share or not below:
        return tuple(best), (1.0,) * len(best)
    slots = max(len(best), len(below))
    order = random.sample(range(slots), len(best))
    shown, propensities = [], []
    for item, drawn in zip(best, order, strict=True):
        # Drawn whether or not it decides anything: one seed, one list.
        is_explored = random.random() < share
        if is_explored and drawn < len(below):
            shown.append(below[drawn])
            propensities.append(share / slots)
        else:
            shown.append(item)
            propensities.append(1 - share * len(below) / slots)
    return tuple(shown), tuple(propensities)


@dataclass(frozen=True, slots=True)
class Chance:
    """How much of a list is given to chance.

    Attributes:
        limit: The most items of the list.
        share: The probability with which each place is explored.
    """

    limit: int
    share: float

    def explored(self, ranked: Sequence[T], random: Random) -> tuple[tuple[T, ...], tuple[float, ...]]:
        """What is shown of a ranking, and the propensity of each item at its place."""
        return explored(ranked, self.limit, share=self.share, random=random)
