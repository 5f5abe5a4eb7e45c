"""What every `EditableCatalog` promises."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from tacit.adapters.memory_catalog import MemoryCatalogStore
from tacit.adapters.sql.catalog import SqlCatalogStore
from tacit.data.catalog_edits import Decide, EditableCatalog
from tacit.data.catalog_entries import ItemChange, ItemEntry, Preferences, UserEntry
from tacit.errors import Refused

MOMENT = 1_767_355_200_000
FULL = ItemEntry(
    "i1",
    title='Sigur Rós "()" \\ 👩‍👧',
    categories=("rock", "ü, ö"),
    tags=(),
    labels='{"é":[1,null]}',
    available=False,
    expires_at_ms=MOMENT + 5,
    updated_at_ms=MOMENT,
)
CHOSEN = UserEntry("ann", '{"age":7}', Preferences(("i1", "i'2"), ("rock",), ("calm", "ruhig & schön")), MOMENT)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> EditableCatalog:
    if request.param == "memory":
        return MemoryCatalogStore()
    return SqlCatalogStore(request.getfixturevalue(f"{request.param}_database"))


def ids(entries: Sequence[ItemEntry]) -> list[str]:
    return [entry.item_id for entry in entries]


def test_an_empty_store_is_at_revision_0_and_knows_nobody(store: EditableCatalog) -> None:
    assert store.revision == 0
    assert (
        list(store.items(["i1"])) == list(store.items_after("", limit=5)) == list(store.item_changes(0, limit=5)) == []
    )
    assert list(store.users(["ann"])) == list(store.users_after("", limit=5)) == []


def test_an_entry_comes_back_as_it_was_put(store: EditableCatalog) -> None:
    plain = ItemEntry("i2")
    store.put_items([FULL, plain])
    store.put_users([CHOSEN, UserEntry("bob")])

    assert list(store.items(["i2", "nothing", "i1"])) == [FULL, plain]
    assert list(store.users(["bob", "nobody", "ann"])) == [CHOSEN, UserEntry("bob")]


def test_every_write_of_items_raises_the_revision_by_one_and_an_empty_one_writes_nothing(
    store: EditableCatalog,
) -> None:
    revisions = [store.put_items([FULL]), store.put_items([FULL, ItemEntry("i2")]), store.put_items([])]
    store.put_users([CHOSEN])

    assert (revisions, store.revision) == ([1, 2, 2], 2)


def test_of_an_item_put_twice_in_one_write_the_last_entry_counts(store: EditableCatalog) -> None:
    store.put_items([FULL, replace(FULL, title="later")])

    assert [entry.title for entry in store.items(["i1"])] == ["later"]


def test_an_entry_takes_the_whole_place_of_the_one_before(store: EditableCatalog) -> None:
    store.put_items([FULL])
    store.put_items([ItemEntry("i1")])
    store.put_users([CHOSEN])
    store.put_users([UserEntry("ann")])

    assert list(store.items(["i1"])) == [ItemEntry("i1")]
    assert list(store.users(["ann"])) == [UserEntry("ann")]


def test_entries_are_listed_in_the_order_of_code_points_without_the_deleted_ones(store: EditableCatalog) -> None:
    names = ["a", "B", "é", "z", "Z", "10", "9", "\U0001f600", "\uffee"]
    store.put_items([ItemEntry(name, deleted=name == "z") for name in names])
    store.put_users([UserEntry(name) for name in names])
    listed = sorted(set(names) - {"z"})

    assert ids(store.items_after("", limit=100)) == listed
    assert ids(store.items_after(listed[2], limit=3)) == listed[3:6]
    assert [entry.user_id for entry in store.users_after("Z", limit=100)] == sorted(set(names) - {"10", "9", "B", "Z"})


def test_changes_come_by_revision_each_in_its_last_state_deleted_ones_among_them(store: EditableCatalog) -> None:
    store.put_items([ItemEntry("i3"), ItemEntry("i1")])
    store.put_items([ItemEntry("i2")])
    store.put_items([ItemEntry("i1", deleted=True)])

    assert list(store.item_changes(0, limit=10)) == [
        ItemChange(1, ItemEntry("i3")),
        ItemChange(2, ItemEntry("i2")),
        ItemChange(3, ItemEntry("i1", deleted=True)),
    ]
    assert [change.revision for change in store.item_changes(1, limit=10)] == [2, 3]
    assert list(store.item_changes(3, limit=10)) == []


def test_a_revision_is_never_cut_in_two_by_the_limit(store: EditableCatalog) -> None:
    for first in (0, 3, 6):
        store.put_items([ItemEntry(f"i{first + at}") for at in range(3)])
    found: list[ItemChange] = []
    while page := store.item_changes(found[-1].revision if found else 0, limit=2):
        found.extend(page)

    assert ids([change.entry for change in found]) == [f"i{at}" for at in range(9)]


def test_a_decision_sees_the_entries_there_are_and_what_it_says_is_kept(store: EditableCatalog) -> None:
    store.put_items([FULL])
    store.put_users([CHOSEN])

    def rename(before: Mapping[str, ItemEntry]) -> tuple[Sequence[ItemEntry], list[str]]:
        return [replace(before["i1"], title="new")], sorted(before)

    def forget(before: Mapping[str, UserEntry]) -> tuple[Sequence[UserEntry], int]:
        return [UserEntry(user_id) for user_id in before], len(before)

    assert store.edit_items(["i1", "i2"], rename) == ["i1"]
    assert store.edit_users(["ann", "bob"], forget) == 1
    assert (list(store.items(["i1"])), store.revision) == ([replace(FULL, title="new")], 2)
    assert list(store.users(["ann"])) == [UserEntry("ann")]


def test_a_decision_that_raises_or_says_nothing_changes_nothing(store: EditableCatalog) -> None:
    store.put_items([FULL])

    def refuse(before: Mapping[str, ItemEntry]) -> tuple[Sequence[ItemEntry], None]:
        raise Refused("no", f"{len(before)} entries are left as they are.")

    with pytest.raises(Refused):
        store.edit_items(["i1"], refuse)
    store.edit_items(["i1"], lambda before: ([], len(before)))

    assert (store.revision, list(store.items(["i1"]))) == (1, [FULL])


def tagging(word: str) -> Decide[ItemEntry, None]:
    def decide(before: Mapping[str, ItemEntry]) -> tuple[Sequence[ItemEntry], None]:
        entry = before.get("i1", ItemEntry("i1"))
        return [replace(entry, tags=(*(entry.tags or ()), word))], None

    return decide


def test_no_edit_is_lost_when_many_change_one_entry_at_once(store: EditableCatalog) -> None:
    def add(name: str) -> None:
        for at in range(5):
            store.edit_items(["i1"], tagging(f"{name}{at}"))

    threads = [threading.Thread(target=add, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (entry,) = store.items(["i1"])
    assert sorted(entry.tags or ()) == sorted(f"{name}{at}" for name in "abcd" for at in range(5))
    assert store.revision == 20


def test_users_are_forgotten_by_name_and_counted(store: EditableCatalog) -> None:
    store.put_users([CHOSEN, UserEntry("bob")])

    assert store.remove_users(["ann", "nobody", "ann"]) == 1
    assert [entry.user_id for entry in store.users_after("", limit=9)] == ["bob"]
    assert store.remove_users([]) == 0
