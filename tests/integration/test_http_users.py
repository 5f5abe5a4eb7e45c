"""Users over HTTP: what is said of them, what they choose, and who there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from tacit.entrypoints.api.catalogue_schemas import PreferencesBody, UserBody, UsersBody
from tacit.errors import Unavailable
from tests.catalogues import USERS, Shelf, problem, shelf, stock
from tests.stages import wait_until


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    home = tmp_path_factory.mktemp("home")
    stock(home)
    # Nobody has met enough for what they choose not to count.
    with shelf(home, **{"events.unknown_items": "accept", "coldstart.personal_from": 100}) as running:
        yield running


def path(user_id: str, tail: str = "") -> str:
    return f"{USERS}/{quote(user_id, safe='')}{tail}"


def put(running: Shelf, user_id: str, **said: Any) -> httpx2.Response:
    return running.send("PUT", path(user_id), said)


def choose(running: Shelf, user_id: str, **chosen: Any) -> httpx2.Response:
    return running.send("POST", path(user_id, "/preferences"), chosen)


def a_choice(running: Shelf) -> dict[str, list[str]]:
    model = running.parts.pool.current().model
    return {
        "items": [model.items[1].item_id, model.items[0].item_id],
        "categories": [model.items[0].categories[0]],
        "moods": ["calm", "ganz ruhig"],
    }


def test_what_is_said_of_a_user_stands_beside_what_the_version_knows(running: Shelf) -> None:
    model = running.parts.pool.current().model
    user_id = model.user_ids[0]
    before = UserBody.model_validate_json(running.client.get(path(user_id)).content)
    after = UserBody.model_validate_json(put(running, user_id, labels={"plan": "gold"}).content)

    assert (before.labels, before.updated_at, before.interactions) == ({}, None, len(model.history(0)[0]))
    assert (after.labels, after.interactions) == ({"plan": "gold"}, before.interactions)
    assert after.updated_at is not None


def test_a_user_put_is_created_patched_field_by_field_and_forgotten(running: Shelf) -> None:
    created = put(running, "new/user ü", labels={"a": 1}, preferences=a_choice(running))
    patched = running.send("PATCH", path("new/user ü"), {"labels": None})
    again = running.send("PATCH", path("new/user ü"), {"labels": None})
    forgotten = running.client.delete(path("new/user ü"))

    assert (created.status_code, patched.status_code, forgotten.status_code) == (201, 200, 204)
    assert (patched.json()["labels"], patched.json()["preferences"]) == ({}, created.json()["preferences"])
    assert again.json()["updated_at"] == patched.json()["updated_at"]
    assert problem(running.client.get(path("new/user ü"))) == (404, "user_unknown")
    assert problem(running.client.delete(path("new/user ü"))) == (404, "user_unknown")
    assert problem(running.send("PATCH", path("nobody"), {})) == (404, "user_unknown")


@pytest.mark.requirement("SERV-024")
def test_a_choice_makes_a_user_and_takes_the_place_of_the_one_before(running: Shelf) -> None:
    chosen = a_choice(running)
    first = choose(running, "newcomer", **chosen)
    kept = PreferencesBody.model_validate_json(running.client.get(path("newcomer", "/preferences")).content)
    second = choose(running, "newcomer", moods=["loud"])

    assert (first.status_code, second.status_code) == (201, 200)
    assert kept.model_dump() == first.json() == chosen
    assert running.client.get(path("newcomer", "/preferences")).json() == {
        "items": [],
        "categories": [],
        "moods": ["loud"],
    }


def test_the_list_after_a_choice_knows_it_although_none_was_asked_for_before(running: Shelf) -> None:
    user_id = running.parts.pool.current().model.user_ids[7]

    def shown() -> list[str]:
        return [item["item_id"] for item in running.client.get(path(user_id, "/recommendations")).json()["items"]]

    for _ in range(3):  # first nothing is kept of them, then something is, then it is given again
        first = shown()
        choose(running, user_id, items=first[:1])
        assert first[0] not in shown()


def test_lists_say_that_they_may_not_know_all_while_events_cannot_be_applied(
    running: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_id = running.parts.pool.current().model.user_ids[11]  # who did nothing since the version was trained

    def listed() -> dict[str, Any]:
        found: dict[str, Any] = running.client.get(path(user_id, "/recommendations")).json()
        return found

    def away(*_: object, **__: object) -> None:
        raise Unavailable("database_timeout", "It does not answer.")

    listed()
    played = listed()["items"][0]["item_id"]
    with monkeypatch.context() as broken:
        broken.setattr(running.app.event_store, "apply", away)
        event = {"event_id": "unapplied", "user_id": user_id, "item_id": played, "type": "play"}
        assert running.client.post("/api/v1/events", json=event).status_code == 202
        wait_until(lambda: listed()["degraded"])
    wait_until(lambda: not listed()["degraded"])

    assert played not in {item["item_id"] for item in listed()["items"]}


def test_items_and_categories_the_catalogue_does_not_have_are_refused_by_name(running: Shelf) -> None:
    items = choose(running, "ann", items=["nothing", "i\u00e9", a_choice(running)["items"][0]])
    categories = choose(running, "ann", categories=["no such thing"])
    whole = put(running, "ann", preferences={"items": ["nothing"]})
    batch = running.send("PUT", USERS, [{"user_id": "ann", "preferences": {"items": ["nothing"]}}, {"user_id": "zoe"}])

    assert problem(items) == (422, "items_unknown")
    assert (items.json()["field"], items.json()["unknown"]) == ("items", ["nothing", "i\\xe9"])
    assert problem(categories) == (422, "categories_unknown")
    assert problem(whole) == (422, "items_unknown")
    assert [each["outcome"] for each in batch.json()["results"]] == ["rejected", "created"]
    assert problem(running.client.get(path("ann", "/preferences"))) == (404, "user_unknown")


def test_what_only_the_door_knows_may_be_chosen_until_it_is_removed(running: Shelf) -> None:
    running.put("door item", categories=["door category"])
    allowed = choose(running, "eve", items=["door item"], categories=["door category"])
    running.delete("door item")
    refused = [choose(running, "eve", items=["door item"]), choose(running, "eve", categories=["door category"])]

    assert allowed.status_code == 201
    assert [problem(each) for each in refused] == [(422, "items_unknown"), (422, "categories_unknown")]


@pytest.mark.parametrize(
    ("chosen", "code", "field"),
    [
        ({"mood": []}, "field_unknown", "mood"),
        ({"moods": "calm"}, "type", "moods"),
        ({"moods": ["x" * 65]}, "word_too_long", "moods[0]"),
        ({"moods": ["ü" * 33]}, "word_too_long", "moods[0]"),
        ({"moods": [str(at) for at in range(65)]}, "too_many_items", "moods"),
        ({"items": ["a\0"]}, "string_nul", "items[0]"),
        ({"items": [str(at) for at in range(1_001)]}, "too_many_items", "items"),
        ({"categories": [None]}, "type", "categories[0]"),
    ],
)
def test_a_bad_choice_is_refused_by_the_name_of_its_fault(
    running: Shelf, chosen: dict[str, Any], code: str, field: str
) -> None:
    response = choose(running, "ann", **chosen)

    assert problem(response) == (422, code)
    assert response.json()["field"] == field


def test_somebody_with_events_is_known_before_any_version_has_seen_them(running: Shelf) -> None:
    event = {"event_id": "e1", "user_id": "listener", "item_id": "x", "type": "play"}
    assert problem(running.client.get(path("listener"))) == (404, "user_unknown")
    running.client.post("/api/v1/events", json=event)
    wait_until(lambda: running.client.get(path("listener")).status_code == 200)

    assert running.client.get(path("listener")).json()["interactions"] == 0


def test_all_users_come_page_by_page_each_once_in_order(running: Shelf) -> None:
    put(running, "zz last", labels={"x": 1})
    found: list[UserBody] = []
    cursor: str | None = ""
    while cursor is not None:
        page = UsersBody.model_validate_json(running.client.get(USERS, params={"cursor": cursor, "limit": 50}).content)
        found.extend(page.users)
        cursor = page.next_cursor
    names = [user.user_id for user in found]

    assert names == sorted(set(names))
    assert set(names) >= {*running.parts.pool.current().model.user_ids, "zz last"}
    assert found[-1].labels == {"x": 1}
    assert problem(running.client.get(f"{USERS}?cursor=x")) == (400, "cursor_invalid")


def test_a_batch_of_users_is_answered_one_by_one(running: Shelf) -> None:
    made = running.send("PUT", USERS, [{"user_id": "b1"}, {"user_id": "b2", "labels": 5}])
    changed = running.send("PATCH", USERS, {"users": [{"user_id": "b1", "labels": {"x": 1}}, {"user_id": "b9"}]})
    gone = running.send("DELETE", USERS, ["b1", "b1", {"user_id": "b9"}])

    assert [each["outcome"] for each in made.json()["results"]] == ["created", "rejected"]
    assert [each["outcome"] for each in changed.json()["results"]] == ["changed", "rejected"]
    assert [each["outcome"] for each in gone.json()["results"]] == ["deleted", "rejected", "rejected"]
    assert (made.status_code, changed.status_code, gone.status_code) == (207, 207, 207)
