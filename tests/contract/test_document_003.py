"""What the README of document 003 promises of the API: six addresses without a version, and what each answers.

Each is the operation of an address under /api/v1, which it names; `/docs` stands beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tacit.entrypoints.api.aliases import UNVERSIONED
from tacit.entrypoints.api.browsing_schemas import ChartBody, DiscoveryBody
from tacit.entrypoints.api.schemas import AnswerBody, HealthBody
from tests.browsing_desk import browsing_desk
from tests.catalogues import ITEMS, USERS, Shelf, problem
from tests.stages import wait_until

YOU = quote("你")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    with browsing_desk(tmp_path_factory.mktemp("home"), **{"tiers.rehearsal_share": 0}) as desk:
        yield desk


def somebody(desk: Shelf) -> str:
    return desk.parts.pool.current().model.user_ids[0]


def some_item(desk: Shelf) -> str:
    return desk.parts.pool.current().model.items[0].item_id


@pytest.mark.requirement("SERV-006")
def test_there_are_six_addresses_and_each_answers(desk: Shelf) -> None:
    asked = ["/health", *UNVERSIONED]
    filled = [path.format(user_id=somebody(desk), mood="party", item_id=some_item(desk)) for path in asked]

    assert [desk.client.get(path).status_code for path in filled] == [200] * 6


@pytest.mark.requirement("SERV-001")
def test_health_says_that_it_is_healthy_and_that_a_model_is_loaded(desk: Shelf) -> None:
    body = HealthBody.model_validate_json(desk.client.get("/health").content)

    assert (body.status, body.model_loaded) == ("healthy", True)


@pytest.mark.requirement("SERV-005")
def test_the_interface_describes_every_alias_as_deprecated_and_names_its_successor(desk: Shelf) -> None:
    paths = desk.client.get("/openapi.json").json()["paths"]

    assert desk.client.get("/docs").status_code == 200
    for path, target in UNVERSIONED.items():
        alias, canonical = paths[path]["get"], paths[target]["get"]
        assert alias["deprecated"] is True
        assert "deprecated" not in canonical
        assert f"GET {target}" in alias["description"]
        assert alias["parameters"] == canonical["parameters"]
        assert alias["responses"] == canonical["responses"]


def test_an_alias_answers_what_its_operation_answers_and_says_where_that_stands(desk: Shelf) -> None:
    user_id = somebody(desk)
    old = desk.client.get(f"/recommend/{user_id}", params={"limit": 3})
    new = desk.client.get(f"/api/v1/users/{user_id}/recommendations", params={"limit": 3})

    assert old.json()["items"] == new.json()["items"]
    assert old.headers["link"] == f'</api/v1/users/{user_id}/recommendations>; rel="successor-version"'
    assert old.headers["deprecation"].startswith("@")
    assert "deprecation" not in new.headers
    assert problem(desk.client.get(f"/recommend/{user_id}", params={"limit": 0})) == (422, "limit_range")


@pytest.mark.requirement("SERV-007")
def test_a_mood_is_answered_by_items_that_bear_it(desk: Shelf) -> None:
    body = AnswerBody.model_validate_json(desk.client.get("/mood/party", params={"limit": 5}).content)

    assert (body.source, body.degraded, len(body.items)) == ("mood", False, 5)
    assert all("Party" in item.categories for item in body.items)
    assert problem(desk.client.get("/mood/no-such-mood")) == (404, "mood_unknown")


@pytest.mark.requirement("SERV-009")
def test_what_is_similar_to_an_artist_is_answered_without_the_artist(desk: Shelf) -> None:
    body = AnswerBody.model_validate_json(desk.client.get(f"/similar/{some_item(desk)}").content)

    assert body.source == "similar"
    assert some_item(desk) not in {item.item_id for item in body.items}


@pytest.mark.requirement("SERV-010")
def test_the_top_chart_is_what_most_users_met(desk: Shelf) -> None:
    body = ChartBody.model_validate_json(desk.client.get("/top-charts", params={"limit": 20}).content)

    assert (body.chart, body.source) == ("overall", "popular")
    assert [item.score for item in body.items] == sorted((item.score for item in body.items), reverse=True)


@pytest.mark.requirement("SERV-011")
def test_a_random_draw_is_another_each_time_and_the_same_with_its_seed(desk: Shelf) -> None:
    first, other = (DiscoveryBody.model_validate_json(desk.client.get("/random").content) for _ in range(2))
    again = DiscoveryBody.model_validate_json(desk.client.get("/random", params={"seed": first.seed}).content)

    assert again.items == first.items != other.items
    assert again.recommendation_id != first.recommendation_id


def test_an_alias_reads_an_id_once_whatever_it_is_written_in(desk: Shelf) -> None:
    assert desk.put("你", categories=["Party"]).status_code == 201
    assert desk.send("POST", f"{USERS}/{YOU}/preferences", {"items": [some_item(desk)]}).status_code == 201
    wait_until(lambda: desk.client.get(f"{ITEMS}/{YOU}/similar").status_code == 200)  # newcomers are prepared meanwhile
    for path, target in UNVERSIONED.items():
        if "_id}" in path:
            old = desk.client.get(path.format(user_id=YOU, item_id=YOU))
            canonical = target.format(user_id=YOU, item_id=YOU)

            assert old.json()["items"] == desk.client.get(canonical).json()["items"] != []
            assert old.headers["link"] == f'<{canonical}>; rel="successor-version"'
            twice = YOU.replace("%", "%25")
            assert problem(desk.client.get(path.format(user_id=twice, item_id=twice)))[0] == 404
