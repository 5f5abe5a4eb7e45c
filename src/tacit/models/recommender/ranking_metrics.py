"""How good ranked lists are, over the full catalogue, user by user, never sampled (pure).

Relevance is binary: the user's held-out items. `|T|` below is how many of them there are.

* `precision@K` = hits / K; `recall@K` = hits / |T|.
* `map@K` = Σ precision at each hit / min(K, |T|).
* `ndcg@K` = Σ 1/log2(rank + 1) over hits, over the same sum of an ideal list of min(K, |T|) hits
  (Järvelin and Kekäläinen, TOIS 2002).
* `coverage@K` = share of the catalogue that stands in at least one list; it has no value per user.
* `popularity@K` = mean over what lists show of the share of the catalogue that fewer users met, ties counted half; 0.5
  for items drawn evenly, near 1 for what is popular. `gini@K` = how unevenly lists share out their places among the
  items, from 0 to 1. Neither has a value per user.
* `novelty@K` = mean of -log2(share of users who met the item) over the list (Zhou et al., PNAS 2010).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Csr = Any
Doubles = NDArray[np.float64]

CUTOFFS = (10, 20)
SEGMENTS: Mapping[str, tuple[int, float]] = {"cold": (0, 10), "light": (10, 50), "heavy": (50, np.inf)}
"""Users by how many training interactions they have: at least the first, fewer than the second number."""


def per_user_metrics(
    lists: NDArray[np.intp], holdout: Csr, listeners: NDArray[np.int64], *, users: int, cutoffs: Iterable[int] = CUTOFFS
) -> dict[str, Doubles]:
    """Every metric that has a value for each user.

    Args:
        lists: `(cases, width)` item positions, best first, -1 where a list is shorter.
        holdout: `(cases, n_items)` CSR; at least one item in each row.
        listeners: `(n_items,)` how many training users met each item.
        users: How many training users there are.
        cutoffs: The values of K, none above `width`.

    Returns:
        `(cases,)` float64 by metric name.
    """
    hits = hit_matrix(lists, holdout)
    relevant = np.diff(holdout.indptr)
    # An item nobody met in training is as novel as one that a single user met.
    surprise = -np.log2(np.maximum(listeners, 1) / max(users, 1))
    found: dict[str, Doubles] = {}
    for k in cutoffs:
        found |= _relevance_metrics(hits[:, :k], relevant, k)
        shown = lists[:, :k] >= 0
        total = np.where(shown, surprise[lists[:, :k]], 0.0).sum(axis=1)
        found[f"novelty@{k}"] = total / np.maximum(shown.sum(axis=1), 1)
    return found


def _relevance_metrics(hits: NDArray[np.bool_], relevant: NDArray[np.intp], k: int) -> dict[str, Doubles]:
    so_far = np.cumsum(hits, axis=1)
    count = hits.sum(axis=1)
    return {
        f"precision@{k}": count / k,
        f"recall@{k}": count / relevant,
        f"map@{k}": (hits * so_far / np.arange(1, k + 1)).sum(axis=1) / np.minimum(k, relevant),
        f"ndcg@{k}": ndcg(hits, relevant),
    }


def ndcg(hits: NDArray[np.bool_], relevant: NDArray[np.integer]) -> Doubles:
    """`ndcg@K` of lists of `K` places: `(cases,)`; 0 where nothing is relevant.

    Args:
        hits: `(cases, K)`, of `hit_matrix`.
        relevant: `(cases,)`, the `|T|` of each.
    """
    discounts = 1 / np.log2(np.arange(2, hits.shape[1] + 2))
    ideal = np.concatenate(([1.0], np.cumsum(discounts)))[np.minimum(hits.shape[1], relevant)]
    return np.asarray((hits * discounts).sum(axis=1) / ideal)


def hit_matrix(lists: NDArray[np.intp], holdout: Csr) -> NDArray[np.bool_]:
    """Whether each listed item is one of the user's held-out items: `(cases, width)` bool, O(log nnz) each."""
    width = holdout.shape[1]
    rows = np.repeat(np.arange(holdout.shape[0], dtype=np.int64), np.diff(holdout.indptr))
    wanted = np.sort(rows * width + holdout.indices)
    asked = np.arange(len(lists), dtype=np.int64)[:, None] * width + lists
    at = np.searchsorted(wanted, asked)
    return np.asarray((lists >= 0) & (wanted[np.minimum(at, max(len(wanted) - 1, 0))] == asked))


def coverage(lists: NDArray[np.intp], n_items: int, k: int) -> float:
    """Share of the catalogue in at least one list's first `k`."""
    shown = lists[:, :k]
    return len(np.unique(shown[shown >= 0])) / max(n_items, 1)


def lists_by_item(lists: NDArray[np.intp], n_items: int, k: int) -> NDArray[np.int64]:
    """How many lists show each item among the first `k`: `(n_items,)` int64."""
    shown = lists[:, :k]
    return np.bincount(shown[shown >= 0], minlength=n_items).astype(np.int64)


def popularity_bias(times: NDArray[np.int64], listeners: NDArray[np.int64]) -> float:
    """How far lists lean to what is popular, from 0 to 1: O(n log n); NaN where nothing is shown.

    Args:
        times: `(n_items,)` how often each is shown.
        listeners: `(n_items,)` how many training users met each.
    """
    if not times.sum():
        return float("nan")
    ordered = np.sort(listeners)
    fewer = np.searchsorted(ordered, listeners, side="left") + np.searchsorted(ordered, listeners, side="right")
    return float(times @ (fewer / (2 * len(listeners))) / times.sum())


def gini(times: NDArray[np.int64]) -> float:
    """How unevenly places are shared out: 0 where all items have as many, near 1 where one has all; NaN for none."""
    if not times.sum():
        return float("nan")
    ordered, n = np.sort(times), len(times)
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * ordered.sum()))


def segment_members(interactions: NDArray[np.intp]) -> dict[str, NDArray[np.bool_]]:
    """Which cases belong to each of `SEGMENTS`, by the `(cases,)` number of training interactions of each."""
    return {name: (interactions >= low) & (interactions < high) for name, (low, high) in SEGMENTS.items()}


def segment_means(
    per_case: Mapping[str, Doubles], members: Mapping[str, NDArray[np.bool_]]
) -> dict[str, dict[str, float]]:
    """Means within each segment, and `cases`, how many it has."""
    found: dict[str, dict[str, float]] = {}
    for name, inside in members.items():
        means = {metric: float(values[inside].mean()) for metric, values in per_case.items() if inside.any()}
        found[name] = {"cases": float(inside.sum()), **means}
    return found
