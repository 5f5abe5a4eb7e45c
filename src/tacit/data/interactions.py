"""The record every room speaks: what a user's events with one item amount to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

NO_TIME = np.iinfo(np.int64).min
"""`last_at_ms` of an interaction whose source carries no time."""


@dataclass(frozen=True)
class Interactions:
    """The interactions of one dataset, one row per (user, item) pair, as columns.

    Rows are sorted by user position, then item position; no pair stands twice.

    Attributes:
        dataset: Name of the dataset they belong to.
        user_ids: The users' ids, sorted; a row names a user by position in it.
        item_ids: The items' ids, sorted; likewise.
        users: `(rows,)` int32, position in `user_ids`.
        items: `(rows,)` int32, position in `item_ids`.
        values: `(rows,)` float32 > 0, play counts, ratings or 1.
        last_at_ms: `(rows,)` int64, Unix milliseconds of the last event; `NO_TIME` where there is none.
        folds: `(rows,)` int8, the publisher's own split: 0 none given, 1 training, 2 test.
        import_ids: The imports these rows came from, oldest first.
    """

    dataset: str
    user_ids: Sequence[str]
    item_ids: Sequence[str]
    users: NDArray[np.int32]
    items: NDArray[np.int32]
    values: NDArray[np.float32]
    last_at_ms: NDArray[np.int64]
    folds: NDArray[np.int8]
    import_ids: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.users)
