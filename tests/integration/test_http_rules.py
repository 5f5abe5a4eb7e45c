"""Rules and hides over HTTP: in an address, in a body, refused by name, and in force on the next answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pyarrow.parquet as pq
import pytest

from tacit.bootstrap import build, load_settings, serving
from tacit.entrypoints.api.hiding import HiddenItemsBody
from tacit.entrypoints.api.schemas import AnswerBody
from tests.catalogues import QUICK, USERS, Shelf, problem, shelf, stock
from tests.stages import wait_until


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    home = tmp_path_factory.mktemp("home")
    stock(home)
    with shelf(home) as running:
        model = running.parts.pool.current().model
        for place, item in enumerate(model.items[:40]):
            assert running.put(item.item_id, labels={"year": 1980 + place}).status_code == 200
        yield running


def a_user(running: Shelf) -> str:
    return running.parts.pool.current().model.user_ids[3]


def path(running: Shelf) -> str:
    return f"{USERS}/{quote(a_user(running), safe='')}/recommendations"


def listed(running: Shelf, where: str | None = None, **asked: Any) -> AnswerBody:
    address = f"{where or path(running)}?{urlencode(asked, doseq=True)}"
    response = running.client.get(address)
    assert response.status_code == 200, response.text
    return AnswerBody.model_validate_json(response.content)


def ids(answer: AnswerBody) -> list[str]:
    return [item.item_id for item in answer.items]


def test_rules_in_an_address_and_in_a_body_give_the_same_list(running: Shelf) -> None:
    plain = listed(running)
    word, some = plain.items[4].categories[0], ids(plain)[:2]
    by_address = listed(
        running, limit=6, exclude=some, boost=[f"category:{word}:4", f"item:{ids(plain)[6]}:0.5"], cap=3, diversity=0.2
    )
    body = {
        "limit": 6,
        "exclude": some,
        "boost": [{"category": word, "factor": 4}, {"item": ids(plain)[6], "factor": 0.5}],
        "cap": 3,
        "diversity": 0.2,
    }
    by_body = AnswerBody.model_validate_json(running.send("POST", path(running), body).content)

    assert ids(by_address) == ids(by_body) != ids(plain)[2:8]
    assert not {*some} & {*ids(by_body)}
    assert max(Counter(each for item in by_body.items for each in item.categories).values()) <= 3
    assert AnswerBody.model_validate_json(running.send("POST", path(running), {}).content).items == plain.items


def test_a_range_an_include_and_two_categories_are_kept_to_by_every_route(running: Shelf) -> None:
    model = running.parts.pool.current().model
    years = {item.item_id: 1980 + place for place, item in enumerate(model.items[:40])}
    few = [item.item_id for item in model.items[10:30]]
    similar = f"/api/v1/items/{quote(model.items[0].item_id, safe='')}/similar"
    for where in (path(running), similar, "/api/v1/popular"):
        found = ids(listed(running, where, range="year:1990:2009", include=few[5:]))
        assert found
        assert {*found} <= {*few[5:]}
        assert all(1990 <= years[each] <= 2009 for each in found)
    asked = {"liked": [model.items[0].item_id], "range": [{"field": "year", "least": 2000}], "include": few}
    by_likes = running.send("POST", "/api/v1/recommendations", asked)
    assert {each["item_id"] for each in by_likes.json()["items"]} <= {each for each in few if years[each] >= 2000}
    pair = next(item.categories[:2] for item in model.items if len(item.categories) > 1)
    both = listed(running, "/api/v1/popular", category=pair)
    assert both.items
    assert all({*pair} <= {*item.categories} for item in both.items)


BAD_QUERIES = (
    ("boost=rock:2", "boost_invalid", "boost[0]"),
    ("boost=tag:a:2&boost=genre:a:2", "boost_invalid", "boost[1]"),
    ("boost=tag:rock:NaN", "number_invalid", "boost[0]"),
    ("boost=tag:rock:1e1", "number_invalid", "boost[0]"),
    ("boost=tag:rock:11", "factor_range", "boost[0]"),
    ("boost=tag::2", "boost_invalid", "boost[0]"),
    ("range=year:1990", "range_invalid", "range[0]"),
    ("range=year:2000:1990", "range_empty", "range[0]"),
    ("range=yaer:1990:", "range_field_unknown", "range"),
    ("cap=0", "cap_range", "cap"),
    ("cap=1.5", "cap_range", "cap"),
    ("cap=two", "number_invalid", "cap"),
    ("diversity=inf", "number_invalid", "diversity"),
    ("diversity=1.01", "share_range", "diversity"),
    ("explore=-0.1", "share_range", "explore"),
    ("explore=0.1&explore=0.1", "parameter_repeated", "explore"),
    ("&".join(f"boost=tag:t{n}:2" for n in range(21)), "too_many_items", "boost"),
    ("&".join(f"category=c{n}" for n in range(11)), "too_many_items", "category"),
    ("bury=tag:a:2", "field_unknown", "bury"),
)
BAD_BODIES = (
    ({"boost": [{"tag": "rock"}]}, "field_missing", "boost[0]"),
    ({"boost": [{"tag": "rock", "item": "a", "factor": 2}]}, "field_missing", "boost[0]"),
    ({"boost": [{"tag": "rock", "factor": True}]}, "type", "boost[0].factor"),
    ({"boost": {"tag": "rock", "factor": 2}}, "type", "boost"),
    ({"boost": [{"tag": "rock", "factr": 2}]}, "field_unknown", "boost[0].factr"),
    ({"range": [{"field": "year", "least": "1990"}]}, "type", "range[0].least"),
    ({"range": ["year"]}, "type", "range[0]"),
    ({"range": [{"least": 1}]}, "field_missing", "range[0]"),
    ({"cap": 2.0}, "type", "cap"),
    ({"diversity": "0.3"}, "type", "diversity"),
    ({"category": [1]}, "type", "category[0]"),
    ({"category": 1}, "type", "category"),
    ({"include": "a"}, "type", "include"),
    ({"exclude": ["a"] * 1_001}, "too_many_items", "exclude"),
    ({"liked": ["a"]}, "field_unknown", "liked"),
)


@pytest.mark.parametrize(("query", "code", "field"), BAD_QUERIES)
def test_a_rule_in_an_address_that_makes_no_sense_is_refused_by_name(
    running: Shelf, query: str, code: str, field: str
) -> None:
    response = running.client.get(f"{path(running)}?{query}")
    assert (*problem(response), response.json()["field"]) == (422, code, field)
    assert response.json()["detail"]


@pytest.mark.parametrize(("body", "code", "field"), BAD_BODIES)
def test_a_rule_in_a_body_that_makes_no_sense_is_refused_by_name(
    running: Shelf, body: dict[str, Any], code: str, field: str
) -> None:
    response = running.send("POST", path(running), body)
    assert (*problem(response), response.json()["field"]) == (422, code, field)


def test_what_is_no_number_or_has_no_place_here_is_refused_by_name(running: Shelf) -> None:
    raw = running.client.post(
        path(running), content=b'{"diversity": NaN}', headers={"content-type": "application/json"}
    )
    assert problem(raw) == (422, "number_not_finite")
    liked = {"liked": ["a"], "explore": 0.5}
    assert problem(running.send("POST", "/api/v1/recommendations", liked)) == (422, "field_unknown")
    assert problem(running.client.get("/api/v1/popular?explore=0.5")) == (422, "field_unknown")


def test_a_hidden_item_is_gone_on_the_next_answer_and_comes_back_when_it_is_taken_back(running: Shelf) -> None:
    before = ids(listed(running))
    address = f"{USERS}/{quote(a_user(running), safe='')}/hidden"
    one = f"{address}/{quote(before[0], safe='')}"
    first, again = running.client.put(one), running.client.put(one)
    hidden = HiddenItemsBody.model_validate_json(running.client.get(address).content)
    after = ids(listed(running))

    assert (first.status_code, again.status_code) == (204, 204)
    assert [each.item_id for each in hidden.items] == before[:1]
    assert hidden.items[0].hidden_at.endswith("Z")
    assert after[:9] == before[1:]
    assert before[0] in ids(listed(running, "/api/v1/popular", limit=100))
    assert running.client.delete(one).status_code == 204
    assert ids(listed(running)) == before
    assert problem(running.client.delete(one)) == (404, "not_hidden")
    assert problem(running.client.put(f"{address}/nothing-of-this-name")) == (404, "item_unknown")
    assert running.client.get(f"{USERS}/nobody/hidden").json() == {"items": []}


def test_another_process_over_the_same_home_keeps_to_what_was_hidden(running: Shelf) -> None:
    user_id = a_user(running)
    one = f"{USERS}/{quote(user_id, safe='')}/hidden/"
    settings = load_settings(flags={"home": running.app.settings.home, "serving.role": "reader", **QUICK}, environ={})
    with build(settings) as app, serving(app) as parts:
        parts.pool.refresh()
        best = parts.service.for_user(user_id).items[0].item_id
        assert running.client.put(one + quote(best, safe="")).status_code == 204
        wait_until(lambda: best not in {item.item_id for item in parts.service.for_user(user_id).items})
    assert running.client.delete(one + quote(best, safe="")).status_code == 204


def test_an_explored_list_is_kept_with_its_propensities(running: Shelf) -> None:
    shown = listed(running, explore=0.5)
    wait_until(lambda: shown.recommendation_id in {each.recommendation_id for each in running.app.exposures.recent(9)})
    kept = next(each for each in running.app.exposures.recent(9) if each.recommendation_id == shown.recommendation_id)
    assert kept.propensities is not None
    assert list(kept.item_ids) == ids(shown)
    assert len(kept.propensities) == 10
    assert json.loads(json.dumps(kept.propensities)) == list(kept.propensities)


def test_a_file_of_everybodys_lists_leaves_out_what_a_user_hid_and_is_against(running: Shelf, tmp_path: Path) -> None:
    user_id, store = a_user(running), running.app.event_store
    hidden, disliked, kept = ids(listed(running))[:3]
    event = {"event_id": "against", "user_id": user_id, "item_id": disliked, "type": "skip"}
    assert running.send("POST", "/api/v1/events", event).status_code == 202
    one = f"{USERS}/{quote(user_id, safe='')}/hidden/{quote(hidden, safe='')}"
    assert running.client.put(one).status_code == 204
    wait_until(lambda: user_id in store.opposed_users())
    running.app.write_lists(tmp_path / "lists.parquet", count=50)
    rows = pq.read_table(tmp_path / "lists.parquet").to_pylist()
    of_user = next(row["items"] for row in rows if row["user_id"] == user_id)

    assert kept in of_user
    assert not {hidden, disliked} & {*of_user}
    assert any(hidden in row["items"] for row in rows)
    assert running.client.delete(one).status_code == 204
