"""A validation fold: a little of the training data set aside, to choose settings by without looking at the hold-out.

Cawley and Talbot (JMLR 11, 2010) show why: what chooses may not judge.  The snapshot's hold-out judges; so whoever
chooses cuts a fold of their own from the training part.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.ranking_metrics import hit_matrix, ndcg

Csr = Any
Doubles = NDArray[np.float64]

CUTOFF = 20
"""How many items of each list are judged: twenty hits tell near settings apart with less noise than ten."""


@dataclass(frozen=True)
class ValidationFold:
    """What is learnt from, and what is judged by; together they are the training part that was cut.

    Attributes:
        training: `(users, items)` CSR float32, every user and item of the original.
        held_out: `(users, items)` CSR float32, disjoint from `training`.
        judged: `(cases,)` positions, ascending, of the users with something held out.
    """

    training: Csr
    held_out: Csr
    judged: NDArray[np.intp]

    @cached_property
    def seen(self) -> Matrix:
        """The judged users' training rows, `(cases, items)`: what their lists leave out."""
        return Matrix.of(self.training[self.judged])

    @cached_property
    def wanted(self) -> Csr:
        """The judged users' held-out rows, `(cases, items)`."""
        return self.held_out[self.judged]

    def ndcg(self, lists: NDArray[np.integer]) -> Doubles:
        """NDCG of each judged user's list: `(cases,)`, the ideal list holding `min(width, held out)` hits.

        Args:
            lists: `(cases, width)` item positions, the best first, -1 where a list is shorter.
        """
        return ndcg(hit_matrix(np.asarray(lists, np.intp), self.wanted), np.diff(self.wanted.indptr))


def cut_fold(
    training: Csr, *, share: float = 0.2, least: int = 5, most_users: int = 10_000, seed: int = 20_260
) -> ValidationFold:
    """Set a random share of some users' interactions aside.

    Of each chosen user's `n` interactions, `max(1, floor(share · n))` are drawn.  Users with fewer than `least` are not
    judged by, and of the others at most `most_users`, drawn at random: ten thousand, with a fifth of their items each,
    tell settings one per cent apart (half as many of both did not, on check-ins), while judging every user of a large
    data set would cost more than training on it.  The same matrix and seed give the same fold.

    O(nnz log nnz) time, O(nnz) memory; `training` itself is not changed.

    Args:
        training: `(users, items)` CSR.
        share: Share of a judged user's interactions to hold out, in (0, 1).
        least: Interactions a judged user must have, at least 2, so that none loses everything.
        most_users: How many users are judged by, at most.
        seed: Seed of the draw.
    """
    generator = np.random.default_rng(seed)
    counts = np.diff(training.indptr).astype(np.int64)
    judged = _chosen(np.flatnonzero(counts >= max(2, least)), most_users, generator)
    quota = np.zeros(len(counts), np.int64)
    quota[judged] = np.maximum(1, np.floor(share * counts[judged]).astype(np.int64))
    held = _drawn(training, counts, quota=quota, generator=generator)
    return ValidationFold(_kept(training, counts, ~held), _kept(training, counts, held), judged)


def _chosen(users: NDArray[np.intp], most: int, generator: np.random.Generator) -> NDArray[np.intp]:
    return users if len(users) <= most else np.sort(generator.choice(users, most, replace=False))


def _drawn(
    training: Csr, counts: NDArray[np.int64], *, quota: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.bool_]:
    """`(nnz,)`: of each row, the `quota` entries whose random keys are lowest; rows without quota are not sorted."""
    rows = np.repeat(np.arange(len(counts)), counts)
    entries = np.flatnonzero(quota[rows] > 0)
    order = np.lexsort((generator.random(len(entries)), rows[entries]))
    taken = counts * (quota > 0)
    firsts = np.concatenate(([0], np.cumsum(taken)[:-1]))
    rank = np.arange(len(entries)) - firsts[rows[entries]]
    held = np.zeros(training.nnz, bool)
    held[entries[order]] = rank < quota[rows[entries]]
    return held


def _kept(training: Csr, counts: NDArray[np.int64], kept: NDArray[np.bool_]) -> Csr:
    so_far = np.concatenate(([0], np.cumsum(kept, dtype=np.int64)))
    starts = np.concatenate(([0], np.cumsum(counts)))
    return sparse.csr_array(
        (training.data[kept].astype(np.float32), training.indices[kept], so_far[starts]), shape=training.shape
    )
