"""Lists for everybody at once: every user's best items, exactly, a few thousand users at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tacit.data.interfaces import Progress, silent
from tacit.errors import BadInput
from tacit.models.recommender.categories import check_category
from tacit.models.recommender.engines.interfaces import Filter, Floats, Positions
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.model import RecommenderModel

LONGEST = 1_000
"""Items of the longest list."""

_CHUNK = 2_048


@dataclass(frozen=True)
class ListChunk:
    """The lists of some users.

    Attributes:
        users: `(users,)` their rows, ascending.
        items: `(users, count)` item positions, the best first; -1 where a list is shorter.
        scores: `(users, count)`, -inf there.
    """

    users: NDArray[np.intp]
    items: Positions
    scores: Floats


def check_question(model: RecommenderModel, count: int, category: str | None) -> None:
    """Refuse a question that no list could answer.

    Raises:
        BadInput: `limit_range`.
        NotFound: `category_unknown`.
    """
    if not 1 <= count <= LONGEST:
        raise BadInput("limit_range", f"A list holds 1 to {LONGEST} items, not {count}.", field="count")
    check_category(model, category)


def lists_for_all(
    model: RecommenderModel,
    count: int,
    *,
    category: str | None = None,
    min_interactions: int = 1,
    hidden: Sequence[int] = (),
    barred: Mapping[int, Collection[int]] | None = None,
    progress: Progress = silent,
) -> Iterator[ListChunk]:
    """What each user would be answered personally: the same items, order and scores as one question at a time, of
    whoever did nothing since.

    Users whose history holds fewer items with factors than `min_interactions` have no taste to go by, and no list.
    Memory is that of one chunk, whatever the number of users.

    Args:
        model: Answers.
        count: Items each, at most 1,000.
        category: The only category to list from.
        min_interactions: Items with factors a history needs, at least 1.
        hidden: Positions of items that are in nobody's list.
        barred: Positions of items that are not in some users' lists, by the users' rows, beside their histories.
        progress: Told after each chunk.
    """
    only = _allowed(model, category, hidden)
    for start in range(0, len(model.user_ids), _CHUNK):
        rows = slice(start, min(start + _CHUNK, len(model.user_ids)))
        histories = model.histories(rows)
        listed = np.flatnonzero(histories.counts >= max(1, min_interactions))
        met = histories.select(listed)
        off = _beside(met, {place: (barred or {}).get(start + int(row), ()) for place, row in enumerate(listed)})
        found = model.recommend_many(model.user_factors[rows][listed], count, histories=met, excluded=off, only=only)
        yield ListChunk(start + listed, found.items, found.scores)
        progress("listing", rows.stop / len(model.user_ids))


def _beside(met: Matrix, more: Mapping[int, Collection[int]]) -> Matrix | None:
    """What some users met and what is barred to them besides; `None` where nothing is."""
    pairs = [(row, item) for row, items in more.items() for item in items if item < met.columns]
    if not pairs:
        return None
    rows, items = np.array(pairs).T
    entries = np.ones(len(met.indices) + len(pairs), np.float32)
    row = np.concatenate((np.repeat(np.arange(met.rows), met.counts), rows))
    return Matrix.of(sparse.csr_matrix((entries, (row, np.concatenate((met.indices, items)))), shape=met.shape))


def _allowed(model: RecommenderModel, category: str | None, hidden: Sequence[int]) -> Filter | None:
    if not hidden:
        return None if category is None else model.category_filter(category)
    allowed = np.ones(len(model.items), bool) if category is None else model.categories[category].copy()
    allowed[list(hidden)] = False
    return model.index.filter(allowed[: len(model.item_factors)])
