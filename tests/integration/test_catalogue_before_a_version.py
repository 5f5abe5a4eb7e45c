"""The catalogue's door on a platform that has learnt nothing yet, and after a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from tacit.errors import Unavailable
from tests.catalogues import ITEMS, USERS, problem, shelf


def test_a_catalogue_is_kept_before_there_is_a_version_and_after_a_restart(tmp_path: Path) -> None:
    with shelf(tmp_path) as running:
        first = [running.put("i1", title="One", labels={"x": 1}), running.put("i2"), running.patch("i2", title="Two")]
        running.delete("i2")
        before = running.item("i1")
    with shelf(tmp_path) as running:
        after, gone = running.item("i1"), running.client.get(f"{ITEMS}/i2")
        listed = running.client.get(f"{ITEMS}?cursor=").json()
        known = running.parts.pool.loaded

    assert [each.status_code for each in first] == [201, 201, 200]
    assert (after, problem(gone)) == (before, (404, "item_unknown"))
    assert ([item["item_id"] for item in listed["items"]], listed["next_cursor"]) == (["i1"], None)
    assert known is None


def test_without_a_version_nobody_says_that_an_item_does_not_exist(tmp_path: Path) -> None:
    with shelf(tmp_path) as running:
        running.put("i1")
        asked = running.client.get(f"{ITEMS}/i2")
        chosen = running.send("POST", f"{USERS}/ann/preferences", {"items": ["i1", "i2"]})
        allowed = running.send("POST", f"{USERS}/ann/preferences", {"items": ["i1"], "moods": ["calm"]})

    assert problem(asked) == problem(chosen) == (503, "model_not_loaded")
    assert (allowed.status_code, allowed.json()["items"]) == (201, ["i1"])


def test_a_write_that_cannot_be_kept_is_told_so_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with shelf(tmp_path) as running:
        running.put("i1", title="One")
        store = running.app.catalog

        def fail(*_: object) -> None:
            raise Unavailable("storage_full", "No space is left.")

        with pytest.MonkeyPatch.context() as broken:
            broken.setattr(store, "edit_items", fail)
            refused = [running.put("i1", title="Two"), running.patch("i1", title="Two"), running.delete("i1")]
        after = running.item("i1")

    assert [problem(each) for each in refused] == [(507, "storage_full")] * 3
    assert after["title"] == "One"
