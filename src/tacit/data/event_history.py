"""Imports and applied events as one history: what a version learns from (pure).

Whatever way an interaction came in, it ends as the same row: users and items are numbered by their ids, weights are
added as whole millionths, and of the times the latest stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacit.data.event_effects import MILLIONTHS, AppliedEvent, rated_at
from tacit.data.event_values import Unit, values_beside
from tacit.data.interactions import NO_TIME, Interactions

EVENTS_DATASET = "events"
"""The dataset that events belong to where nothing was imported."""

TYPICAL = 1.0
"""What an interaction is worth where neither an imported value nor a rating says what is usual."""

_Columns = dict[str, NDArray[Any]]
_KINDS = {
    "users": np.int32,
    "items": np.int32,
    "weights": np.int64,
    "at_ms": np.int64,
    "places": np.int64,
    "ratings": np.float64,
}


@dataclass(frozen=True)
class EventPairs:
    """What applied events amount to, one row for each user and item, sorted by user, then item.

    Attributes:
        user_ids: The users' ids, sorted; a row names a user by position in it.
        item_ids: The items' ids, sorted; likewise.
        users: `(rows,)` int32, position in `user_ids`.
        items: `(rows,)` int32, position in `item_ids`.
        weights: `(rows,)` int64, the sum of the events' weights in millionths.
        last_at_ms: `(rows,)` int64, when the latest of them occurred.
        ratings: `(rows,)` float64, the value of the latest rating; NaN where there is none.
        turn: The turn up to which events are in it; 0 for none.
    """

    user_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    users: NDArray[np.int32]
    items: NDArray[np.int32]
    weights: NDArray[np.int64]
    last_at_ms: NDArray[np.int64]
    ratings: NDArray[np.float64]
    turn: int


def gathered(pages: Iterable[Sequence[AppliedEvent]]) -> EventPairs:
    """Add events up by user and item.

    O(events) time but for one sort; of each event some 40 bytes are held, of a page everything.

    Args:
        pages: The events in the order of their turns, some at a time.
    """
    gathering = _Gathering()
    for page in pages:
        gathering.add(page)
    return gathering.pairs()


def nothing(dataset: str) -> Interactions:
    """A dataset nothing was imported into."""
    none = np.zeros(0)
    return Interactions(
        dataset,
        (),
        (),
        users=none.astype(np.int32),
        items=none.astype(np.int32),
        values=none.astype(np.float32),
        last_at_ms=none.astype(np.int64),
        folds=none.astype(np.int8),
    )


def with_events(imported: Interactions, events: EventPairs, *, unit: Unit) -> Interactions:
    """Imported interactions with what the events add to them.

    A pair that all in all speaks against its item is left out; its user and item stay known.  A pair keeps the fold
    that its import gave it; events give none.  O(rows log rows) time, O(rows) memory.

    Args:
        imported: What was imported.
        events: What was done since, or beside it.
        unit: What the dataset's values say.
    """
    if not events.turn:
        return imported
    user_ids, old_users, new_users = _united(imported.user_ids, events.user_ids)
    item_ids, old_items, new_items = _united(imported.item_ids, events.item_ids)
    width = max(1, len(item_ids))
    old = old_users[imported.users] * width + old_items[imported.items]
    new = new_users[events.users] * width + new_items[events.items]
    pairs = np.union1d(old, new)
    at_old, at_new = np.searchsorted(pairs, old), np.searchsorted(pairs, new)
    values = _values(imported, events, at=(at_old, at_new), rows=len(pairs), unit=unit)
    last_at_ms = _placed(len(pairs), at_old, imported.last_at_ms, default=NO_TIME)
    last_at_ms[at_new] = np.maximum(last_at_ms[at_new], events.last_at_ms)
    folds = _placed(len(pairs), at_old, imported.folds, default=0)
    kept = values > 0
    return Interactions(
        imported.dataset,
        user_ids,
        item_ids,
        users=(pairs[kept] // width).astype(np.int32),
        items=(pairs[kept] % width).astype(np.int32),
        values=values[kept],
        last_at_ms=last_at_ms[kept],
        folds=folds[kept],
        import_ids=imported.import_ids,
    )


def _values(
    imported: Interactions, events: EventPairs, *, at: tuple[NDArray[np.intp], NDArray[np.intp]], rows: int, unit: Unit
) -> NDArray[np.float32]:
    """What each pair is worth; one that no event touched keeps its value to the last bit."""
    at_old, at_new = at
    values = _placed(rows, at_old, imported.values, default=0.0)
    worth = values_beside(
        values[at_new].astype(np.float64),
        events.weights / MILLIONTHS,
        events.ratings,
        unit=unit,
        typical=_typical(imported, events),
    )
    values[at_new] = worth.astype(np.float32)
    return values


def _typical(imported: Interactions, events: EventPairs) -> float:
    """The median of what is said of an interaction in the dataset's own unit."""
    ratings = events.ratings[~np.isnan(events.ratings)]
    said = np.concatenate([imported.values.astype(np.float64), ratings])
    return float(np.median(said)) if len(said) else TYPICAL


