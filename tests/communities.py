"""Small made-up communities whose right answer a child can see, for the suites that need something to learn from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tacit.data.catalog import Item
from tacit.data.interactions import NO_TIME, Interactions

Row = tuple[str, str, float] | tuple[str, str, float, int]


def interactions(rows: Iterable[Row], *, dataset: str = "made-up", folds: Sequence[int] | None = None) -> Interactions:
    """Rows of `(user, item, value[, Unix milliseconds])` as a dataset."""
    listed = sorted(rows)
    users = sorted({row[0] for row in listed})
    items = sorted({row[1] for row in listed})
    user_rows, item_rows = ({each: row for row, each in enumerate(ids)} for ids in (users, items))
    return Interactions(
        dataset=dataset,
        user_ids=users,
        item_ids=items,
        users=np.array([user_rows[row[0]] for row in listed], np.int32),
        items=np.array([item_rows[row[1]] for row in listed], np.int32),
        values=np.array([row[2] for row in listed], np.float32),
        last_at_ms=np.array([row[3] if len(row) == 4 else NO_TIME for row in listed], np.int64),
        folds=np.array(folds if folds is not None else [0] * len(listed), np.int8),
        import_ids=("import-1",),
    )


def checkerboard(size: int = 20) -> Interactions:
    """Users with an even number met the even items only, odd users the odd ones, each but the item of their own number.

    Whoever asks for the best unseen item must hear that number.
    """
    return interactions(
        (f"u{user:02}", f"i{item:02}", 1.0)
        for user in range(size)
        for item in range(size)
        if user % 2 == item % 2 and user != item
    )


def two_tastes(users: int = 120, items: int = 60, *, seed: int = 1) -> Interactions:
    """Half the users play mostly the first half of the items, the others mostly the second; values are heavy-tailed."""
    generator = np.random.default_rng(seed)
    half = items // 2
    rows: list[Row] = []
    for user in range(users):
        own = generator.permutation(half)[:12] + (half if user % 2 else 0)
        other = generator.permutation(half)[:2] + (0 if user % 2 else half)
        for moment, item in enumerate(generator.permutation([*own, *other])):
            plays = float(np.ceil(generator.pareto(1.2) * 5 + 1))
            rows.append((f"u{user:03}", f"i{item:03}", plays, 1_600_000_000_000 + 1_000 * (moment + 20 * user)))
    return interactions(rows)


def titled(found: Interactions) -> tuple[Item, ...]:
    """A catalogue for a made-up community: every second item is `even`."""
    return tuple(
        Item(item_id, f"Item {item_id}", ("even",) if place % 2 == 0 else ("odd",), ("made-up",))
        for place, item_id in enumerate(found.item_ids)
    )


def rows_of(found: Interactions) -> list[Row]:
    """A dataset as rows again, so that a test can add to them."""
    columns = (found.users, found.items, found.values, found.last_at_ms)
    return [
        (found.user_ids[user], found.item_ids[item], float(value), int(time))
        for user, item, value, time in zip(*columns, strict=True)
    ]
