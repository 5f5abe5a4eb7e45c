"""The day and the week: a reference weighed as its window lies in them, so that Sundays meet Sundays (pure).

The reference is *standardised directly*, as epidemiologists do with age: what it says of each part of the season is
weighed by the share of the window that lies in that part.  A part that the reference hardly knows is held against all
of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tacit.monitoring.drift.happenings import Longs

HOUR_MS = 3_600_000
_PARTS_OF_A_DAY = 6
_LEAST = 50
"""Units that the reference must have of a part to speak for it."""
_FULL = 3
"""How often a season must have passed before it counts."""


@dataclass(frozen=True)
class Season:
    """Something that comes again.

    Attributes:
        name: `none`, `day` or `week`.
        count: Of its parts.
        part_ms: How long one is.
    """

    name: str = "none"
    count: int = 1
    part_ms: int = HOUR_MS

    def of(self, at_ms: Longs) -> NDArray[np.int64]:
        """The part that each moment lies in."""
        parts: NDArray[np.int64] = (at_ms // self.part_ms) % self.count
        return parts

    def weighed(self, counts: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """A reference of `(parts, cells)` as it would be if its units lay in the season as `(parts,)` say."""
        total: NDArray[np.float64] = counts.sum(axis=0)
        if self.count == 1 or not shares.sum():
            return total
        sizes = counts.sum(axis=1)
        speaks = (sizes >= _LEAST) & (shares > 0)
        weights = np.where(speaks, shares / np.maximum(1.0, sizes), 0.0)
        rest = shares[~speaks].sum() / max(1.0, float(total.sum()))
        found: NDArray[np.float64] = (weights @ counts + rest * total) / shares.sum()
        return found * float(total.sum())


DAY = Season("day", _PARTS_OF_A_DAY, 24 // _PARTS_OF_A_DAY * HOUR_MS)
WEEK = Season("week", 7 * _PARTS_OF_A_DAY, 24 // _PARTS_OF_A_DAY * HOUR_MS)


def season_for(reference: Longs, window: Longs, *, is_wanted: bool = True) -> Season:
    """The longest season that came often enough in a reference, and that the window does not cover several times."""
    if not is_wanted or not len(reference) or not len(window):
        return Season()
    known, lasts = int(reference[-1] - reference[0]), int(window[-1] - window[0])
    for season in (WEEK, DAY):
        period = season.count * season.part_ms
        per_part = len(reference) / season.count
        if known >= _FULL * period and lasts <= 2 * period and per_part >= _LEAST:
            return season
    return Season()
