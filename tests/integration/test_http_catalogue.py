"""The catalogue's door over HTTP: what it answers, what it refuses by name, and how a list is gone through."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.entrypoints.api.catalogue_schemas import EditedBody
from tacit.entrypoints.api.schemas import ItemBody, ItemsBody
from tests.catalogues import ITEMS, Shelf, item_path, problem, shelf, stock

LINES = {"Content-Type": "application/x-ndjson"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    home = tmp_path_factory.mktemp("home")
    stock(home)
    with shelf(home) as running:
        yield running


def outcomes(response: httpx2.Response) -> list[str]:
    """What became of each entry, once the answer's counts have been checked."""
    body = EditedBody.model_validate_json(response.content)
    assert [each.index for each in body.results] == list(range(body.received))
    assert body.received == body.created + body.changed + body.unchanged + body.deleted + body.rejected
    return [each.outcome for each in body.results]


def a_known(running: Shelf, at: int = 0) -> str:
    return running.parts.pool.current().model.items[at].item_id


def test_an_item_put_is_created_once_and_the_same_again_changes_nothing(running: Shelf) -> None:
    said = {"title": "Fünf ☕", "categories": ["a", "b", "a"], "tags": [], "labels": {"x": [1, None]}}
    first, again = running.put("n1/ü?", **said), running.put("n1/ü?", **said)
    body = ItemBody.model_validate_json(first.content)

    assert (first.status_code, again.status_code) == (201, 200)
    assert (body.title, body.categories, body.tags, body.labels) == ("Fünf ☕", ["a", "b"], [], {"x": [1, None]})
    assert (body.available, body.expires_at, body.listeners) == (True, None, 0)
    assert again.json() == first.json() == running.item("n1/ü?")


def test_a_put_says_everything_and_a_patch_only_what_it_names(running: Shelf) -> None:
    running.put("n2", title="Two", tags=["t"], expires_at="2999-01-01T00:00:00+01:00", available=False)
    patched = running.patch("n2", tags=None, available=True)
    put = running.put("n2", labels={"only": 1})

    assert (patched.status_code, patched.json()["title"], patched.json()["tags"]) == (200, "Two", [])
    assert (patched.json()["available"], patched.json()["expires_at"]) == (True, "2998-12-31T23:00:00.000Z")
    assert (put.status_code, put.json()["title"], put.json()["expires_at"]) == (200, "n2", None)


def test_what_an_import_said_returns_where_nothing_else_is_said(running: Shelf) -> None:
    item_id = a_known(running)
    imported = running.item(item_id)
    changed = running.put(item_id, title="Other", categories=[], tags=["new"]).json()
    again = running.patch(item_id, title=None, categories=None, tags=None).json()

    assert (changed["title"], changed["categories"], changed["tags"]) == ("Other", [], ["new"])
    assert {**again, "updated_at": None} == imported
    assert imported["listeners"] > 0


def test_a_removed_item_is_nowhere_until_it_is_put_again(running: Shelf) -> None:
    running.put("n3", title="Three")
    removed = running.delete("n3")
    statuses = [running.client.get(item_path("n3")), running.delete("n3"), running.patch("n3", title="x")]
    back = running.put("n3")

    assert (removed.status_code, removed.content) == (204, b"")
    assert [problem(each) for each in statuses] == [(404, "item_unknown")] * 3
    assert (back.status_code, back.json()["title"]) == (201, "n3")


def test_items_nobody_knows_are_neither_changed_nor_removed(running: Shelf) -> None:
    assert problem(running.patch("nothing", title="x")) == (404, "item_unknown")
    assert problem(running.delete("nothing")) == (404, "item_unknown")


BAD: list[tuple[Any, str, str | None]] = [
    ({"titel": "x"}, "field_unknown", "titel"),
    ({"item_id": "n9"}, "field_unknown", "item_id"),
    ([], "type", None),
    ("x", "type", None),
    ({"title": 5}, "type", "title"),
    ({"title": "x" * 1_025}, "title_too_long", "title"),
    ({"title": "é" * 513}, "title_too_long", "title"),
    ({"title": " "}, "title_empty", "title"),
    ({"title": "a\nb"}, "string_control", "title"),
    ({"title": "a\u2028b"}, "string_control", "title"),
    ({"title": "a\0b"}, "string_nul", "title"),
    ({"title": "a\ud800"}, "string_surrogate", "title"),
    ({"categories": "rock"}, "type", "categories"),
    ({"categories": [1]}, "type", "categories[0]"),
    ({"categories": ["a", ""]}, "id_empty", "categories[1]"),
    ({"categories": ["x" * 257]}, "id_too_long", "categories[0]"),
    ({"tags": [str(at) for at in range(51)]}, "too_many_items", "tags"),
    ({"tags": ["a\u202eb"]}, "string_format_char", "tags[0]"),
    ({"labels": []}, "type", "labels"),
    ({"labels": {"x": "y" * 17_000}}, "labels_too_large", "labels"),
    ({"labels": {"x": "\0"}}, "string_nul", "labels"),
    ({"available": 1}, "type", "available"),
    ({"available": "no"}, "type", "available"),
    ({"expires_at": True}, "type", "expires_at"),
    ({"expires_at": 1_700_000_000}, "timestamp_unit", "expires_at"),
    ({"expires_at": "2026-01-01T00:00:00"}, "timestamp_unit", "expires_at"),
    ({"expires_at": "2026-02-30T00:00:00Z"}, "timestamp_range", "expires_at"),
    ({"expires_at": -1}, "timestamp_range", "expires_at"),
    ({"expires_at": 1.5}, "timestamp_unit", "expires_at"),
]


