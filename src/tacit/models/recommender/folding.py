"""One row folded in from all that was observed of it, also from what speaks against an item, in float64.

Hu et al. 2008, eq. 4, with the preference of an observation being 1 or 0:

    x = (YᵀY + λ_u I + Σ_j w_j y_j y_jᵀ)⁻¹ Σ_{j preferred} (1 + w_j) y_j

An observation of preference 0 holds the score of its item near 0 the more strongly the larger its weight: it stands in
the matrix, and not on the right-hand side.  The engines fold in observations of preference 1 alone; where there are
others, the few systems of a request are solved here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tacit.models.recommender.engines.blas import one_blas_thread
from tacit.models.recommender.engines.interfaces import Doubles, FixedSide, Floats, Ridge
from tacit.models.recommender.engines.sides import eigenbasis, gram


@dataclass(frozen=True)
class Against:
    """What speaks against some items: observations of preference 0.

    Attributes:
        items: `(e,)` positions, ascending, each once, none of them in the history.
        values: `(e,)` how much speaks against each, above 0, in the unit of the history's values.
    """

    items: NDArray[np.int32]
    values: Floats

    def __len__(self) -> int:
        return len(self.items)


NOTHING_AGAINST = Against(np.empty(0, np.int32), np.empty(0, np.float32))


@dataclass(frozen=True)
class Eigenbasis:
    """The Gram matrix of `(n, k)` factors, taken apart: `YᵀY = Q D Qᵀ`; all it takes to fold in what faces them.

    Attributes:
        basis: `(k, k)` float64, `Q`.
        spectrum: `(k,)` float64, `D`.
        count: `n`.
    """

    basis: Doubles
    spectrum: Doubles
    count: int

    @classmethod
    def of_factors(cls, factors: Floats) -> Eigenbasis:
        """That of factors, O(n k²), without a copy of them."""
        with one_blas_thread():
            spectrum, basis = eigenbasis(gram(factors))
        return cls(basis, spectrum, len(factors))

    @classmethod
    def of_side(cls, side: FixedSide) -> Eigenbasis:
        """That of a prepared side."""
        return cls(side.basis.astype(np.float64), side.spectrum.astype(np.float64), len(side.rotated))


def folded(
    turned: Doubles,
    weights: Floats,
    preferred: int,
    *,
    over: Eigenbasis,
    ridge: Ridge,
    right: Floats | None = None,
) -> Floats:
    """The exact factors of one row: `(k,)` float32, 0 where nothing is preferred.

    Args:
        turned: `(d, k)` the factors of what was observed in the eigenbasis, `Y Q`; the preferred ones first.
        weights: `(d,)`, above 0.
        preferred: How many are preferred.
        over: The basis.
        ridge: How such rows are regularised.
        right: `(preferred,)` what stands on the right-hand side in the place of `1 + w`.
    """
    if not preferred:
        return np.zeros(len(over.spectrum), np.float32)
    w = weights.astype(np.float64)
    target = np.zeros(len(w))
    target[:preferred] = 1 + w[:preferred] if right is None else right
    diagonal = over.spectrum + ridge.of(np.array([len(w)]), over.count).astype(np.float64)
    with one_blas_thread():
        return np.asarray(over.basis @ _solved(turned, w, target, diagonal=diagonal), np.float32)


def _solved(z: Doubles, w: Doubles, right: Doubles, *, diagonal: Doubles) -> Doubles:
    """`(Λ + Zᵀ W Z)⁻¹ Zᵀ r`, through the smaller of two systems: `(k,)`."""
    if len(z) >= z.shape[1]:
        return np.asarray(np.linalg.solve(np.diag(diagonal) + (z * w[:, None]).T @ z, z.T @ right))
    scaled = z / diagonal
    dual = np.linalg.solve(scaled @ z.T + np.diag(1 / w), right / w)
    return np.asarray(scaled.T @ dual)
