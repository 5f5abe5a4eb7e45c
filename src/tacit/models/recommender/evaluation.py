"""Judging recommenders on a snapshot's hold-out: every user, every item, nothing sampled."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tacit.data.datasets import Snapshot
from tacit.data.interfaces import Progress, silent
from tacit.models.bootstrap_intervals import intervals
from tacit.models.interfaces import Evaluation
from tacit.models.recommender.ranking_metrics import CUTOFFS, coverage, per_user_metrics, segment_means
from tacit.models.recommender.topk import top_k

Csr = Any
Floats = NDArray[np.float32]

_BATCH_SCORES = 16_000_000
"""How many scores are held at once: 64 MB of float32."""


class Scorer(Protocol):
    """Whatever can score all its items for a user's history."""

    @property
    def item_ids(self) -> tuple[str, ...]:
        """What the columns of histories and scores mean."""
        ...

    def scores(self, histories: Csr) -> Floats:
        """`(users, n_items)` float32 for `(users, n_items)` CSR histories."""
        ...


def evaluate(scorer: Scorer, snapshot: Snapshot, progress: Progress = silent) -> Evaluation:
    """Score a model on the hold-out.

    Each user with held-out items gets the best items that are not in their training history. A model that was
    trained on another snapshot of the dataset is shown its own items only; items it does not know, it cannot list.

    O(users · n_items) time, memory bounded by one batch of scores.
    """
    started = time.monotonic()
    cases = np.flatnonzero(np.diff(snapshot.holdout.indptr))
    lists = _lists(scorer, snapshot, cases, progress=progress)
    listeners = np.bincount(snapshot.training.indices, minlength=snapshot.n_items).astype(np.int64)
    if not len(cases):
        return Evaluation({}, {}, {}, cases.astype(np.int64), {})
    per_case = per_user_metrics(lists, snapshot.holdout[cases], listeners, users=snapshot.n_users)
    means = {name: float(values.mean()) for name, values in per_case.items()}
    spread = {f"coverage@{k}": coverage(lists, snapshot.n_items, k) for k in CUTOFFS}
    return Evaluation(
        metrics={**means, **spread},
        intervals=intervals(per_case),
        segments=segment_means(per_case, np.diff(snapshot.training.indptr)[cases]),
        case_ids=cases.astype(np.int64),
        per_case=per_case,
        seconds=time.monotonic() - started,
    )


def _lists(scorer: Scorer, snapshot: Snapshot, cases: NDArray[np.intp], *, progress: Progress) -> NDArray[np.intp]:
    """The best items of each case as positions in the snapshot: `(cases, max cutoff)`."""
    to_model, to_snapshot = _translation(scorer, snapshot)
    width = max(CUTOFFS)
    lists = np.full((len(cases), width), -1, np.intp)
    batch = max(1, _BATCH_SCORES // max(1, snapshot.n_items))
    for start in range(0, len(cases), batch):
        rows = snapshot.training[cases[start : start + batch]]
        scores = to_snapshot(scorer.scores(to_model(rows)))
        seen = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
        scores[seen, rows.indices] = -np.inf
        lists[start : start + batch] = top_k(scores, width)
        progress("evaluating", min(1.0, (start + batch) / len(cases)))
    return lists


def _translation(scorer: Scorer, snapshot: Snapshot) -> tuple[Callable[[Csr], Csr], Callable[[Floats], Floats]]:
    """From the snapshot's item numbers to the model's, and back."""
    theirs = {item_id: column for column, item_id in enumerate(scorer.item_ids)}
    columns = np.array([theirs.get(item.item_id, -1) for item in snapshot.items[: snapshot.n_items]], dtype=np.int64)
    if len(theirs) == len(columns) and np.array_equal(columns, np.arange(len(columns))):
        return (lambda rows: rows), (lambda scores: scores)
    known = np.flatnonzero(columns >= 0)
    ones = np.ones(len(known), np.float32)
    renumber = sparse.csr_array((ones, (known, columns[known])), shape=(len(columns), len(theirs)))

    def back(scores: Floats) -> Floats:
        found = np.full((len(scores), len(columns)), -np.inf, np.float32)
        found[:, known] = scores[:, columns[known]]
        return found

    return (lambda rows: (rows @ renumber).tocsr()), back