@pytest.mark.requirement("QUAL-013")
@pytest.mark.parametrize(("said", "code", "field"), BAD, ids=[f"{at}-{code}" for at, (_, code, _) in enumerate(BAD)])
def test_a_bad_entry_is_refused_by_the_name_of_its_fault_alone_and_in_a_batch(
    running: Shelf, said: Any, code: str, field: str | None
) -> None:
    before = running.app.catalog.revision
    alone = [
        running.client.request(method, item_path("bad"), content=json.dumps(said), headers=_JSON)
        for method in ("PUT", "PATCH")
    ]
    entry = {"item_id": "bad", **said} if isinstance(said, dict) else said
    batch = running.client.put(ITEMS, content=json.dumps([entry]), headers=_JSON)

    assert [problem(each) for each in alone] == [(422, code)] * 2
    assert field is None or alone[0].json()["field"] == field
    if field != "item_id":
        assert (batch.status_code, batch.json()["results"][0]["code"]) == (207, code if entry != "x" else "type")
        assert running.app.catalog.revision == before


_JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "body_empty"),
        (b'{"title": ', 400, "json_invalid"),
        (b'{"labels": {"x": NaN}}', 422, "number_not_finite"),
        (b'{"labels": {"x": 1e999}}', 422, "number_out_of_range"),
        (b'{"title": "a", "title": "b"}', 422, "json_duplicate_key"),
        (b'{"labels": ' + b'{"a":' * 250 + b"1" + b"}" * 250 + b"}", 400, "json_depth"),
        (b'{"title": "' + b"x" * 1_000_000 + b'"}', 413, "body_too_large"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_as_everywhere(
    running: Shelf, body: bytes, status: int, code: str
) -> None:
    assert problem(running.client.put(item_path("x"), content=body, headers=_JSON)) == (status, code)
    assert problem(running.client.put(item_path("x"), content=b"{}", headers={"Content-Type": "text/plain"})) == (
        415,
        "media_type",
    )


def test_a_batch_keeps_all_that_is_in_order_in_one_write_and_names_the_rest(running: Shelf) -> None:
    entries: list[Any] = [{"item_id": f"b{at}", "title": f"B {at}"} for at in range(499)]
    entries.insert(123, {"item_id": "b-bad", "tilte": "x"})
    before = running.app.catalog.revision
    response = running.send("PUT", ITEMS, entries)
    told, bad = outcomes(response), response.json()["results"][123]

    assert response.status_code == 207
    assert (told.count("created"), told[123], running.app.catalog.revision) == (499, "rejected", before + 1)
    assert (bad["item_id"], bad["code"], bad["near"]) == ("b-bad", "field_unknown", ["title"])
    assert running.item("b498")["title"] == "B 498"


def test_a_batch_patches_and_removes_and_tells_of_each_what_became_of_it(running: Shelf) -> None:
    running.send("PUT", ITEMS, [{"item_id": "c1"}, {"item_id": "c2", "tags": ["t"]}])
    patched = running.send("PATCH", ITEMS, {"items": [{"item_id": "c1", "title": "One"}, {"item_id": "c3"}]})
    same = running.send("PATCH", ITEMS, [{"item_id": "c2", "tags": ["t"]}])
    removed = running.send("DELETE", ITEMS, ["c1", {"item_id": "c2"}, "c1", "c3", {"item_id": "c2", "title": "x"}, 5])

    assert (patched.status_code, outcomes(patched)) == (207, ["changed", "rejected"])
    assert patched.json()["results"][1]["code"] == "item_unknown"
    assert (same.status_code, outcomes(same)) == (200, ["unchanged"])
    assert outcomes(removed) == ["deleted", "deleted", "rejected", "rejected", "rejected", "rejected"]
    assert [each.get("code") for each in removed.json()["results"][2:]] == [
        "item_unknown",
        "item_unknown",
        "field_unknown",
        "type",
    ]


def test_of_one_item_twice_in_a_batch_the_later_entry_stands_upon_the_earlier(running: Shelf) -> None:
    response = running.send("PUT", ITEMS, [{"item_id": "d1", "title": "a"}, {"item_id": "d1", "title": "b"}])

    assert outcomes(response) == ["created", "changed"]
    assert running.item("d1")["title"] == "b"


def test_lines_are_read_one_by_one_and_a_bad_one_costs_the_others_nothing(running: Shelf) -> None:
    lines = [b'{"item_id": "l1"}', b"", b'{"item_id": ', b'{"item_id": "l2", "available": false}', b'{"title": "x"}']
    response = running.client.put(ITEMS, content=b"\n".join(lines), headers=LINES)

    assert outcomes(response) == ["created", "rejected", "created", "rejected"]
    assert [each.get("code") for each in response.json()["results"]] == [None, "json_invalid", None, "field_missing"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ([], 422, "batch_size"),
        ([{"item_id": "x"}] * 501, 422, "batch_size"),
        ({"items": []}, 422, "batch_size"),
        ({"items": [], "more": 1}, 422, "field_unknown"),
        ({"item_id": "x"}, 422, "type"),
        (7, 422, "type"),
    ],
)
def test_a_batch_that_is_none_is_refused_whole(running: Shelf, body: Any, status: int, code: str) -> None:
    assert [problem(running.send(method, ITEMS, body)) for method in ("PUT", "PATCH", "DELETE")] == [(status, code)] * 3


