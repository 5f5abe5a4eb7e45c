"""How far apart two samples are: bounded effect sizes over cells, and the textbook test beside each (pure).

Everything compared is a histogram.  Cells of a category stand side by side, cells of a number in order, cells of a
taste at distances from each other; each kind has an effect size from 0, the same, to 1, nothing in common:

* `nominal`: the Jensen-Shannon distance to base 2 (Lin, *Divergence measures based on the Shannon entropy*, 1991);
  Cramér's V with the bias correction of Bergsma (2013) stands beside it, and the p-value is that of χ².
* `ordered`: the Kolmogorov-Smirnov distance, whose p-value is the asymptotic one.
* `amount`: the difference of two means by their sum, for what is as large as it is rather than first or last: a pace
  that doubles is a third.  The p-value is that of Kolmogorov and Smirnov.
* `metric`: the root of the energy coefficient of inhomogeneity (Székely and Rizzo, *Energy statistics*, 2013), whose
  p-value comes from permutations.

Effects are no tests: they do not fall as samples grow, but for their own noise, which `calibration` takes off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
Scale = Literal["nominal", "ordered", "amount", "metric"]

_EXPECTED = 5.0
"""Cells that would be expected to hold fewer are pooled before χ² is asked: below it, its distribution is another."""
_PERMUTATIONS = 199


@dataclass(frozen=True)
class Geometry:
    """How the cells of a histogram lie to each other.

    Attributes:
        scale: Side by side, in order, or at distances.
        distances: `(cells, cells)` of a `metric` one.
        amounts: `(cells,)` of an `amount`: the mean of each cell.
    """

    scale: Scale
    distances: Floats | None = None
    amounts: Floats | None = None

    def effect(self, window: Floats, reference: Floats) -> float:
        """How far two histograms are apart, from 0 to 1; neither may be empty."""
        now, before = window / window.sum(), reference / reference.sum()
        if self.scale == "ordered":
            return float(np.abs(np.cumsum(now - before)).max())
        if self.scale == "amount" and self.amounts is not None:
            means = float(now @ self.amounts), float(before @ self.amounts)
            return abs(means[0] - means[1]) / max(1e-12, means[0] + means[1])
        if self.scale == "metric" and self.distances is not None:
            return energy_distance(now, before, self.distances)
        return js_distance(now, before)

    def p_value(self, window: Floats, reference: Floats) -> float:
        """How often two samples of one population would be so far apart, had all their units come independently."""
        if self.scale in ("ordered", "amount"):
            distance = Geometry("ordered").effect(window, reference)
            return ks_p_value(distance, window.sum(), reference.sum())
        if self.scale == "metric":
            return self._permuted(window, reference)
        return chi2_p_value(window, reference)

    def _permuted(self, window: Floats, reference: Floats) -> float:
        rng, found = np.random.default_rng(0), self.effect(window, reference)
        pooled, size = np.rint(window + reference).astype(np.int64), int(window.sum())
        drawn = rng.multivariate_hypergeometric(pooled, size, size=_PERMUTATIONS, method="marginals")
        beyond = sum(self.effect(each.astype(np.float64), pooled - each) >= found for each in drawn)
        return (1 + beyond) / (1 + _PERMUTATIONS)


def js_distance(now: Floats, before: Floats) -> float:
    """The root of the Jensen-Shannon divergence of two distributions, to base 2: from 0 to 1."""
    middle = (now + before) / 2
    divergence = (_entropies(now, middle) + _entropies(before, middle)) / 2
    return float(np.sqrt(min(1.0, max(0.0, divergence))))


def _entropies(part: Floats, whole: Floats) -> float:
    held = part > 0
    return float(np.sum(part[held] * np.log2(part[held] / whole[held])))


def energy_distance(now: Floats, before: Floats, distances: Floats) -> float:
    """The root of the energy coefficient: 0 for the same distribution over points, 1 for two that never meet."""
    across = 2 * float(now @ distances @ before)
    if across <= 0:
        return 0.0
    within = float(now @ distances @ now + before @ distances @ before)
    return float(np.sqrt(min(1.0, max(0.0, 1 - within / across))))


def cramers_v(window: Floats, reference: Floats) -> float:
    """Cramér's V of the two-row table, corrected for its own noise (Bergsma, 2013): from 0 to 1."""
    table = _pooled(window, reference)
    total, columns = table.sum(), table.shape[1]
    if columns < 2:
        return 0.0
    phi = stats.chi2_contingency(table, correction=False).statistic / total
    corrected = max(0.0, phi - (columns - 1) / (total - 1))
    rows, kept = 2 - 1 / (total - 1), columns - (columns - 1) ** 2 / (total - 1)
    return float(np.sqrt(min(1.0, corrected / max(1e-12, min(rows, kept) - 1))))


def chi2_p_value(window: Floats, reference: Floats) -> float:
    """The p-value of χ² for a two-row table whose sparse columns are pooled; 1 where too little is left."""
    table = _pooled(window, reference)
    return float(stats.chi2_contingency(table, correction=False).pvalue) if table.shape[1] > 1 else 1.0


def ks_p_value(distance: float, window: float, reference: float) -> float:
    """The asymptotic p-value of a Kolmogorov-Smirnov distance between samples of these sizes."""
    effective = window * reference / (window + reference)
    return float(min(1.0, stats.kstwobign.sf(distance * np.sqrt(effective))))


def _pooled(window: Floats, reference: Floats) -> Floats:
    table = np.vstack([window, reference])
    table = table[:, table.sum(axis=0) > 0]
    expected = table.sum(axis=0) * table.sum(axis=1).min() / table.sum()
    sparse = expected < _EXPECTED
    if not sparse.any():
        return table
    rest = table[:, sparse].sum(axis=1, keepdims=True)
    full = table[:, ~sparse]
    is_enough = rest.sum() * table.sum(axis=1).min() / table.sum() >= _EXPECTED
    return np.hstack([full, rest]) if is_enough else full
