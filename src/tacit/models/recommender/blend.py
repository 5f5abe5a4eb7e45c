"""A blend: factors and a second voice, standardised and mixed with one weight, still found exactly.

For one user let `f_i = x·y_i` be the factors' score of item `i` and `v_i` the voice's, zero for most items, with means
and standard deviations over the catalogue.  Standardised scores put two voices of any scale on one footing (Fox and
Shaw, "Combination of Multiple Searches", TREC-2 1994, sum standardised scores; Bellogín, Castells and Cantador, RecSys
2011, compare norms of recommenders and find this one sound):

    z_i = (1 - w) (f_i - μ_f) / σ_f  +  w (v_i - μ_v) / σ_v

For one user `z` is affine in both scores, so that the order of items is that of

    σ_f z_i + constant  =  (1 - w) x·y_i  +  b v_i,    b = w σ_f / σ_v,

which is an inner product and a sparse bonus: what an exact index takes as it is.  Three facts make it cheap:

* `σ_f² = xᵀ C x` with `C` the covariance of the item factors, made once: `O(k²)` a user, no score computed.
* `σ_v² = Σ v_i² / n - (Σ v_i / n)²` from the few entries there are.
* Both terms are sums over the history, hence so is the blend: explanations stay exact.

*What a blended score means.*  It is in the units of the factors' score, about 1 for what a user met and 0 for what
means nothing to them, with the voice stretched to the same spread: at weight 0 it is the factors' score to the bit.
It orders one user's items; between users it is as little comparable as any score that was standardised for each.

*Where a voice is silent.*  If the scores of one are all equal (a user nobody resembles, factors of zero), it has
nothing to say and the other orders alone.  At weight 1 the factors still keep a millionth, so that they order what the
voice leaves at zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tacit.errors import Refused
from tacit.models.recommender.engines.blas import one_blas_thread
from tacit.models.recommender.engines.interfaces import Bonus, Doubles, Engine, Floats, Positions
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.voices import Voice

LARGEST_WEIGHT = 1 - 1e-6
"""What a weight of 1 comes to: a millionth is left to the factors."""

_BLOCK_ROWS = 16_384
_FLAT = 1e-7
"""A deviation below this part of the root mean square is rounding, not spread."""


@dataclass(frozen=True)
class Blend:
    """A second voice, its weight, and what standardising needs.

    Attributes:
        voice: Speaks beside the factors.
        weight: `w`, from 0 (the factors alone) to 1 (the voice alone).
        covariance: `(k, k)` float64, of the item factors over the catalogue.
    """

    voice: Voice
    weight: float
    covariance: Doubles

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise _invalid("weight", f"is {self.weight}", "Give a number from 0 to 1.")
        if self.covariance.ndim != 2 or self.covariance.shape[0] != self.covariance.shape[1]:
            raise _invalid("covariance", f"has shape {self.covariance.shape}", "Make it from the item factors.")

    @classmethod
    def of(cls, voice: Voice, weight: float, item_factors: Floats) -> Blend:
        """The blend over `(n_items, k)` factors, O(n_items k²).

        Raises:
            Refused: `blend_invalid` for a weight outside 0…1, or a voice of another catalogue.
        """
        if voice.similarity.rows != len(item_factors) or voice.similarity.columns != len(item_factors):
            shape = f"{voice.similarity.rows} x {voice.similarity.columns}"
            raise _invalid("voice", f"is {shape} for {len(item_factors)} items", "Make both from one training matrix.")
        return cls(voice, weight, covariance(item_factors))

    def query(self, engine: Engine, user_factors: Floats, items: Positions) -> tuple[Floats, Bonus]:
        """What to ask an index for one user: `index.search(query, count, bonus=bonus)`.

        Args:
            engine: Does the sparse product.
            user_factors: `(k,)`.
            items: `(d,)` positions of the history, ascending, each once; those beyond the catalogue say nothing.

        Returns:
            `(k,)` float32 query and the bonus.
        """
        said = self.voice.scores(engine, _row(items, self.voice.similarity.rows))
        factors = np.asarray(user_factors, np.float32)
        scale = float(_scales(said, factors[None, :], weight=self.weight, covariance_of_items=self.covariance)[0])
        query = np.float32(1 - _capped(self.weight)) * factors
        return query, Bonus(said.indices, (scale * said.data).astype(np.float32), scale)

    def queries(self, engine: Engine, user_factors: Floats, histories: Matrix) -> tuple[Floats, Matrix]:
        """`query` for `(q, k)` users with `(q, n_items)` histories: `(q, k)` queries and a `(q, n_items)` bonus.

        The bonus holds a few thousand entries a user: ask in portions of some thousand users.
        """
        said = self.voice.scores(engine, histories)
        return mix(said, user_factors, weight=self.weight, covariance_of_items=self.covariance)

    def contributions(
        self, engine: Engine, items: Positions, *, targets: Positions, of_factors: Floats, scale: float
    ) -> Floats:
        """What each item of a history adds to the blended score of each target; the terms add up to the score.

        Args:
            engine: Looks up what the voice says of pairs.
            items: `(d,)` positions of the history within the catalogue, ascending.
            targets: `(t,)` positions.
            of_factors: `(t, d)` what each adds to the factors' score (Hu et al. 2008, eq. 7).
            scale: The `scale` of the bonus that this history was asked with.

        Returns:
            `(t, d)` float32.
        """
        of_voice = engine.entries(self.voice.similarity, items, targets)
        return np.asarray((1 - _capped(self.weight)) * of_factors + scale * of_voice, dtype=np.float32)


def mix(said: Matrix, user_factors: Floats, *, weight: float, covariance_of_items: Doubles) -> tuple[Floats, Matrix]:
    """Mix what a voice said to users with their factors.

    Args:
        said: `(q, n_items)`, the voice's scores.
        user_factors: `(q, k)`.
        weight: `w`.
        covariance_of_items: `(k, k)`.

    Returns:
        `(q, k)` float32 queries and a `(q, n_items)` bonus.
    """
    scales = np.repeat(_scales(said, user_factors, weight=weight, covariance_of_items=covariance_of_items), said.counts)
    bonus = Matrix(said.indptr, said.indices, (scales * said.data).astype(np.float32), said.columns)
    return np.float32(1 - _capped(weight)) * np.asarray(user_factors, np.float32), bonus


def _scales(said: Matrix, user_factors: Floats, *, weight: float, covariance_of_items: Doubles) -> Doubles:
    """`b` of each user: `(q,)`; 0 where the voice is silent, `w / σ_v` where the factors are."""
    of_factors, of_voice = deviations(covariance_of_items, user_factors), sparse_deviations(said)
    ratio = np.where(of_factors > 0, of_factors, 1.0) / np.where(of_voice > 0, of_voice, 1.0)
    return np.asarray(np.where(of_voice > 0, _capped(weight) * ratio, 0.0))


def _capped(weight: float) -> float:
    return min(float(weight), LARGEST_WEIGHT)


def covariance(item_factors: Floats) -> Doubles:
    """Covariance of `(n, k)` factors over the items: `(k, k)` float64, O(n k²), in blocks."""
    n, k = item_factors.shape
    mean = item_factors.mean(axis=0, dtype=np.float64)
    total: Doubles = np.zeros((k, k))
    with one_blas_thread():  # more would add in another order on another machine
        for start in range(0, n, _BLOCK_ROWS):
            centred = item_factors[start : start + _BLOCK_ROWS] - mean
            total += centred.T @ centred
    return np.asarray(total / max(1, n))


def deviations(covariance_of_items: Doubles, user_factors: Floats) -> Doubles:
    """Standard deviation over the catalogue of each user's factor scores: `√(xᵀ C x)`, `(q,)` for `(q, k)`."""
    wide = np.asarray(user_factors, np.float64)
    squares = np.einsum("qk,qk->q", wide @ covariance_of_items, wide)
    return np.asarray(np.sqrt(np.maximum(squares, 0.0)))


