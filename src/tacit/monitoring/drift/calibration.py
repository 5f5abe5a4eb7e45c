"""What a stable history produces by itself, and how an effect is held against it: the score (pure).

An effect size between two finite samples is never 0, and what users do wanders from day to day without anything being
the matter.  So the same comparison is made at many earlier moments, with windows of the same size against what was
known then (a bootstrap of whole windows, so that bursts and hours stay together), and three things are read off these
effects:

* their median `m`, which the size of the window alone produces: the *excess* of an effect is what is left of it,
  `(d - m) / (1 - m)`, from 0 for the usual to 1 for complete change, whatever the window's size;
* the *edge*, which one more window passes with a chance of no more than `alarm`: the prediction bound
  `√d = √m + t(1 - alarm; N - 1) · s · √(1 + 1/N)` for `N` windows that do not overlap, wide where the history is short.
  `s` is the root mean square of what lies above the median, on the scale of `√d`: effects lean to the right, and the
  quiet half would say that they do not;
* the chance that a stable window gets as far as this one did, by the same distribution.

The score is 0.3 at the edge, or at the least effect worth a word where that is further out, and 1 at complete change.
With `x` the excess and `e` that of the edge it is `0.3 · x / e` up to the edge and `0.3 + 0.7 · ln(x / e) / ln(1 / e)`
beyond: effects are ratios, so each doubling counts alike.  At every window size 0.3 therefore means that the history
does not do this by itself, with the same chance of being wrong, and 0.6 that three sevenths of the way from there to
complete change are behind us, on the scale of ratios: `x = e^(4/7)`, about three times the edge where that is 0.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

WARN = 0.3
"""The score at the edge of what the history produces."""
LEAST_EFFECT = 0.05
"""The least excess that is worth a word, however surely it is there."""
_FAINT = 1e-6


@dataclass(frozen=True)
class Null:
    """What a stable history produces by itself.

    Attributes:
        middle: The median effect.
        edge: The effect that one more window passes with a chance of no more than the alarm share.
        spread: The root mean square of what lies above the median, on the scale of the root.
        windows: How many windows that do not overlap stand behind it.
    """

    middle: float
    edge: float
    spread: float
    windows: float

    @classmethod
    def fitted(cls, effects: Sequence[float], *, windows: float, alarm: float) -> Null:
        """What these effects tell of the next one.

        Args:
            effects: Of earlier windows, which may overlap; at least one.
            windows: How many of them do not overlap; at least 2.
            alarm: How often the edge may be passed.
        """
        roots = np.sqrt(np.asarray(effects, np.float64))
        middle = float(np.median(roots))
        spread = max(_FAINT, float(np.sqrt(np.mean((roots[roots >= middle] - middle) ** 2))))
        reach = float(stats.t.ppf(1 - alarm, windows - 1)) * spread * np.sqrt(1 + 1 / windows)
        return cls(middle**2, min(1.0, float(middle + reach) ** 2), spread, windows)

    def excess(self, effect: float) -> float:
        """What is left of an effect once the usual is taken off: from 0 to 1."""
        return max(0.0, (effect - self.middle) / max(_FAINT, 1 - self.middle))

    def score(self, effect: float, *, least: float = LEAST_EFFECT) -> float:
        """The drift score of an effect, from 0 to 1."""
        excess, edge = self.excess(effect), max(least, self.excess(self.edge))
        if excess <= edge:
            return WARN * excess / edge
        if edge >= 1:
            return 1.0
        return min(1.0, WARN + (1 - WARN) * float(np.log(excess / edge) / np.log(1 / edge)))

    def chance(self, effect: float) -> float:
        """How often a stable window gets at least so far."""
        away = (np.sqrt(effect) - np.sqrt(self.middle)) / (self.spread * np.sqrt(1 + 1 / self.windows))
        return float(stats.t.sf(away, self.windows - 1))
