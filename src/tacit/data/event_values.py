"""What a user's events with one item are worth, in the unit that a dataset's own values have (pure).

A dataset counts how much somebody had of an item (`plays`), or says what they thought of it (`ratings`).

* `plays`: the sum of the events' weights; one play weighs 1, and an imported play count is its value.
* `ratings`: the latest rating, if one was given; otherwise the value of a typical interaction times the sum of the
  weights, so that an enrolment without stars is worth as much as an enrolment that was imported.

In both units a sum of 0 or less stands: it speaks against the item, whatever was rated before.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Unit = Literal["plays", "ratings"]
"""What a dataset's values say."""

Doubles = NDArray[np.float64]


def unit_of(profile: str) -> Unit:
    """The unit of the values of a profile's datasets."""
    return "plays" if profile == "music" else "ratings"


def interaction_value(weight: float, rating: float | None, *, unit: Unit, typical: float) -> float:
    """What events are worth beside nothing else; 0 or less speaks against the item.

    Args:
        weight: The sum of their weights.
        rating: The latest rating among them.
        unit: What the dataset's values say.
        typical: The value of a typical interaction of the dataset; it matters for `ratings` alone.
    """
    return value_beside(0.0, weight, rating, unit=unit, typical=typical)


def value_beside(base: float, weight: float, rating: float | None, *, unit: Unit, typical: float) -> float:
    """What events and an imported value are worth together; 0 or less speaks against the item.

    What was imported counts as it stands, and events are added in the same unit.  A rating takes the place of an
    imported one, unless the events are against the item as a whole.

    Args:
        base: The imported value; 0 for none.
        weight: As for `interaction_value`, and so on.
        rating: The latest rating among the events.
        unit: What the dataset's values say.
        typical: The value of a typical interaction.
    """
    if unit == "plays":
        return base + weight
    if rating is not None and weight + (base > 0) > 0:
        return rating
    return base + typical * weight


def values_beside(base: Doubles, weights: Doubles, ratings: Doubles, *, unit: Unit, typical: float) -> Doubles:
    """`value_beside` for many interactions at once: `(n,)` each, a missing rating being NaN."""
    if unit == "plays":
        return base + weights
    is_rated = ~np.isnan(ratings) & (weights + (base > 0) > 0)
    return np.asarray(np.where(is_rated, ratings, base + typical * weights), np.float64)
