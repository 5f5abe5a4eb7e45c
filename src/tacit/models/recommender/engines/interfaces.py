"""What an engine must be able to do: the kernels of training, fold-in, retrieval and neighbours behind one interface.

`NumpyEngine` reads like the papers and solves exactly; `NativeEngine` is the same in C++.  One contract suite holds
both to the same promises.  The training loop, the choice of settings and the models exist once, above this interface.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tacit.data.interfaces import Progress, silent
from tacit.errors import Refused
from tacit.models.recommender.engines.explaining import Explainer, Explaining
from tacit.models.recommender.engines.matrix import Matrix

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Positions = NDArray[np.int32]
Method = Literal["cg", "cholesky"]


@dataclass(frozen=True)
class Ridge:
    """How strongly a row is regularised: `λ_u = λ (ᾱ n_u + n)^ν`, `n_u` its observations, `n` the fixed rows.

    Attributes:
        regularization: `λ` > 0, so that every row has one optimum.
        frequency_exponent: `ν`.
        mean_weight: `ᾱ` ≥ 0, the mean weight of an observation in training.

    Raises:
        Refused: `ridge_invalid` for other numbers.
    """

    regularization: float
    frequency_exponent: float
    mean_weight: float

    def __post_init__(self) -> None:
        numbers = (self.regularization, self.frequency_exponent, self.mean_weight)
        if not (all(map(math.isfinite, numbers)) and self.regularization > 0 and self.mean_weight >= 0):
            raise Refused(
                "ridge_invalid",
                f"The regularisation {numbers} is not finite, or not above 0, or its mean weight is below 0.",
                field="regularization",
                fix="Choose a regularisation above 0.",
            )

    def of(self, counts: NDArray[np.integer], fixed_rows: int) -> Floats:
        """`λ_u` of rows with so many observations: `(rows,)` float32."""
        scale = (self.mean_weight * np.asarray(counts, np.float64) + fixed_rows) ** self.frequency_exponent
        with np.errstate(over="ignore"):  # an infinite one is told from the objective, which is no number then
            return np.asarray(self.regularization * scale, dtype=np.float32)


@dataclass(frozen=True)
class Steps:
    """How rows are solved.

    Attributes:
        method: `cholesky` solves every row exactly; `cg` takes a few preconditioned conjugate-gradient steps from the
            row's present value.  The NumPy engine always solves exactly.
        count: Conjugate-gradient steps.
        relaxation: `ω`: a row moves `ω` times as far as the solver says; 1 is plain, beyond 1 is over-relaxation.
    """

    method: Method = "cg"
    count: int = 2
    relaxation: float = 1.0


@dataclass(frozen=True)
class HalfStep:
    """What half an iteration did.

    Attributes:
        loss: The objective before it, with the regularisation of both sides, float64; right to 1e-5 of itself for
            factors of the size that training gives (rows of norm up to about 5).
        basis: `(k, k)` float64 orthogonal: both sides were turned by it, in place.  Products are unchanged.
    """

    loss: float
    basis: Doubles


@dataclass(frozen=True)
class FixedSide:
    """One side of the factors, prepared to solve rows of the other against it (exactly: fold-in).

    Attributes:
        rotated: `(n, k)` float32, the side in the eigenbasis of its Gram matrix, `Z = Y Q`.
        basis: `(k, k)` float32, `Q`: its columns are the eigenvectors.
        spectrum: `(k,)` float32, `D` ≥ 0.
        ridge: How its opposite rows are regularised.
    """

    rotated: Floats
    basis: Floats
    spectrum: Floats
    ridge: Ridge


@dataclass(frozen=True)
class Found:
    """Items found for one query, the best first, equal scores in order of position.

    Attributes:
        items: `(found,)` int32 positions; fewer than asked for where fewer are allowed.
        scores: `(found,)` float32.
    """

    items: Positions
    scores: Floats


@dataclass(frozen=True)
class Lists:
    """Items found for many queries: `(queries, width)`, short rows filled with -1 and -inf."""

    items: Positions
    scores: Floats


@dataclass(frozen=True)
class Bonus:
    """What is added to the products of a few items: a second voice's scores, sparse.

    Attributes:
        items: `(b,)` int32 positions, ascending, each once.
        scores: `(b,)` float32, finite.
        scale: What the voice's own scores were multiplied by to come to these; `None` where nobody needs to know.
    """

    items: Positions
    scores: Floats
    scale: float | None = None


class Filter(Protocol):
    """The only items a query may find, prepared by `Index.filter`; for that index alone."""

    @property
    def allowed(self) -> int:
        """How many items pass."""
        ...


class Index(Protocol):
    """Exact top-K by inner product (plus bonus): never an item less, ties by position, whatever the numbers.

    The score of an item is its product (plus its bonus) rounded to float32, the same in `search` and `search_many`,
    with and without exclusions; engines may differ in its last digits.  Lists are exact with respect to it.
    """

    @property
    def memory_bytes(self) -> int:
        """What the index holds beside the factors themselves."""
        ...

    def filter(self, mask: NDArray[np.bool_]) -> Filter:
        """Prepare an inclusion filter from `(n,)` bool; made once, used by many queries.

        Raises:
            Refused: `query_invalid` for a mask of another length or type.
        """
        ...

    def search(
        self,
        query: Floats,
        count: int,
        *,
        excluded: Positions | None = None,
        only: Filter | None = None,
        bonus: Bonus | None = None,
    ) -> Found:
        """The `count` ≤ 1,000 items of highest `query · y_i + bonus_i`.

        Args:
            query: `(k,)` float32, finite.
            count: How many, at least 1.
            excluded: `(e,)` int32 positions that must not be found, in any order, repeats allowed.
            only: The only items that may be.
            bonus: Scores to add.

        Raises:
            Refused: `query_invalid` for a query of the wrong length, not finite or so long that products overflow,
                positions out of range, a bonus that is unsorted, repeated or not finite, a filter of another index,
                or a count outside 1…1,000.
        """
        ...

    def products(self, query: Floats, positions: Positions, *, bonus: Bonus | None = None) -> Floats:
        """The scores that `search` gives some items, whatever else there is: `(p,)` float32, O(p k).

        Args:
            query: `(k,)` float32, finite.
            positions: `(p,)` int32, in any order, each once.
            bonus: Scores to add.

        Raises:
            Refused: `query_invalid`, as `search`.
        """
        ...

    def search_many(
        self,
        queries: Floats,
        counts: int | Positions,
        *,
        excluded: Matrix | None = None,
        only: Filter | None = None,
        bonus: Matrix | None = None,
    ) -> Lists:
        """`search` for `(q, k)` queries at once, each with its own count, exclusions and bonus.

        Args:
            queries: `(q, k)` float32.
            counts: One count for all, or `(q,)` int32; the lists are as wide as the largest.
            excluded: `(q, n)`: whatever a row holds is excluded for that query; values do not matter.
            only: The only items that may be found, for all.
            bonus: `(q, n)`: scores to add.

        Raises:
            Refused: `query_invalid`, as `search`, and for matrices of another shape.
        """
        ...


class Engine(Explaining, Protocol):
    """The kernels.  Results do not depend on the number of threads; malformed input is refused, never a crash."""

    @property
    def name(self) -> str:
        """What runs: `numpy`, `native avx512`, `native avx2`, `native baseline`."""
        ...

    @property
    def threads(self) -> int:
        """How many threads it uses."""
        ...

    def transpose(self, matrix: Matrix) -> Matrix:
        """The same matrix by columns: `(columns, rows)`, O(nnz + rows + columns)."""
        ...

    def half_step(
        self,
        solved: Floats,
        fixed: Floats,
        *,
        matrix: Matrix,
        ridge: Ridge,
        steps: Steps,
        progress: Progress = silent,
    ) -> HalfStep:
        """Half an iteration: move every row of `solved` towards its optimum, `fixed` held.

        Both arrays are C-contiguous, written in place, and may be turned by the same rotation; rows of `matrix`
        without observations become 0.

        Args:
            solved: `(rows, k)` float32, the present values on entry.
            fixed: `(columns, k)` float32.
            matrix: `(rows, columns)` weights `w` > 0.
            ridge: The regularisation.
            steps: How to solve.
            progress: Told several times a second; may raise to stop, which leaves the arrays half done.

        Raises:
            Refused: `matrix_invalid` (a weight of 0 or less), `factors_invalid` (shapes, types, not finite).
        """
        ...

    def weighted_sums(self, matrix: Matrix, factors: Floats, out: Floats, *, progress: Progress = silent) -> None:
        """`out = matrix @ factors`: for each row the weighted sum of its columns' factors, O(nnz k).

        A sum `Σ w y` is right to a thousandth of `Σ |w y|`, and to `2^-24` of the largest factor times `Σ |w|`:
        factors may be gathered in half precision.

        Args:
            matrix: `(rows, columns)`.
            factors: `(columns, k)` float32, finite.
            out: `(rows, k)` float32, overwritten; it shares no memory with `factors`.
            progress: Told several times a second.

        Raises:
            Refused: `matrix_invalid`, `factors_invalid` (shapes, types, not finite).
        """
        ...

    def rotate(self, factors: Floats, basis: Doubles) -> None:
        """`factors @ basis` in place, without a second copy of the factors; `factors_invalid` for other shapes."""
        ...

    def fixed_side(self, factors: Floats, ridge: Ridge) -> FixedSide:
        """Prepare `(n, k)` factors to be solved against: O(n k²); `factors_invalid` if they cannot be."""
        ...

    def solve(self, side: FixedSide, matrix: Matrix, *, progress: Progress = silent) -> Floats:
        """Fold in: the exact factors of every row of `(rows, n)` weights, `(rows, k)`; rows without any are 0.

        Exact to 1e-4 of the row's norm.

        Raises:
            Refused: `matrix_invalid` for another number of columns, or a weight of 0 or less.
        """
        ...

    def solve_row(self, side: FixedSide, items: Positions, weights: Floats) -> Floats:
        """Fold one row in, fast: `(k,)` float32 for `(d,)` items (in any order, each once) and weights; as `solve`.

        Raises:
            Refused: `matrix_invalid` for positions out of range, lengths that differ, or weights that are not finite
                and above 0.
        """
        ...

    def shares(self, side: FixedSide, items: Positions, weights: Floats, *, wanted: Floats, explaining: int) -> Floats:
        """What each of the first items of a history adds to the score of each target: `(targets, explaining)`.

        With `A = Λ + Zᵀ W Z` it is `(1 + w_j) z_jᵀ A⁻¹ y_t` (Hu et al. 2008, §5, eq. 7): the terms add up to the score
        that the folded-in row gives the target.  O(d k min(d, k) + min(d, k)³ + targets d k) and as much memory as the
        smaller of two systems takes.

        Args:
            side: The items' factors.
            items: `(d,)` int32 positions, each once: those that own shares, then those that only weigh.
            weights: `(d,)` float32, above 0.
            wanted: `(targets, k)` float32 in the eigenbasis of the side.
            explaining: How many of the items own shares.
        """
        ...

    def explainer(self, side: FixedSide, items: Positions, weights: Floats, *, explaining: int) -> Explainer:
        """A history prepared to explain any items of the side by: what `shares` does for each call, done once."""
        ...

    def index(self, factors: Floats) -> Index:
        """Prepare exact retrieval over `(n, k)` float32 factors, which are kept by reference and must not change.

        Raises:
            Refused: `factors_invalid` for another shape or type, and for factors that are not finite or so long
                that products overflow.
        """
        ...

    def neighbours(
        self,
        by_user: Matrix,
        by_item: Matrix,
        *,
        user_weights: Floats,
        source_scales: Floats,
        target_scales: Floats,
        keep: int,
        progress: Progress = silent,
    ) -> Matrix:
        """For each item the `keep` strongest others by weighted co-occurrence, itself excluded.

        `s_ij = source_i · target_j · Σ_u g_u [u met i][u met j]`; ties by position.

        Args:
            by_user: `(users, items)`; which are there counts, values do not.
            by_item: Its transpose.
            user_weights: `g`, `(users,)` float32 ≥ 0.
            source_scales: `(items,)` float32 > 0.
            target_scales: `(items,)` float32 > 0.
            keep: How many of each, at least 1.
            progress: Told several times a second.

        Returns:
            `(items, items)`; row `i` holds the strongest neighbours of `i`, all above 0: items that share no weight
            are no neighbours.

        Raises:
            Refused: `matrix_invalid` for matrices that are not each other's transpose by shape and number of entries,
                `weights_invalid` for weights, scales or a `keep` out of range, or products beyond float32.
        """
        ...

    def weighted_rows(self, histories: Matrix, rows: Matrix) -> Matrix:
        """The sparse product `histories @ rows`: for each history the sum of its items' rows, weighted.

        Entries come out in ascending position; O(Σ over histories of the lengths of the rows they name).  A sum of 0
        may be an entry or not.

        Raises:
            Refused: `matrix_invalid` if the histories have not as many columns as there are rows.
        """
        ...
