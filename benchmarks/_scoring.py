"""The one way every side's factors are scored: NDCG@10 over the whole catalogue, nothing sampled, off every clock."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks import _ours
from benchmarks._folds import Csr

Floats = NDArray[np.float32]
Users = NDArray[np.intp]

CUTOFF = 10
_CHECKED = 64
"""Users of each call who are ranked in both ways."""


def ndcg(user_factors: Floats, item_factors: Floats, *, train: Csr, fold: Csr, threads: int = 1) -> float:
    """Mean NDCG@10 over the users of a fold, their training items left out of the ranking.

    Equal scores count against the side: a held-out item ranks behind everything that scores as high. Factors of
    nothing but zeros therefore score 0 and not 1.
    """
    return float(np.mean(ndcg_of_users(user_factors, item_factors, train=train, fold=fold, threads=threads)))


def ndcg_of_users(
    user_factors: Floats, item_factors: Floats, *, train: Csr, fold: Csr, threads: int = 1
) -> NDArray[np.float64]:
    """NDCG@10 of each user of a fold, `(users in the fold,)`, by ascending user.

    Every side's lists are found by our exact index, which takes a tenth of the time of computing all products.  So that
    nobody need believe in it, some users of each call are ranked by NumPy alone as well.

    Raises:
        ArithmeticError: The two ways differ.
    """
    users = np.flatnonzero(np.diff(fold.indptr))
    if not len(users):
        return np.zeros(0)
    found = _by_index(user_factors, item_factors, users, train=train, fold=fold, threads=threads)
    some = np.unique(np.linspace(0, len(users) - 1, _CHECKED).astype(int))
    by_hand = _by_products(user_factors, item_factors, users[some], train=train, fold=fold, threads=threads)
    # Float32 sums in another order may swap two items of nearly the same score, for a user in a thousand.
    if np.count_nonzero(np.abs(found[some] - by_hand) > 1e-9) > max(1, len(some) // 50):
        raise ArithmeticError("the index and NumPy rank differently")
    return found


def _by_index(
    user_factors: Floats, item_factors: Floats, users: Users, *, train: Csr, fold: Csr, threads: int
) -> NDArray[np.float64]:
    factors, items = (np.ascontiguousarray(side, np.float32) for side in (user_factors[users], item_factors))
    # One more than is asked for tells whether the last one's score goes on behind it.
    lists = _ours.index(items, threads).search_many(factors, CUTOFF + 1, excluded=_ours.matrix_of(train[users]))
    return np.array(
        [
            _of_list(items, scores, _items(fold, user))
            for items, scores, user in zip(lists.items, lists.scores, users, strict=True)
        ]
    )


def _of_list(items: NDArray[np.int32], scores: Floats, wanted: NDArray[np.int32]) -> float:
    """One user: a held-out item ranks behind everything that scores as high."""
    hits = scores[np.isin(items, wanted) & (items >= 0)]
    ranks = np.array([np.count_nonzero(scores[items >= 0] >= score) for score in hits])
    return _ndcg(ranks, len(wanted))


def _by_products(
    user_factors: Floats, item_factors: Floats, users: Users, *, train: Csr, fold: Csr, threads: int
) -> NDArray[np.float64]:
    with threadpool_limits(threads, user_api="blas"):
        products = user_factors[users] @ item_factors.T
    return np.array([_of_row(row, user, train=train, fold=fold) for row, user in zip(products, users, strict=True)])


def _of_row(scores: Floats, user: int, *, train: Csr, fold: Csr) -> float:
    """One user: the rank of a held-out item is the number of unseen items that score at least as high."""
    wanted = scores[_items(fold, user)]
    scores[_items(train, user)] = -np.inf
    return _ndcg(np.array([np.count_nonzero(scores >= score) for score in wanted]), len(wanted))


def _ndcg(ranks: NDArray[np.int_], wanted: int) -> float:
    gains = np.sum(1 / np.log2(ranks[ranks <= CUTOFF] + 1))
    return float(gains / np.sum(1 / np.log2(np.arange(1, min(CUTOFF, wanted) + 1) + 1)))


def _items(matrix: Csr, user: int) -> NDArray[np.int32]:
    return np.asarray(matrix.indices[matrix.indptr[user] : matrix.indptr[user + 1]])


def popularity_factors(train: Csr) -> tuple[Floats, Floats]:
    """Popularity written as factors of length 1, to be scored as they are."""
    counts = np.bincount(train.indices, minlength=train.shape[1]).astype(np.float32)
    return np.ones((train.shape[0], 1), np.float32), counts[:, None]
