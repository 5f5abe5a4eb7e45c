"""Settings that travel: what an operator's first training takes, from the shape and the density of the data alone.

Three facts about a training matrix say what suits it: its density `d`, its size, and how many observations a row holds,
`n̄ = nnz / √(users · items)`, the geometric mean of both sides' averages.

* *Weight.*  The denser the data, the more an absence says, and the less an observation should outweigh it:
  `ᾱ = min(60, 0.4 d^-0.75)`.
* *Regularisation.*  Let `ρ = λ (1 + 1 / (ᾱ d))` be the regularisation of an average row over the weight of what it
  holds (`search_space.shrinkage`): how far factors are drawn to 0.  Rows that hold little are drawn further:
  `ρ = 0.3 n̄^-0.25`, as an estimate from few observations should be (James and Stein, 1961).
* *Length.*  Regularised so, longer vectors do no harm on the data we looked at: what is not supported is drawn to 0.
  What limits them is memory and the time of an answer.

The constants were chosen on validation folds of public data sets whose densities span two decades; decision 0023 has
the table.
"""

from __future__ import annotations

MOST_FACTORS = 512
USUAL_FACTORS = 256
FEWEST_FACTORS = 64

LARGE_CATALOGUE = 20_000
"""Items from which on the longest vectors pay: from 256 to 512 brought 6 % on two catalogues of 40,000."""

_MOST_BYTES = 2**29
"""Both sides' factors may take half a gigabyte."""


def density_rule(density: float, observations: float = 30.0) -> tuple[float, float]:
    """`(alpha, regularization)` for a matrix of this density (non-zeros over cells).

    Args:
        density: `d`, in (0, 1].
        observations: `n̄`, the geometric mean of how many entries an average row and an average column hold.
    """
    density = max(density, 1e-9)
    alpha = min(60.0, 0.4 * density**-0.75)
    rho = 0.3 * max(observations, 1.0) ** -0.25
    return alpha, rho / (1 + 1 / (alpha * density))


def factors_rule(users: int, items: int) -> int:
    """How many factors: 512 for large catalogues, 256 for others, halved until both sides fit half a gigabyte.

    Never more than there are users or items, nor fewer than 64 where there are as many.
    """
    factors = MOST_FACTORS if items >= LARGE_CATALOGUE else USUAL_FACTORS
    while factors > FEWEST_FACTORS and 4 * factors * (users + items) > _MOST_BYTES:
        factors //= 2
    return max(1, min(factors, users, items))
