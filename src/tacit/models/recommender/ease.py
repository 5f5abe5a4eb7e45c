"""EASE^R: the item-to-item matrix that reproduces histories best, in closed form, for small catalogues.

Steck, "Embarrassingly Shallow Autoencoders for Sparse Data" (WWW 2019), §2.  `B` minimises
`‖X - X B‖² + λ‖B‖²` under `diag(B) = 0`, with `X` the binary matrix of who met what.  With multipliers `γ` for the
diagonal, `B = (XᵀX + λI)⁻¹ (XᵀX - diag(γ)) = I - P diag(γ̃)` where `P = (XᵀX + λI)⁻¹`; the constraint makes
`γ̃_i = 1 / P_ii` (eq. 8), so that

    B_ji = -P_ji / P_ii  for j ≠ i,    B_ii = 0.

Unlike co-occurrence, entries may be negative: what speaks against an item once the rest is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import lapack

from tacit.data.interfaces import Progress, silent
from tacit.errors import Refused
from tacit.models.recommender.engines.interfaces import Engine
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.voices import Kind, Voice, met

LARGEST_CATALOGUE = 5_000
"""The most items it is made for: 200 MB of float64, and some 15 s of one core for `n³` multiplications."""


@dataclass(frozen=True)
class Ease:
    """How EASE^R is made.

    Attributes:
        regularization: `λ`, in users: the count that is added to every item's listeners.
        keep: How many entries of each row are kept, those of the greatest magnitude; 0 keeps all.  Lists are exact for
            what is kept; with all kept it is the paper's model.
    """

    regularization: float = 200.0
    keep: int = 500

    @property
    def kind(self) -> Kind:
        return "ease"

    @property
    def parameters(self) -> Mapping[str, float]:
        return {"regularization": self.regularization, "keep": self.keep}

    def fit(self, engine: Engine, by_user: Matrix, by_item: Matrix, *, progress: Progress = silent) -> Voice:
        """O(Σ_u d_u² + n³) time, one `(n, n)` float64 matrix and the result's float32.

        Raises:
            Refused: `catalogue_too_large` beyond `LARGEST_CATALOGUE` items, `regularization_invalid` unless positive.
        """
        n = by_user.columns
        _check(n, self.regularization)
        progress("EASE^R", 0.0)
        gram = _gram(by_user)
        gram[np.diag_indices(n)] += self.regularization
        inverse = _inverse(gram)
        progress("EASE^R", 0.8)
        weights = _closed_form(inverse)
        keep = n if self.keep == 0 else self.keep
        return Voice("ease", _strongest(weights, keep), self.parameters)


def _check(n_items: int, regularization: float) -> None:
    if n_items > LARGEST_CATALOGUE:
        raise Refused(
            "catalogue_too_large",
            f"EASE^R inverts a matrix of all pairs: {n_items} items are more than {LARGEST_CATALOGUE}.",
            field="voice",
            fix="Use item_knn, which holds a few hundred neighbours of each item.",
        )
    if not regularization > 0:
        raise Refused(
            "regularization_invalid",
            f"EASE^R cannot be solved with a regularization of {regularization}.",
            field="regularization",
            fix="Give a positive number; some hundred suit most data.",
        )


def _gram(by_user: Matrix) -> NDArray[np.float64]:
    """`XᵀX` of the binary matrix: `(n, n)` float64, in the order that LAPACK works in."""
    x = sparse.csr_array(met(by_user).scipy(), dtype=np.float64)
    return np.asfortranarray((x.T @ x).toarray())


def _inverse(system: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of a positive definite matrix, by Cholesky, in its own memory; the upper triangle alone is set."""
    if not len(system):
        return system
    factor, failed = lapack.dpotrf(system, lower=0, overwrite_a=1)
    if failed:
        raise Refused(
            "regularization_invalid",
            "EASE^R's system is singular to working precision.",
            field="regularization",
            fix="Raise the regularization.",
        )
    inverse, _ = lapack.dpotri(factor, lower=0, overwrite_c=1)
    return np.asarray(inverse)


def _closed_form(inverse: NDArray[np.float64]) -> NDArray[np.float32]:
    """`B_ji = -P_ji / P_ii`, `B_ii = 0`."""
    n = len(inverse)
    weights = np.empty((n, n), np.float32)
    diagonal = np.diagonal(inverse).copy()
    for row in range(n):
        full = np.concatenate((inverse[:row, row], inverse[row, row:]))  # both triangles, of which one is set
        weights[row] = -full / diagonal
        weights[row, row] = 0
    return weights


def _strongest(weights: NDArray[np.float32], keep: int) -> Matrix:
    """Of each row the `keep` entries of greatest magnitude, zeros left out, ascending by position; ties by position."""
    rows: list[Any] = [_strongest_of_row(np.abs(row), keep) for row in weights]
    indptr = np.concatenate(([0], np.cumsum([len(row) for row in rows], dtype=np.int64))).astype(np.int64)
    indices = np.concatenate([*rows, np.empty(0, np.int32)]).astype(np.int32)
    at = np.repeat(np.arange(len(rows)), np.diff(indptr))
    return Matrix(indptr, indices, weights[at, indices], weights.shape[1])


def _strongest_of_row(magnitudes: NDArray[np.float32], keep: int) -> NDArray[np.int32]:
    if keep >= len(magnitudes):
        return np.flatnonzero(magnitudes).astype(np.int32)
    least = np.partition(magnitudes, len(magnitudes) - keep)[len(magnitudes) - keep]
    stronger, equal = np.flatnonzero(magnitudes > least), np.flatnonzero(magnitudes == least)
    equal = equal[: keep - len(stronger)] if least > 0 else equal[:0]
    return np.sort(np.concatenate((stronger, equal))).astype(np.int32)
