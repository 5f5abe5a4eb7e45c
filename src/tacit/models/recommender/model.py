"""A trained recommender in memory: whom it knows, what it knows, and the algebra that answers with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tacit.data.catalog import Item
from tacit.models.recommender.als import Confidence, Solver

Csr = Any
Floats = NDArray[np.float32]
Positions = NDArray[np.intp]


@dataclass(frozen=True)
class RecommenderModel:
    """Factors, the index that names their rows, and the history they are explained by.

    Items are numbered so that those with factors come first, in order of popularity; the others are known by name
    alone. All arrays may be memory-mapped; none is ever written to.

    Attributes:
        user_ids: Every known user.
        items: Every known item, the first `len(item_factors)` of which have factors.
        user_factors: `(users, k)` float32, solved over each user's whole history.
        item_factors: `(n_items, k)` float32.
        indptr: `(users + 1,)` int64, each user's slice of the two arrays below.
        indices: `(rows,)` int32, item positions, ascending within a user.
        values: `(rows,)` float32.
        listeners: `(items,)` int64, how many users met each item.
        popular: Item positions by popularity, the best first, overall (key "") and by category.
        confidence: How values become weights.
        regularization: `λ` of the training run.
        frequency_exponent: `ν` of the training run.
    """

    user_ids: Sequence[str]
    items: Sequence[Item]
    user_factors: Floats
    item_factors: Floats
    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    values: Floats
    listeners: NDArray[np.int64]
    popular: Mapping[str, NDArray[np.int32]]
    confidence: Confidence
    regularization: float
    frequency_exponent: float

    @cached_property
    def user_rows(self) -> dict[str, int]:
        """Row of each user, by id."""
        return {user_id: row for row, user_id in enumerate(self.user_ids)}

    @cached_property
    def item_rows(self) -> dict[str, int]:
        """Position of each item, by id."""
        return {item.item_id: row for row, item in enumerate(self.items)}

    @cached_property
    def solver(self) -> Solver:
        """Folds histories in over these item factors."""
        return Solver.over(
            np.asarray(self.item_factors),
            mean_weight=self.confidence.mean_weight,
            regularization=self.regularization,
            frequency_exponent=self.frequency_exponent,
        )

    @cached_property
    def categories(self) -> Mapping[str, NDArray[np.bool_]]:
        """For each category, which items belong to it: `(items,)` bool."""
        members: dict[str, list[int]] = {}
        for row, item in enumerate(self.items):
            for category in item.categories:
                members.setdefault(category, []).append(row)
        masks = {category: np.zeros(len(self.items), bool) for category in sorted(members)}
        for category, rows in members.items():
            masks[category][rows] = True
        return masks

    @cached_property
    def unit_factors(self) -> Floats:
        """Item factors scaled to length 1, for cosine similarity; a zero vector stays zero."""
        norms = np.linalg.norm(self.item_factors, axis=1, keepdims=True)
        return np.asarray(self.item_factors / np.maximum(norms, 1e-12), dtype=np.float32)

    def history(self, row: int) -> tuple[NDArray[np.int32], Floats]:
        """Items a user met and their values, ascending by position."""
        part = slice(self.indptr[row], self.indptr[row + 1])
        return self.indices[part], self.values[part]

    def fold_in(self, items: NDArray[np.int32], values: Floats) -> Floats:
        """The factors that training would give a user with this history, the items fixed: `(k,)` float32.

        This is the user half of one iteration (Hu et al. 2008, eq. 4), exact for these item factors; items without
        factors are passed over. O(min(d, k)² max(d, k)) for `d` items.
        """
        return np.asarray(self.solver.solve(self._weights(items, values))[0])

    def scores(self, user_factors: Floats) -> Floats:
        """How much a user with these factors would like each item: `(n_items,)` float32, O(n_items k)."""
        return np.asarray(self.item_factors @ user_factors)

    def similarities(self, item: int) -> Floats:
        """Cosine of an item's factors with every item's: `(n_items,)` float32."""
        return np.asarray(self.unit_factors @ self.unit_factors[item])

    def contributions(self, items: NDArray[np.int32], values: Floats, targets: Positions) -> tuple[Positions, Floats]:
        """What each item of a history adds to the score of each target (Hu et al. 2008, §5, eq. 7).

        With `A = YᵀY + λ_u I + Σ_j w_j y_j y_jᵀ`, the score of target `i` is `Σ_j (1 + w_j) y_jᵀ A⁻¹ y_i`: each
        term is the share that item `j` of the history owns, and the terms add up to the score.

        Args:
            items: The history's item positions.
            values: Their values.
            targets: Item positions to explain.

        Returns:
            The positions that can explain, `(d,)`, and their contributions, `(targets, d)` float32.
        """
        weights = self._weights(items, values)
        z = self.solver.rotated[weights.indices]  # (d, k)
        diagonal = self.solver.spectrum + self.solver.ridge(np.array([weights.nnz]))
        system = np.diag(diagonal) + (z * weights.data[:, None]).T @ z
        solved = np.linalg.solve(system, self.solver.rotated[targets].T)  # (k, targets)
        shares = (1 + weights.data)[:, None] * (z @ solved)
        return weights.indices.astype(np.intp), np.asarray(shares.T, dtype=np.float32)

    def _weights(self, items: NDArray[np.int32], values: Floats) -> Csr:
        n_items = len(self.item_factors)
        known = np.asarray(items) < n_items
        chosen = np.asarray(items)[known].astype(np.int32)
        data = self.confidence.weights(np.asarray(values, dtype=np.float32)[known])
        return sparse.csr_array((data, chosen, np.array([0, len(chosen)])), shape=(1, n_items))


@dataclass(frozen=True)
class FactorScorer:
    """A model as the evaluation sees it: a training history in, a score for every item out.

    Users are folded in from the history given, whatever snapshot the item factors came from. So a version is judged
    on the same footing whether it was trained a minute or a year ago.
    """

    model: RecommenderModel

    @property
    def item_ids(self) -> tuple[str, ...]:
        return tuple(item.item_id for item in self.model.items[: len(self.model.item_factors)])

    def scores(self, histories: Csr) -> Floats:
        """`(users, n_items)` float32 for `(users, n_items)` CSR histories of values."""
        weights = sparse.csr_array(
            (self.model.confidence.weights(histories.data), histories.indices, histories.indptr), histories.shape
        )
        return np.asarray(self.model.solver.solve(weights) @ self.model.item_factors.T)
