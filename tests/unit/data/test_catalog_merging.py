"""What a training sees of the catalogue once something was said over its door."""

from __future__ import annotations

import numpy as np

from tacit.adapters.memory_catalog import MemoryCatalogStore
from tacit.data.catalog import Item
from tacit.data.catalog_entries import ItemEntry
from tacit.data.catalog_merging import all_entries, described, removed, without_items
from tacit.data.datasets import SnapshotRules, freeze
from tests.communities import titled, two_tastes

IMPORTED = [Item("i1", "One", ("a",), ("t",)), Item("i2", "Two", ("b",)), Item("i3", "Three")]


def test_what_was_said_stands_above_what_was_imported_field_by_field() -> None:
    entries = {
        "i1": ItemEntry("i1", title="Said"),
        "i2": ItemEntry("i2", categories=(), tags=("x",), available=False),
        "i3": ItemEntry("i3", deleted=True),
        "n2": ItemEntry("n2", deleted=True),
        "n1": ItemEntry("n1", categories=("new",)),
        "n0": ItemEntry("n0", title="Nought"),
    }

    assert list(described(iter(IMPORTED), entries)) == [
        Item("i1", "Said", ("a",), ("t",)),
        Item("i2", "Two", (), ("x",)),
        Item("n0", "Nought"),
        Item("n1", "n1", ("new",)),
    ]
    assert removed(entries) == {"i3", "n2"}


def test_without_entries_items_and_interactions_are_what_they_were() -> None:
    found = two_tastes(users=20, items=10)

    assert list(described(IMPORTED, {})) == IMPORTED
    assert without_items(found, removed({})) is found


def test_rows_of_removed_items_are_gone_and_the_others_name_the_same_items_as_before() -> None:
    found = two_tastes(users=20, items=30)
    gone = {found.item_ids[0], found.item_ids[7], "nothing"}
    left = without_items(found, gone)
    before = {
        (found.user_ids[user], found.item_ids[item], value, at)
        for user, item, value, at in zip(found.users, found.items, found.values, found.last_at_ms, strict=True)
    }
    after = {
        (left.user_ids[user], left.item_ids[item], value, at)
        for user, item, value, at in zip(left.users, left.items, left.values, left.last_at_ms, strict=True)
    }

    assert after == {row for row in before if row[1] not in gone}
    assert left.user_ids == found.user_ids
    assert not gone & set(left.item_ids)
    assert (np.lexsort((left.items, left.users)) == np.arange(len(left))).all()


def test_a_snapshot_tells_by_its_fingerprint_that_something_else_was_said() -> None:
    found = two_tastes()
    entries = {"i001": ItemEntry("i001", title="Said"), "i002": ItemEntry("i002", deleted=True)}

    def frozen(said: dict[str, ItemEntry]) -> str:
        left = without_items(found, removed(said))
        return freeze(left, described(titled(found), said), SnapshotRules()).fingerprint

    prints = [frozen({}), frozen(entries), frozen({"i001": entries["i001"]}), frozen(entries)]

    assert prints[1] == prints[3]
    assert len(set(prints)) == 3


def test_every_entry_is_read_whatever_the_number_of_pages() -> None:
    store = MemoryCatalogStore()
    for start in range(0, 12_000, 4_000):
        store.put_items([ItemEntry(f"n{start + at}") for at in range(4_000)])
    store.put_items([ItemEntry("n7", deleted=True)])
    found = all_entries(store)

    assert len(found) == 12_000
    assert (found["n7"].deleted, removed(found)) == (True, {"n7"})
