"""How sure a mean is: percentile bootstrap over cases, alone and in pairs (pure).

Efron and Tibshirani, *An Introduction to the Bootstrap* (1993), chapters 13 and 16: cases are drawn with replacement,
a pair of models is judged on the differences within cases.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


def intervals(
    per_case: Mapping[str, Doubles], *, level: float = 0.95, resamples: int = 1_000, seed: int = 20_260
) -> dict[str, tuple[float, float]]:
    """The bootstrap interval of each metric's mean; the same draws serve all metrics.

    Args:
        per_case: `(cases,)` values by metric name, all equally long.
        level: Share of the bootstrap means that lies within.
        resamples: Number of draws; O(resamples · cases) time, O(cases) memory.
        seed: Seed of the draws.

    Returns:
        `(low, high)` by metric name; `(nan, nan)` where there are no cases.
    """
    if not per_case:
        return {}
    table = np.column_stack(list(per_case.values()))  # (cases, metrics)
    if not len(table):
        return {name: (float("nan"), float("nan")) for name in per_case}
    generator = np.random.default_rng(seed)
    n = len(table)
    means = np.empty((resamples, table.shape[1]))
    for draw in range(resamples):
        times_drawn = np.bincount(generator.integers(n, size=n), minlength=n)
        means[draw] = times_drawn @ table / n
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return {name: (float(low[m]), float(high[m])) for m, name in enumerate(per_case)}


def difference_interval(
    candidate: Doubles, incumbent: Doubles, *, level: float = 0.95, resamples: int = 2_000, seed: int = 20_260
) -> tuple[float, float]:
    """The interval of `mean(candidate) - mean(incumbent)` over paired cases, both `(cases,)`."""
    differences = {"difference": np.asarray(candidate - incumbent, dtype=np.float64)}
    return intervals(differences, level=level, resamples=resamples, seed=seed)["difference"]
