"""What a training sees of the catalogue: what was said over the door above what imports said (pure)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from tacit.data.catalog import Item
from tacit.data.catalog_entries import CatalogStore, ItemEntry
from tacit.data.interactions import Interactions

_PAGE = 5_000


def all_entries(store: CatalogStore) -> dict[str, ItemEntry]:
    """What was said of every item, those removed among them, by id; read page by page.

    Raises:
        Unavailable: It cannot be read now.
    """
    found: dict[str, ItemEntry] = {}
    revision, is_full = 0, True
    while is_full:
        page = store.item_changes(revision, limit=_PAGE)
        is_full = len(page) >= _PAGE
        found.update((change.entry.item_id, change.entry) for change in page)
        revision = page[-1].revision if page else revision
    return found


def described(items: Iterable[Item], entries: Mapping[str, ItemEntry]) -> Iterator[Item]:
    """The items as they are said to be, those that only the door knows behind the others, removed ones left out.

    One that may not be shown now is still something to learn from.
    """
    imported = set()
    for item in items:
        imported.add(item.item_id)
        entry = entries.get(item.item_id)
        if entry is None or not entry.deleted:
            yield item if entry is None else _said(item, entry)
    for item_id in sorted(entries.keys() - imported):
        if not entries[item_id].deleted:
            yield _said(Item(item_id, item_id), entries[item_id])


def removed(entries: Mapping[str, ItemEntry]) -> frozenset[str]:
    """The ids of the items that are no part of the catalogue any more."""
    return frozenset(item_id for item_id, entry in entries.items() if entry.deleted)


def hidden(entries: Mapping[str, ItemEntry], now_ms: int) -> frozenset[str]:
    """The ids of the items that must not be shown at a moment: unavailable, expired or removed."""
    return frozenset(item_id for item_id, entry in entries.items() if not entry.is_shown(now_ms))


def without_items(interactions: Interactions, item_ids: Collection[str]) -> Interactions:
    """The same interactions but for those with some items, which are then unknown; every user stays."""
    kept = np.array([item_id not in item_ids for item_id in interactions.item_ids], bool)
    if kept.all():
        return interactions
    rows = kept[interactions.items]
    numbers = (np.cumsum(kept) - 1).astype(np.int32)
    return replace(
        interactions,
        item_ids=[item_id for item_id, is_kept in zip(interactions.item_ids, kept, strict=True) if is_kept],
        users=interactions.users[rows],
        items=numbers[interactions.items[rows]],
        values=interactions.values[rows],
        last_at_ms=interactions.last_at_ms[rows],
        folds=interactions.folds[rows],
    )


def _said(item: Item, entry: ItemEntry) -> Item:
    return Item(
        item.item_id,
        entry.title or item.title,
        item.categories if entry.categories is None else entry.categories,
        item.tags if entry.tags is None else entry.tags,
    )
