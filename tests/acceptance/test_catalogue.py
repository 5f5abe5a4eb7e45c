"""What is said of an item holds for the next answer: hidden, back, expired, renamed, new and removed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pytest

from tacit.bootstrap import build, load_settings
from tacit.data.catalog_entries import ItemEntry
from tests.attempts import shortest
from tests.catalogues import ITEMS, QUICK, USERS, Shelf, item_path, shelf, stock
from tests.stages import wait_until


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    stock(home)
    return home


@pytest.fixture(scope="module")
def running(home: Path) -> Iterator[Shelf]:
    with shelf(home, **{"events.unknown_items": "quarantine"}) as running:
        yield running


def routes(running: Shelf, item_id: str) -> dict[str, str]:
    """For every route that lists items, an address that lists this one as long as it may be shown."""
    model = running.parts.pool.current().model
    row = model.item_rows[item_id]
    stranger = next(user for at, user in enumerate(model.user_ids) if row not in model.history(at)[0])
    other = next(each.item_id for each in model.items if each.item_id != item_id)
    category = model.items[row].categories[0]
    return {
        "personal": f"{USERS}/{stranger}/recommendations?limit=1000",
        "personal in a category": f"{USERS}/{stranger}/recommendations?limit=1000&category={quote(category)}",
        "similar": f"{item_path(other)}/similar?limit=1000",
        "popular": "/api/v1/popular?limit=1000",
        "popular in a category": f"/api/v1/popular?limit=1000&category={quote(category)}",
        "search": f"{ITEMS}?limit=1000&query={quote(model.items[row].title)}",
    }


def shown(running: Shelf, item_id: str) -> set[str]:
    """The routes whose lists have an item."""
    found = {
        name
        for name, path in routes(running, item_id).items()
        if item_id in {item["item_id"] for item in running.client.get(path).json()["items"]}
    }
    other = next(each.item_id for each in running.parts.pool.current().model.items if each.item_id != item_id)
    answer = running.client.post("/api/v1/recommendations", json={"liked": [other], "limit": 1000}).json()
    return found | {"likes"} if item_id in {item["item_id"] for item in answer["items"]} else found


def pages(running: Shelf, item_id: str, title: str) -> set[str]:
    """The pages on which a title stands."""
    asked = {
        "home": "/",
        "picked": f"/?like={quote(item_id, safe='')}",
        "search": f"/search?q={quote(title)}",
        "its own": f"/alike/{quote(item_id, safe='')}",
    }
    # The field of the search repeats what was asked for.
    return {
        name
        for name, path in asked.items()
        if title in running.client.get(path).text.replace(f'value="{title}"', "").replace(f"“{title}”", "")
    }


def best(running: Shelf, at: int) -> tuple[str, str]:
    """The id and the title of one of the most popular items."""
    item = running.parts.pool.current().model.items[at]
    return item.item_id, item.title


EVERYWHERE = {
    "personal",
    "personal in a category",
    "similar",
    "popular",
    "popular in a category",
    "search",
    "likes",
}


def test_an_item_that_is_not_available_is_in_no_answer_from_the_next_one_on_and_returns_at_once(
    running: Shelf,
) -> None:
    item_id, title = best(running, 0)
    before, on_pages = shown(running, item_id), pages(running, item_id, title)

    hidden = running.put(item_id, available=False)
    meanwhile, meanwhile_on_pages = shown(running, item_id), pages(running, item_id, title)
    looked_at = running.item(item_id)
    back = running.patch(item_id, available=True)

    assert (before, on_pages) == (EVERYWHERE, {"home", "picked", "search", "its own"})
    assert (hidden.status_code, back.status_code) == (200, 200)
    assert (meanwhile, meanwhile_on_pages) == (set(), set())
    assert (looked_at["available"], looked_at["title"]) == (False, title)
    assert (shown(running, item_id), pages(running, item_id, title)) == (before, on_pages)


def test_an_item_expires_at_its_moment_without_anybody_writing_anything(running: Shelf) -> None:
    item_id, _ = best(running, 1)
    moment_ms = int(time.time() * 1_000) + 700
    running.patch(item_id, expires_at=moment_ms)
    before = shown(running, item_id)
    revision = running.app.catalog.revision
    wait_until(lambda: time.time() * 1_000 >= moment_ms)
    after, looked_at = shown(running, item_id), running.item(item_id)
    running.patch(item_id, expires_at=None)

    assert (before, after) == (EVERYWHERE, set())
    assert looked_at["available"] is False
    assert datetime.fromisoformat(looked_at["expires_at"]) == datetime.fromtimestamp(moment_ms / 1_000, UTC)
    assert running.app.catalog.revision == revision + 1
    assert shown(running, item_id) == EVERYWHERE


def test_a_new_title_is_in_lists_and_reasons_at_once_and_null_takes_it_back(running: Shelf) -> None:
    item_id, title = best(running, 2)
    running.patch(item_id, title="Renamed Band", categories=["oddities"])
    listed = running.client.get("/api/v1/popular?limit=1000").json()["items"]
    answer = running.client.post("/api/v1/recommendations", json={"liked": [item_id]}).json()
    running.patch(item_id, title=None, categories=None)

    assert [(item["title"], item["categories"]) for item in listed if item["item_id"] == item_id] == [
        ("Renamed Band", ["oddities"])
    ]
    assert {reason["title"] for item in answer["items"] for reason in item["because"]} == {"Renamed Band"}
    assert running.item(item_id)["title"] == title


def test_what_is_hidden_is_no_reason_either_and_nothing_is_like_what_was_removed(running: Shelf) -> None:
    kept, _ = best(running, 3)
    removed, _ = best(running, 4)
    running.delete(removed)
    answer = running.client.post("/api/v1/recommendations", json={"liked": [kept, removed]}).json()
    statuses = [running.client.get(item_path(removed) + tail).status_code for tail in ("", "/similar")]
    running.put(removed)

    assert {reason["item_id"] for item in answer["items"] for reason in item["because"]} == {kept}
    assert answer["unknown_items"] == [removed]
    assert statuses == [404, 404]
    assert running.client.get(item_path(removed)).status_code == 200


def test_an_item_written_by_another_process_is_hidden_here_within_a_second(running: Shelf, home: Path) -> None:
    item_id, _ = best(running, 5)
    with build(load_settings(flags={"home": home, **QUICK}, environ={})) as elsewhere:

        def hidden_and_back() -> float:
            elsewhere.catalog.put_items([ItemEntry(item_id, available=False)])
            waited = wait_until(lambda: not shown(running, item_id))
            elsewhere.catalog.put_items([ItemEntry(item_id)])
            wait_until(lambda: shown(running, item_id) == EVERYWHERE)
            return waited

        assert shortest(hidden_and_back, within=1.5) < 1.5


def test_an_item_that_only_the_door_knows_is_listed_and_takes_events(running: Shelf) -> None:
    created = running.put("brand new", title="Fresh", categories=["rock"], labels={"year": 2026})
    event = {"event_id": "e-new", "user_id": "ann", "item_id": "brand new", "type": "play"}
    running.client.post("/api/v1/events", json=event)
    wait_until(lambda: bool(running.app.event_store.interactions_of("ann")))
    listed = running.client.get(f"{ITEMS}?cursor=&limit=1000").json()["items"]
    running.delete("brand new")

    assert created.status_code == 201
    assert [item["labels"] for item in listed if item["item_id"] == "brand new"] == [{"year": 2026}]


def test_lists_written_for_everybody_leave_out_what_is_hidden(running: Shelf, tmp_path: Path) -> None:
    item_id, _ = best(running, 6)
    running.patch(item_id, available=False)
    running.app.write_lists(tmp_path / "without.arrow", count=100)
    running.patch(item_id, available=True)
    running.app.write_lists(tmp_path / "with.arrow", count=100)
    listed = [
        {each for row in table["items"].to_pylist() for each in row}
        for table in (pa.ipc.open_stream(tmp_path / name).read_all() for name in ("without.arrow", "with.arrow"))
    ]

    assert [item_id in found for found in listed] == [False, True]


def test_a_training_learns_what_was_said_and_nothing_of_what_was_removed(tmp_path: Path) -> None:
    stock(tmp_path)
    with shelf(tmp_path) as running:
        (gone, _), (renamed, _) = best(running, 0), best(running, 1)
        running.delete(gone)
        running.patch(renamed, title="Renamed", tags=["said"])
        running.put("new", title="New", categories=["new group"])
        before, after = running.app.freeze(), running.app.freeze()
        running.patch(renamed, title="Renamed again")
        later = running.app.freeze()
    items = {item.item_id: item for item in before.items}

    assert gone not in items
    assert (items[renamed].title, items[renamed].tags) == ("Renamed", ("said",))
    assert items["new"].categories == ("new group",)
    assert before.fingerprint == after.fingerprint != later.fingerprint
    assert len(before.items) == 100
