"""Judging recommenders on a snapshot's hold-out: every user, every item, nothing sampled."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tacit.data.datasets import Snapshot
from tacit.data.interfaces import Progress, silent
from tacit.models.bootstrap_intervals import intervals
from tacit.models.interfaces import Evaluation, Shown
from tacit.models.recommender.engines.interfaces import Positions
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.ranking_metrics import (
    CUTOFFS,
    coverage,
    gini,
    lists_by_item,
    per_user_metrics,
    popularity_bias,
    segment_means,
    segment_members,
)

Csr = Any
Mask = NDArray[np.bool_]

SHOWN = 10
"""Places of a list that count as shown."""

_BATCH_USERS = 2_048
"""How many users are listed at once."""


class Lister(Protocol):
    """Whatever can list the best items for a user's history."""

    @property
    def item_ids(self) -> tuple[str, ...]:
        """What the columns of histories, and positions in lists, mean."""
        ...

    def lists(self, histories: Matrix, count: int, *, allowed: Mask | None = None) -> Positions:
        """The best items for each history that are not in it.

        Args:
            histories: `(users, n_items)` values.
            count: How many items each.
            allowed: `(n_items,)`, the only items that may be listed; all unless given.

        Returns:
            `(users, count)` int32 positions, best first, ties by position; -1 where a list is shorter.
        """
        ...


def evaluate(lister: Lister, snapshot: Snapshot, progress: Progress = silent) -> Evaluation:
    """Score a model on the hold-out.

    Each user with held-out items gets the best items that are not in their training history. A model that was
    trained on another snapshot of the dataset is shown its own items only; items it does not know, it cannot list.

    Time is that of the lists; memory O(users) for them, and one batch of whatever the model needs.
    """
    started = time.monotonic()
    cases = np.flatnonzero(np.diff(snapshot.holdout.indptr))
    if not len(cases):
        return Evaluation({}, {}, {}, cases.astype(np.int64), {})
    lists = _lists(lister, snapshot, cases, progress=progress)
    listeners = np.bincount(snapshot.training.indices, minlength=snapshot.n_items).astype(np.int64)
    per_case = per_user_metrics(lists, snapshot.holdout[cases], listeners, users=snapshot.n_users)
    means = {name: float(values.mean()) for name, values in per_case.items()}
    members = segment_members(np.diff(snapshot.training.indptr)[cases])
    item_ids = tuple(item.item_id for item in snapshot.items[: snapshot.n_items])
    return Evaluation(
        metrics={**means, **_spread(lists, listeners)},
        intervals=intervals(per_case),
        segments=segment_means(per_case, members),
        case_ids=cases.astype(np.int64),
        per_case=per_case,
        seconds=time.monotonic() - started,
        members=members,
        shown=Shown(item_ids, lists_by_item(lists, snapshot.n_items, SHOWN), len(cases)),
    )


def _spread(lists: NDArray[np.intp], listeners: NDArray[np.int64]) -> dict[str, float]:
    """How widely lists range over the catalogue, which has no value per user."""
    found: dict[str, float] = {}
    for k in CUTOFFS:
        times = lists_by_item(lists, len(listeners), k)
        found[f"coverage@{k}"] = coverage(lists, len(listeners), k)
        found[f"popularity@{k}"] = popularity_bias(times, listeners)
        found[f"gini@{k}"] = gini(times)
    return found


def _lists(lister: Lister, snapshot: Snapshot, cases: NDArray[np.intp], *, progress: Progress) -> NDArray[np.intp]:
    """The best items of each case as positions in the snapshot: `(cases, max cutoff)`."""
    names = _Translation.between(lister, snapshot)
    lists = np.empty((len(cases), max(CUTOFFS)), np.intp)
    for start in range(0, len(cases), _BATCH_USERS):
        batch = slice(start, start + _BATCH_USERS)
        histories = names.histories(snapshot.training[cases[batch]])
        lists[batch] = names.positions(lister.lists(histories, lists.shape[1], allowed=names.allowed))
        progress("evaluating", min(1.0, batch.stop / len(cases)))
    return lists


@dataclass(frozen=True)
class _Translation:
    """From a snapshot's item numbers to a model's, and back.

    Attributes:
        theirs: `(snapshot items,)` the model's number of each, -1 where it has none; `None` where both are the same.
        ours: `(model items + 1,)` the snapshot's number of each, -1 where it has none; the last is -1, for no item.
        allowed: `(model items,)` those the snapshot knows; `None` where that is all.
    """

    theirs: NDArray[np.int64] | None
    ours: NDArray[np.intp]
    allowed: Mask | None

    @classmethod
    def between(cls, lister: Lister, snapshot: Snapshot) -> _Translation:
        numbers = {item_id: position for position, item_id in enumerate(lister.item_ids)}
        ids = [item.item_id for item in snapshot.items[: snapshot.n_items]]
        theirs = np.array([numbers.get(item_id, -1) for item_id in ids], np.int64)
        ours = np.full(len(numbers) + 1, -1, np.intp)
        ours[theirs[theirs >= 0]] = np.flatnonzero(theirs >= 0)
        if len(numbers) == len(theirs) and np.array_equal(theirs, np.arange(len(theirs))):
            return cls(None, ours, None)
        return cls(theirs, ours, ours[:-1] >= 0)

    def histories(self, rows: Csr) -> Matrix:
        """Rows of the snapshot in the model's numbers, without what the model does not know."""
        if self.theirs is None:
            return Matrix.of(rows)
        columns = self.theirs[rows.indices]
        known = columns >= 0
        row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))[known]
        columns, values = columns[known], rows.data[known]
        order = np.lexsort((columns, row))
        indptr = np.concatenate(([0], np.cumsum(np.bincount(row, minlength=rows.shape[0]))))
        return Matrix.trusted(indptr, columns[order], values[order], columns=len(self.ours) - 1)

    def positions(self, lists: Positions) -> NDArray[np.intp]:
        """The model's numbers as the snapshot's."""
        return np.asarray(self.ours[lists])
