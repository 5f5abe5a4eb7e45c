"""What is said of items and users, judged and settled: pure values in, pure values out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.data.catalog_edits import (
    Edit,
    item_edit,
    patch_item,
    patch_user,
    put_item,
    put_user,
    removal,
    remove_item,
    settled,
    user_edit,
)
from tacit.data.catalog_entries import ItemEntry, Preferences, UserEntry
from tacit.errors import BadInput, NotFound

NOW = 1_767_355_200_000


def nobody(_: str) -> bool:
    return False


def everybody(_: str) -> bool:
    return True


def test_what_is_sent_is_kept_under_the_names_of_the_entry() -> None:
    edit = item_edit(
        {
            "item_id": "i1",
            "title": "e\u0301",
            "categories": ["b", "a", "b"],
            "tags": [],
            "labels": {"b": 1, "a": [2.5, "ü"]},
            "available": False,
            "expires_at": "2026-01-02T03:04:05.678+02:00",
        }
    )

    assert edit == Edit(
        "i1",
        {
            "title": "é",
            "categories": ("b", "a"),
            "tags": (),
            "labels": '{"a":[2.5,"ü"],"b":1}',
            "available": False,
            "expires_at_ms": 1_767_315_845_678,
        },
    )
    assert item_edit({"expires_at": 0}, "i2") == Edit("i2", {"expires_at_ms": 0})


@pytest.mark.parametrize("title", ["👩‍👧 family", "עברית \u200fabc", "x" * 1_024, "50% /.. <b>"])
def test_a_title_may_hold_whatever_a_person_writes_on_one_line(title: str) -> None:
    assert item_edit({"title": title}, "i1").said["title"] == title


def test_a_user_is_read_with_what_they_chose() -> None:
    edit = user_edit({"user_id": "ann", "preferences": {"items": ["i2", "i1", "i2"], "moods": None}})

    assert edit == Edit("ann", {"preferences": Preferences(("i2", "i1"))})


def test_a_removal_is_an_id_or_an_object_with_nothing_else() -> None:
    assert removal("i1", kind="item") == removal({"item_id": "i1"}, kind="item") == Edit("i1", {})
    for raw, code in (({"item_id": "i1", "title": "x"}, "field_unknown"), ({}, "field_missing"), ("", "id_empty")):
        with pytest.raises(BadInput) as refusal:
            removal(raw, kind="item")
        assert refusal.value.code == code


@pytest.mark.parametrize(
    ("before", "known", "fate"),
    [
        (None, nobody, "created"),
        (None, everybody, "changed"),
        (ItemEntry("i1", deleted=True), everybody, "created"),
        (ItemEntry("i1", title="old"), nobody, "changed"),
        (ItemEntry("i1", title="new", updated_at_ms=5), nobody, "unchanged"),
    ],
)
def test_a_put_tells_what_it_found(before: ItemEntry | None, known: Any, fate: str) -> None:
    edit = Edit("i1", {"title": "new"})
    written, fates = settled([edit], {} if before is None else {"i1": before}, put_item(known, NOW))

    assert fates == (fate,)
    assert list(written) == ([] if fate == "unchanged" else [ItemEntry("i1", title="new", updated_at_ms=NOW)])


def test_null_takes_back_what_was_said_and_what_is_not_named_stays() -> None:
    before = ItemEntry("i1", "old", ("c",), ("t",), '{"a":1}', available=False, expires_at_ms=7)
    edit = Edit("i1", {"title": None, "labels": None, "available": None, "expires_at_ms": None})
    (entry,), _ = settled([edit], {"i1": before}, patch_item(nobody, NOW))

    assert entry == ItemEntry("i1", None, ("c",), ("t",), updated_at_ms=NOW)


def test_a_patch_and_a_removal_want_an_item_that_is_there() -> None:
    edits = [Edit("i1", {}), Edit("gone", {})]
    before = {"gone": ItemEntry("gone", deleted=True)}
    for rule in (patch_item(nobody, NOW), remove_item(nobody, NOW)):
        written, fates = settled(edits, before, rule)
        assert written == ()
        assert [type(fate) for fate in fates] == [NotFound, NotFound]


def test_each_edit_of_a_call_finds_what_the_one_before_left_and_one_entry_is_written() -> None:
    edits = [Edit("i1", {"title": "a"}), Edit("i2", {}), Edit("i1", {"tags": ("t",)})]
    written, fates = settled(edits, {}, patch_item(lambda item_id: item_id == "i1", NOW))

    assert written == (ItemEntry("i1", title="a", tags=("t",), updated_at_ms=NOW),)
    assert [fate if isinstance(fate, str) else fate.code for fate in fates] == ["changed", "item_unknown", "changed"]


def test_a_user_is_brought_by_a_put_and_by_a_choice_but_by_no_patch() -> None:
    edit = Edit("ann", {"preferences": Preferences(("i1",))})
    entry = UserEntry("ann", preferences=Preferences(("i1",)), updated_at_ms=NOW)

    assert settled([edit], {}, put_user(nobody, NOW)) == ((entry,), ("created",))
    assert settled([edit], {}, put_user(everybody, NOW)) == ((entry,), ("changed",))
    assert settled([edit], {}, patch_user(nobody, NOW, may_create=True)) == ((entry,), ("created",))
    (fate,) = settled([edit], {}, patch_user(nobody, NOW))[1]
    assert isinstance(fate, NotFound)


SAID = st.fixed_dictionaries(
    {},
    optional={
        "title": st.none() | st.sampled_from(["a", "b"]),
        "categories": st.none() | st.sampled_from([("x",), ()]),
        "available": st.none() | st.booleans(),
        "expires_at_ms": st.none() | st.integers(0, 9),
    },
)
EDITS = st.lists(st.builds(Edit, st.sampled_from(["i1", "i2"]), SAID), max_size=6)


@given(edits=EDITS)
def test_edits_settled_in_one_call_end_where_single_calls_end(edits: list[Edit]) -> None:
    rule = put_item(nobody, NOW)
    at_once = {entry.item_id: entry for entry in settled(edits, {}, rule)[0]}
    one_by_one: dict[str, ItemEntry] = {}
    for edit in edits:
        one_by_one.update({entry.item_id: entry for entry in settled([edit], one_by_one, rule)[0]})

    assert at_once == one_by_one


@given(edits=EDITS)
def test_the_same_edits_again_change_nothing_where_each_item_is_named_once(edits: list[Edit]) -> None:
    once = list({edit.subject: edit for edit in edits}.values())
    written, _ = settled(once, {}, put_item(nobody, NOW))
    again, fates = settled(once, {entry.item_id: entry for entry in written}, put_item(nobody, NOW + 1))

    assert (again, set(fates) - {"unchanged"}) == ((), set())
