"""What every `HidingStore` promises."""

from __future__ import annotations

import threading

import pytest

from tacit.adapters.memory_hiding import MemoryHidingStore
from tacit.adapters.sql.hiding import SqlHidingStore
from tacit.data.hiding import MOST_HIDDEN, HiddenItem, HidingStore, UserHides
from tacit.errors import Refused

MOMENT = 1_767_355_200_000


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> HidingStore:
    if request.param == "memory":
        return MemoryHidingStore()
    return SqlHidingStore(request.getfixturevalue(f"{request.param}_database"))


def test_an_empty_store_knows_of_nobody(store: HidingStore) -> None:
    assert list(store.hidden_by("ann")) == list(store.changes(0, limit=5)) == []
    assert store.unhide("ann", "i1") is False


def test_what_is_hidden_is_kept_with_its_moment_until_it_is_taken_back(store: HidingStore) -> None:
    first = [store.hide("ann", "ü/ '\\", at_ms=MOMENT), store.hide("ann", "a", at_ms=MOMENT + 1)]
    again = store.hide("ann", "a", at_ms=MOMENT + 9)

    assert (first, again) == ([True, True], False)
    assert list(store.hidden_by("ann")) == [HiddenItem("a", MOMENT + 1), HiddenItem("ü/ '\\", MOMENT)]
    assert list(store.hidden_by("bob")) == []
    assert [store.unhide("ann", "a"), store.unhide("ann", "a")] == [True, False]
    assert list(store.hidden_by("ann")) == [HiddenItem("ü/ '\\", MOMENT)]


def test_every_change_is_a_revision_and_whoever_follows_hears_the_last_state_of_each_user(store: HidingStore) -> None:
    store.hide("ann", "a", at_ms=MOMENT)
    store.hide("bob", "b", at_ms=MOMENT)
    store.hide("ann", "c", at_ms=MOMENT)
    store.hide("ann", "c", at_ms=MOMENT)
    bob, ann = UserHides(2, "bob", frozenset("b")), UserHides(3, "ann", frozenset("ac"))

    assert list(store.changes(0, limit=5)) == [bob, ann]
    assert list(store.changes(0, limit=1)) == [bob]
    assert list(store.changes(2, limit=5)) == [ann]
    store.unhide("bob", "b")
    assert list(store.changes(3, limit=5)) == [UserHides(4, "bob", frozenset())]


def test_a_user_hides_as_many_items_as_one_may_and_not_one_more_however_many_do_so_at_once(
    store: HidingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_HIDDEN == 1_000
    monkeypatch.setattr("tacit.adapters.memory_hiding.MOST_HIDDEN", 6)
    monkeypatch.setattr("tacit.adapters.sql.hiding.MOST_HIDDEN", 6)
    for number in range(4):
        store.hide("ann", f"i{number:04}", at_ms=MOMENT)
    refused: list[str] = []

    def hide(name: str) -> None:
        try:
            store.hide("ann", name, at_ms=MOMENT)
        except Refused as problem:
            refused.append(problem.code)

    together = [threading.Thread(target=hide, args=(f"late-{number}",)) for number in range(5)]
    for each in together:
        each.start()
    for each in together:
        each.join()

    assert refused == ["too_many_hidden"] * 3
    assert len(store.hidden_by("ann")) == 6
    assert store.hide("ann", "i0000", at_ms=MOMENT) is False
    assert store.hide("bob", "late", at_ms=MOMENT) is True
    store.unhide("ann", "i0000")
    assert store.hide("ann", "late", at_ms=MOMENT) is True
