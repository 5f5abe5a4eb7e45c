"""Where a training starts: from the data's own leading directions, from random numbers, or from factors learnt before.

*Spectral start.*  From random item factors, the first iteration of alternating least squares learns hardly more than
what is popular, and the second does what the first could have done from anywhere better.  What it is on the way to is
near the leading singular vectors of the weights once popularity is divided out, `R = U^-1/2 W V^-1/2` with `U` and `V`
the sums of the weights' rows and columns (the normalised matrix of spectral co-clustering: Dhillon, KDD 2001, section
4).  Two rounds of the randomised power method find them well enough (Halko, Martinsson and Tropp, "Finding Structure
with Randomness", SIAM Review 2011, algorithm 4.4): `Y ← Rᵀ (R Y)` from random signs, made orthonormal between the
rounds, since powers of the leading value would drown what lies under it.  A round costs two passes over the entries at
one multiply-add each, a quarter of the time of an iteration of two conjugate-gradient steps.  The last product is left
as it comes: directions that the data supports more then have longer factors, as they have at the optimum.

On a synthetic community of the shape of Last.fm-360K one iteration from there ranks better than five from random
factors; where iterations are many, both end at the same optimum.  Decision 0024 has the figures.
"""

from __future__ import annotations

import numpy as np

from tacit.data.interfaces import Progress, silent
from tacit.errors import Refused
from tacit.models.recommender.engines.blas import one_blas_thread
from tacit.models.recommender.engines.interfaces import Engine, Floats
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.engines.sides import eigenbasis, gram

_SPREAD = np.float32(0.1)
"""Standard deviation of random factors, and of a spectral start's."""

_ROUNDS = 2
"""Of the power method: a third still gained something, but not the time it took."""

_BLOCK = 1 << 13
"""Rows that are drawn together."""


def first_factors(
    rows: int, columns: int, *, k: int, seed: int, start: tuple[Floats, Floats] | None = None
) -> tuple[Floats, Floats]:
    """User factors `(rows, k)` and item factors `(columns, k)` to begin with, in memory of their own.

    Without a start the users are 0, since the first half step computes them, and the items are drawn. With one, its
    factors are those of the first rows of each side, and later rows are 0: the half step of their side gives them
    their first value. Where the start has fewer than `k` factors, items have the missing ones drawn, while users have
    0 there, so that no product changes. Where it has more, the `k` directions are kept in which the items vary most:
    the leading eigenvectors of their Gram matrix.

    Raises:
        Refused: `factors_invalid` if the start has more rows than needed, a value that is not finite, no item factor
            other than 0, or sides of different `k`.
    """
    drawn = np.random.default_rng(seed).standard_normal((columns, k), dtype=np.float32)
    drawn *= _SPREAD
    users = np.zeros((rows, k), np.float32)
    if start is None:
        return users, drawn
    _check(*start, rows=rows, columns=columns)
    known_users, known_items = _leading(*start, k=k)
    met, width = known_items.shape
    users[: len(known_users), :width] = known_users
    drawn[:met, :width] = known_items
    drawn[met:] = 0
    return users, drawn


def spectral_factors(
    weights: tuple[Matrix, Matrix],
    users: Floats,
    items: Floats,
    *,
    seed: int,
    engine: Engine,
    progress: Progress = silent,
) -> None:
    """Fill item factors with the leading directions of the weights, popularity divided out; users become 0.

    O(nnz k + items k²) time, no memory beside the two sides but the engine's.  Items that nobody met become 0; where
    nobody met anything, items are random signs.  The same for any number of threads.

    Args:
        weights: By user, `(n_users, n_items)`, and by item, its transpose.
        users: `(n_users, k)` float32, used on the way.
        items: `(n_items, k)` float32, overwritten.
        seed: Of the random signs.
        engine: Adds up.
        progress: Told several times a second.
    """
    by_user, by_item = weights
    of_users, of_items = _inverse_roots(by_user), _inverse_roots(by_item)
    _fill_with_signs(items, np.random.default_rng(seed))
    for turn in range(_ROUNDS if by_user.nnz else 0):
        if turn:
            _make_orthonormal(items, engine)
        items *= of_items
        engine.weighted_sums(by_user, items, users, progress=progress)
        users *= of_users * of_users
        engine.weighted_sums(by_item, users, items, progress=progress)
        items *= of_items
    users[:] = 0
    items *= _SPREAD / np.float32(np.sqrt(np.mean(np.square(items), dtype=np.float64)))


def _inverse_roots(matrix: Matrix) -> Floats:
    """`(rows, 1)`: 1 / √ of each row's sum of weights, 0 for a row without any."""
    roots = np.zeros((matrix.rows, 1), np.float32)
    met = matrix.counts > 0
    roots[met, 0] = np.add.reduceat(matrix.data, matrix.indptr[:-1][met], dtype=np.float64) ** -0.5
    return roots


def _fill_with_signs(factors: Floats, random: np.random.Generator) -> None:
    """Random 1 and -1: as good as normal numbers for this, and a bit each."""
    for start in range(0, len(factors), _BLOCK):
        block = factors[start : start + _BLOCK]
        drawn = random.integers(0, 256, -(-block.size // 8), dtype=np.uint8)
        np.multiply(np.unpackbits(drawn, count=block.size).reshape(block.shape), np.float32(2), out=block)
        block -= 1


def _make_orthonormal(factors: Floats, engine: Engine) -> None:
    """By the Gram matrix's eigenvectors; directions that the factors hardly have are raised to what rounding left."""
    with one_blas_thread():
        spectrum, basis = eigenbasis(gram(factors))
    engine.rotate(factors, basis / np.sqrt(np.maximum(spectrum, 1e-9 * spectrum[-1])))


def _leading(users: Floats, items: Floats, *, k: int) -> tuple[Floats, Floats]:
    if items.shape[1] <= k:
        return users, items
    directions = eigenbasis(gram(items))[1][:, ::-1][:, :k].astype(np.float32)
    return users @ directions, items @ directions


def _check(users: Floats, items: Floats, *, rows: int, columns: int) -> None:
    for name, side, most in (("user_factors", users, rows), ("item_factors", items, columns)):
        if side.ndim != 2 or len(side) > most or side.shape[1] != items.shape[1]:
            raise _invalid(name, f"have shape {side.shape} for {most} rows and {items.shape[-1]} factors")
        if not np.isfinite(np.sum(side, dtype=np.float64)):
            raise _invalid(name, "hold a value that is not finite")
    if not np.any(items):
        raise _invalid("item_factors", "are zero everywhere, which no half step can leave")


def _invalid(name: str, problem: str) -> Refused:
    return Refused(
        "factors_invalid", f"The {name} to start from {problem}.", field=name, fix="Start from other factors, or none."
    )