def sparse_deviations(said: Matrix) -> Doubles:
    """Standard deviation of each row over all columns, absent entries being 0: `(rows,)`.

    Rows that are flat to float32's precision have 0.
    """
    n = max(1, said.columns)
    values = said.data.astype(np.float64)
    mean, square = _row_sums(said, values) / n, _row_sums(said, values**2) / n
    variance = square - mean**2
    return np.asarray(np.sqrt(np.where(variance > _FLAT * square, variance, 0.0)))


def _row_sums(matrix: Matrix, values: Doubles) -> Doubles:
    sums = np.zeros(matrix.rows)
    full = np.flatnonzero(matrix.counts)  # reduceat would give an empty row its neighbour's first entry
    if len(full):
        sums[full] = np.add.reduceat(values, matrix.indptr[full])
    return sums


def _row(items: Positions, n_items: int) -> Matrix:
    """One history as a matrix, without what lies beyond the catalogue."""
    known: NDArray[np.int32] = np.asarray(items, np.int32)
    known = np.ascontiguousarray(known[known < n_items])
    indptr = np.array([0, len(known)], np.int64)
    return Matrix(indptr, known, np.ones(len(known), np.float32), n_items)


def _invalid(field: str, problem: str, fix: str) -> Refused:
    return Refused("blend_invalid", f"The blend's {field} {problem}.", field=field, fix=fix)
