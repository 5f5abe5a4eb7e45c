"""What is in nobody's list, and what not in single users', where everybody's is written at once."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tacit.data.catalog_entries import CatalogStore
    from tacit.data.hiding import HidingStore
    from tacit.data.ingestion import EventStore
    from tacit.models.recommender.model import RecommenderModel

_PAGE = 1_000


def hidden_from_all(catalog: CatalogStore, model: RecommenderModel) -> list[int]:
    """Positions of the items that must not be shown now.

    Raises:
        Unavailable: It cannot be read now.
    """
    from tacit.data.catalog_merging import all_entries, hidden

    rows = (model.item_rows.get(item_id) for item_id in hidden(all_entries(catalog), int(time.time() * 1_000)))
    return [row for row in rows if row is not None]


def barred_to_users(hiding: HidingStore, events: EventStore, model: RecommenderModel) -> Mapping[int, Collection[int]]:
    """Positions of what users hid, and of what they are against, by their rows; whoever the model knows.

    Raises:
        Unavailable: It cannot be read now.
    """
    barred: defaultdict[int, set[int]] = defaultdict(set)

    def bar(user_id: str, item_ids: Collection[str]) -> None:
        row = model.user_rows.get(user_id)
        if row is not None:
            barred[row].update(model.item_rows[each] for each in item_ids if each in model.item_rows)

    revision, is_full = 0, True
    while is_full:
        page = hiding.changes(revision, limit=_PAGE)
        is_full = len(page) == _PAGE
        for each in page:
            bar(each.user_id, each.item_ids)
            revision = each.revision
    for user_id in events.opposed_users():
        met = events.interactions_of(user_id)
        bar(user_id, [each.item_id for each in met if each.weight <= 0])
    return barred