def test_the_whole_catalogue_comes_page_by_page_each_item_once_in_order(running: Shelf) -> None:
    gone = a_known(running, 1)
    running.delete(gone)
    running.patch(a_known(running, 2), available=False)
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = ItemsBody.model_validate_json(running.client.get(ITEMS, params={"cursor": cursor, "limit": 37}).content)
        assert 1 <= len(page.items) <= 37
        found.extend(item.item_id for item in page.items)
        cursor = page.next_cursor
    running.put(gone)
    running.patch(a_known(running, 2), available=None)

    assert found == sorted(set(found))
    model = running.parts.pool.current().model
    assert set(found) >= {item.item_id for item in model.items} - {gone}
    assert gone not in found


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("cursor=nonsense", 400, "cursor_invalid"),
        ("cursor=%00", 400, "cursor_invalid"),
        ("cursor=AAAAAAAAAAAA", 400, "cursor_invalid"),
        ("cursor=&query=a", 422, "parameters_conflict"),
        ("cursor=&cursor=", 422, "parameter_repeated"),
        ("cursor=&limit=0", 422, "limit_range"),
        ("offset=10", 422, "field_unknown"),
    ],
)
def test_a_page_that_cannot_be_asked_for_is_refused(running: Shelf, query: str, status: int, code: str) -> None:
    assert problem(running.client.get(f"{ITEMS}?{query}")) == (status, code)


FIELDS = ("item_id", "title", "categories", "tags", "labels", "available", "expires_at", "odd")
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["z1", "z2"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6),
    max_leaves=10,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(value=ANYTHING | st.lists(ANYTHING, max_size=3), method=st.sampled_from(["PUT", "PATCH", "DELETE"]))
def test_whatever_is_said_is_answered_or_refused_by_name(running: Shelf, value: Any, method: str) -> None:
    # `json.dumps` writes NaN and Infinity, which no JSON has.
    response = running.client.request(method, ITEMS, content=json.dumps(value), headers=_JSON)

    if response.status_code in (200, 207):
        outcomes(response)
    else:
        status, code = problem(response)
        assert 400 <= status < 500, code


def test_an_address_names_every_method_that_it_answers_to(running: Shelf) -> None:
    alone, all_items = running.client.post(item_path("n1"), json={}), running.client.post(ITEMS, json={})

    assert alone.headers["allow"] == all_items.headers["allow"] == "DELETE, GET, HEAD, PATCH, PUT"


def test_the_description_names_the_door_its_bodies_and_its_answers(running: Shelf) -> None:
    paths = running.client.get("/openapi.json").json()["paths"]

    assert set(paths[ITEMS]) == {"get", "put", "patch", "delete"}
    assert set(paths[f"{ITEMS}/{{item_id}}"]) == {"get", "put", "patch", "delete"}
    assert {"200", "201", "422", "503"} <= paths[f"{ITEMS}/{{item_id}}"]["put"]["responses"].keys()
    assert {"200", "207"} <= paths[ITEMS]["patch"]["responses"].keys()
    assert all(described["description"] for methods in paths.values() for described in methods.values())
    assert running.client.get("/docs").status_code == 200
