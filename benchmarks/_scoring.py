"""The one way every side's factors are scored: NDCG@10 over the whole catalogue, nothing sampled, off every clock."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks._folds import Csr

Floats = NDArray[np.float32]

CUTOFF = 10
_BLOCK_SCORES = 32_000_000


def ndcg(user_factors: Floats, item_factors: Floats, *, train: Csr, fold: Csr, threads: int = 1) -> float:
    """Mean NDCG@10 over the users of a fold, their training items left out of the ranking.

    Equal scores count against the side: a held-out item ranks behind everything that scores as high. Factors of
    nothing but zeros therefore score 0 and not 1.
    """
    return float(np.mean(ndcg_of_users(user_factors, item_factors, train=train, fold=fold, threads=threads)))


def ndcg_of_users(
    user_factors: Floats, item_factors: Floats, *, train: Csr, fold: Csr, threads: int = 1
) -> NDArray[np.float64]:
    """NDCG@10 of each user of a fold, `(users in the fold,)`, by ascending user."""
    users = np.flatnonzero(np.diff(fold.indptr))
    block = max(1, _BLOCK_SCORES // max(1, len(item_factors)))
    # One array for all blocks: giving back and asking again for a hundred megabytes costs as much as filling them.
    scores = np.empty((min(block, len(users)), len(item_factors)), np.float32)
    found = [np.zeros(0)]
    with threadpool_limits(threads, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(users), block):
            some = users[start : start + block]
            np.matmul(user_factors[some], item_factors.T, out=scores[: len(some)])
            found.append(np.array(list(pool.map(partial(_of_row, train=train, fold=fold), scores, some))))
    return np.concatenate(found)


def _of_row(scores: Floats, user: int, *, train: Csr, fold: Csr) -> float:
    """One user: the rank of a held-out item is the number of unseen items that score at least as high."""
    wanted = np.sort(scores[_items(fold, user)])[::-1]
    scores[_items(train, user)] = -np.inf
    gained = 0.0
    for score in wanted:
        rank = np.count_nonzero(scores >= score)
        if rank > CUTOFF:  # and so are those of all that score lower
            break
        gained += 1 / np.log2(rank + 1)
    return float(gained / np.sum(1 / np.log2(np.arange(1, min(CUTOFF, len(wanted)) + 1) + 1)))


def _items(matrix: Csr, user: int) -> NDArray[np.int32]:
    return np.asarray(matrix.indices[matrix.indptr[user] : matrix.indptr[user + 1]])


def popularity_factors(train: Csr) -> tuple[Floats, Floats]:
    """Popularity written as factors of length 1, to be scored as they are."""
    counts = np.bincount(train.indices, minlength=train.shape[1]).astype(np.float32)
    return np.ones((train.shape[0], 1), np.float32), counts[:, None]