def _placed(rows: int, at: NDArray[np.intp], values: NDArray[Any], *, default: float) -> NDArray[Any]:
    placed = np.full(rows, default, values.dtype)
    placed[at] = values
    return placed


def _united(old: Sequence[str], new: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.int64], NDArray[np.int64]]:
    """All of some ids, sorted, and at which place each of both lists stands in it."""
    ids = tuple(sorted({*old, *new}))
    places = {each: place for place, each in enumerate(ids)}
    return ids, _places(places, old), _places(places, new)


def _places(places: dict[str, int], ids: Sequence[str]) -> NDArray[np.int64]:
    return np.fromiter((places[each] for each in ids), np.int64, len(ids))


class _Gathering:
    """Events as columns, as far as they came; ids are numbered in the order in which they are met."""

    def __init__(self) -> None:
        self.users: dict[str, int] = {}
        self.items: dict[str, int] = {}
        self.pages: list[_Columns] = []
        self.turn = 0

    def add(self, page: Sequence[AppliedEvent]) -> None:
        if not page:
            return
        rated = [rated_at(each.logged) for each in page]
        columns = {
            "users": [self.users.setdefault(each.logged.event.user_id, len(self.users)) for each in page],
            "items": [self.items.setdefault(each.logged.event.item_id, len(self.items)) for each in page],
            "weights": [each.weight for each in page],
            "at_ms": [each.logged.event.occurred_at_ms for each in page],
            "places": [each.logged.sequence for each in page],
            "ratings": [np.nan if each is None else each[2] for each in rated],
        }
        self.pages.append({name: np.array(column, _KINDS[name]) for name, column in columns.items()})
        self.turn = page[-1].turn

    def pairs(self) -> EventPairs:
        user_ids, user_places = _sorted_ids(self.users)
        item_ids, item_places = _sorted_ids(self.items)
        columns = self._columns()
        users, items = user_places[columns["users"]], item_places[columns["items"]]
        # Within a pair the latest rating comes last, and what is no rating comes first.
        is_rated = ~np.isnan(columns["ratings"])
        order = np.lexsort((columns["places"], columns["at_ms"], is_rated, items, users))
        users, items = users[order], items[order]
        starts = np.flatnonzero(np.diff(users, prepend=-1) | np.diff(items, prepend=-1))
        ends = np.append(starts[1:], len(order)) - 1
        return EventPairs(
            user_ids,
            item_ids,
            users=users[starts],
            items=items[starts],
            weights=_reduced(np.add, columns["weights"][order], starts),
            last_at_ms=_reduced(np.maximum, columns["at_ms"][order], starts),
            ratings=columns["ratings"][order][ends] if len(starts) else columns["ratings"],
            turn=self.turn,
        )

    def _columns(self) -> _Columns:
        """The pages one after the other, each column's parts let go once they are joined."""
        return {
            name: np.concatenate([np.zeros(0, kind), *(page.pop(name) for page in self.pages)])
            for name, kind in _KINDS.items()
        }


def _sorted_ids(numbers: dict[str, int]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Ids sorted, and the place of each number's id among them."""
    ids = tuple(sorted(numbers))
    places = np.empty(len(ids), np.int32)
    places[[numbers[each] for each in ids]] = np.arange(len(ids), dtype=np.int32)
    return ids, places


def _reduced(how: np.ufunc, values: NDArray[np.int64], starts: NDArray[np.intp]) -> NDArray[np.int64]:
    return np.asarray(how.reduceat(values, starts)) if len(starts) else values
