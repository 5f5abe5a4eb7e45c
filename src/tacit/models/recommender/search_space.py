"""Where a search looks: settings relative to the density rule, spread evenly, then closer around the best (pure).

A setting is good or bad relative to what suits the data's density, so that the box searched stands around
`density_rule`: the weight of an observation from a third of the rule's to twice it, the regularisation from a quarter
to two and a half times.  Regularisation is counted as `shrinkage`, since what suits one weight then suits another.
Both act by their ratios, hence logarithms.  Points are those of the R2 sequence (Roberts,
"The Unreasonable Effectiveness of Quasirandom Sequences", 2018), which fills a square evenly however early it is
stopped: for few trials better than a grid, and better than chance (Bergstra and Bengio, JMLR 13, 2012, §5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

_PLASTIC = 1.324717957244746
"""The real root of x³ = x + 1; R2 steps by its inverse and the inverse of its square."""

NARROWER = 0.45
"""What is left of each side of the box when the search closes in on its best point."""


@dataclass(frozen=True)
class Point:
    """Settings as multiples of the density rule's.

    Attributes:
        alpha: Times the rule's mean weight.
        strength: Times the rule's `shrinkage`; at another `ν` so much on the average row.
        frequency_exponent: `ν`.
    """

    alpha: float = 1.0
    strength: float = 1.0
    frequency_exponent: float = 1.0


@dataclass(frozen=True)
class Box:
    """Bounds of both multiples, low and high."""

    alpha: tuple[float, float] = (1 / 3, 2.0)
    strength: tuple[float, float] = (0.25, 2.5)

    def points(self, count: int, *, frequency_exponent: float = 1.0) -> Iterator[Point]:
        """So many points of the R2 sequence, stretched over the box on logarithmic axes."""
        for step in range(1, count + 1):
            at = (0.5 + step / _PLASTIC) % 1.0, (0.5 + step / _PLASTIC**2) % 1.0
            yield Point(_within(self.alpha, at[0]), _within(self.strength, at[1]), frequency_exponent)

    def around(self, point: Point) -> Box:
        """A smaller box of the same shape, centred on a point; it may reach beyond this one."""
        return replace(self, alpha=_centred(self.alpha, point.alpha), strength=_centred(self.strength, point.strength))


def _within(bounds: tuple[float, float], share: float) -> float:
    low, high = bounds
    return float(low * (high / low) ** share)


def _centred(bounds: tuple[float, float], middle: float) -> tuple[float, float]:
    half = (bounds[1] / bounds[0]) ** (NARROWER / 2)
    return middle / half, middle * half


def lengths(tuned: int, usual: int, *, most: int) -> tuple[int, ...]:
    """The lengths of vectors to carry a setting up to: the usual one for the data's size, and twice that.

    Args:
        tuned: Where it was tuned; nothing shorter is tried.
        usual: What the rule for the number of factors says.
        most: None is longer than this.
    """
    return tuple(each for each in (usual, 2 * usual) if tuned < each <= most)


def shrinkage(regularization: float, *, mean_weight: float, density: float) -> float:
    """`ρ = λ (1 + 1 / (ᾱ d))`: the regularisation of an average row at `ν` = 1, over the weight of what it observed.

    A row with `n̄` observations is regularised by `λ (ᾱ n̄ + n)` and holds observations of weight `ᾱ n̄`; on both
    sides `n / n̄` is `1 / d`, `d` the density.  `ρ` says how far factors are drawn to 0, whatever the weight.
    """
    return regularization * (1 + 1 / (mean_weight * density))


def regularization_of(rho: float, *, mean_weight: float, density: float) -> float:
    """The `λ` of a `ρ`: the inverse of `shrinkage`."""
    return rho / (1 + 1 / (mean_weight * density))


def equal_strength(
    regularization: float, frequency_exponent: float, *, mean_weight: float, counts: tuple[NDArray[np.integer], ...]
) -> float:
    """The `λ` at another `ν` that regularises the average row as much: `λ Σ s / Σ s^ν`, with `s = ᾱ n_u + n`.

    Rendle et al. (RecSys 2022, §3.4) scale `λ` likewise, so that one range of it serves every `ν`.

    Args:
        regularization: `λ` at `ν` = 1.
        frequency_exponent: `ν`.
        mean_weight: `ᾱ`.
        counts: Observations of each row, users and then items.
    """
    users, items = (np.asarray(side, np.float64) for side in counts)
    scales = np.concatenate((mean_weight * users + len(items), mean_weight * items + len(users)))
    return float(regularization * scales.sum() / (scales**frequency_exponent).sum())
