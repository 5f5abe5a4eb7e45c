"""How sure a mean is: percentile bootstrap over cases, alone and in pairs (pure).

Efron and Tibshirani, *An Introduction to the Bootstrap* (1993), chapters 13 and 16: cases are drawn with replacement,
a pair of models is judged on the differences within cases.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

_DRAWN_AT_ONCE = 65_536
"""Cases drawn in one go: few enough to stay in the cache, many enough that small samples cost little."""


def intervals(
    per_case: Mapping[str, Doubles], *, level: float = 0.95, resamples: int = 1_000, seed: int = 20_260
) -> dict[str, tuple[float, float]]:
    """The bootstrap interval of each metric's mean; the same draws serve all metrics.

    Args:
        per_case: `(cases,)` values by metric name, all equally long.
        level: Share of the bootstrap means that lies within.
        resamples: Number of draws; O(resamples · cases) time, O(cases + 65,536) memory.
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
    at_once = max(1, _DRAWN_AT_ONCE // n)
    for start in range(0, resamples, at_once):
        drawn = generator.integers(n, size=(min(at_once, resamples - start), n))
        means[start : start + len(drawn)] = _means(table, drawn)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return {name: (float(low[m]), float(high[m])) for m, name in enumerate(per_case)}


def _means(table: Doubles, drawn: NDArray[np.int64]) -> Doubles:
    """The means of a `(cases, metrics)` table over each row of `(draws, cases)` cases drawn: `(draws, metrics)`."""
    draws, n = drawn.shape
    if table.shape[1] == 1:
        # A product with one column is too small to be shared out: BLAS's threads would wait for each other.
        return np.asarray(table[:, 0][drawn].mean(axis=1, keepdims=True))
    numbered = drawn + n * np.arange(draws)[:, None]
    times_drawn = np.bincount(numbered.ravel(), minlength=draws * n).reshape(draws, n)
    return np.asarray(times_drawn @ table / n)


def difference_interval(
    candidate: Doubles, incumbent: Doubles, *, level: float = 0.95, resamples: int = 2_000, seed: int = 20_260
) -> tuple[float, float]:
    """The interval of `mean(candidate) - mean(incumbent)` over paired cases, both `(cases,)`."""
    differences = {"difference": np.asarray(candidate - incumbent, dtype=np.float64)}
    return intervals(differences, level=level, resamples=resamples, seed=seed)["difference"]
