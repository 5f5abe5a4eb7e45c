"""The HTTP interface on a real server: what each address answers, under which names, with which headers."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from tacit.entrypoints.api.schemas import AnswerBody, HealthBody, ItemBody, ItemsBody
from tacit.monitoring import metrics as catalogue
from tests.stages import NEWCOMER, ODD_ITEM, ODD_USER, RARE, Stage, served, spoil, stage, wait_until


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("home")) as made:
        made.release()
        yield made


@pytest.fixture(scope="module")
def client(made: Stage) -> Iterator[httpx2.Client]:
    with served(made) as client:
        yield client


def test_a_users_recommendations_are_personal_explained_and_unseen(made: Stage, client: httpx2.Client) -> None:
    response = client.get("/api/v1/users/u000/recommendations?limit=5&category=low")
    body = AnswerBody.model_validate_json(response.content)
    seen = {item.item_id for item in made.service.history("u000", 1_000)}

    assert response.status_code == 200
    assert (body.source, body.degraded, body.user_id, body.model_version) == (
        "personal",
        False,
        "u000",
        "recommender/1",
    )
    assert body.recommendation_id
    assert all(item.because and item.categories == ["low"] for item in body.items)
    assert not seen & {item.item_id for item in body.items}


def test_excluded_items_are_left_out(client: httpx2.Client) -> None:
    first, second, third = client.get("/api/v1/popular?limit=3").json()["items"]
    left = client.get("/api/v1/popular", params={"exclude": [first["item_id"], second["item_id"]], "limit": 1}).json()

    assert [item["item_id"] for item in left["items"]] == [third["item_id"]]


def test_a_list_of_likes_is_answered_and_what_is_unknown_in_it_is_named(client: httpx2.Client) -> None:
    response = client.post(
        "/api/v1/recommendations", json={"liked": ["i016", "nothing", "i016"], "limit": 4, "exclude": ["i017"]}
    )
    body = AnswerBody.model_validate_json(response.content)

    assert (body.source, body.user_id, body.unknown_items) == ("personal", None, ["nothing"])
    assert len(body.items) == 4
    assert not {"i016", "i017"} & {item.item_id for item in body.items}


def test_similar_and_popular_items_have_the_same_shape(client: httpx2.Client) -> None:
    for path, source in (("/api/v1/items/i020/similar", "similar"), ("/api/v1/popular", "popular")):
        body = AnswerBody.model_validate_json(client.get(path).content)

        assert (body.source, len(body.items)) == (source, 10)


def test_items_are_found_by_title_and_looked_at_by_id(client: httpx2.Client) -> None:
    found = ItemsBody.model_validate_json(client.get("/api/v1/items", params={"query": "sigur RO"}).content)
    one = ItemBody.model_validate_json(client.get(f"/api/v1/items/{RARE}").content)

    assert found.items == [one]
    assert (one.title, one.categories, one.listeners) == ("Sigur Rós", ["odd"], 1)


def test_without_a_query_the_most_popular_items_are_listed(client: httpx2.Client) -> None:
    listeners = [item["listeners"] for item in client.get("/api/v1/items?limit=30").json()["items"]]

    assert len(listeners) == 30
    assert listeners == sorted(listeners, reverse=True)


def test_an_id_that_looks_like_an_address_is_data(client: httpx2.Client) -> None:
    """Case 15 of the catalogue of bad input, where the ids exist."""

    def encode(text: str) -> str:
        return quote(text, safe="")

    user = raw_get(client, f"/api/v1/users/{encode(ODD_USER)}/recommendations")
    item = raw_get(client, f"/api/v1/items/{encode(ODD_ITEM)}")
    similar = raw_get(client, f"/api/v1/items/{encode(ODD_ITEM)}/similar")

    assert (user["source"], user["user_id"]) == ("blended", ODD_USER)
    assert item["title"] == "The 50% Band"
    assert similar["source"] == "similar"


def raw_get(client: httpx2.Client, path: str) -> dict[str, Any]:
    """Ask for exactly this path, which clients like to tidy up."""
    with socket.create_connection((client.base_url.host, client.base_url.port)) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        raw = b"".join(iter(lambda: connection.recv(65_536), b""))
    body: dict[str, Any] = json.loads(raw.partition(b"\r\n\r\n")[2])
    return body


@pytest.mark.parametrize(
    "path", ["/api/v1/popular", "/health", "/livez", "/readyz", "/docs", "/openapi.json", "/nothing", "/api/v1/items/x"]
)
def test_every_answer_has_safe_headers_and_the_id_of_its_request(client: httpx2.Client, path: str) -> None:
    given = client.get(path, headers={"X-Request-Id": "trace-7"}).headers
    made_up = client.get(path, headers={"X-Request-Id": "line\tbreak " + "x" * 100}).headers

    assert given["x-content-type-options"] == "nosniff"
    assert given["referrer-policy"] == "same-origin"
    assert given["content-security-policy"].startswith("default-src 'none'")
    assert given["x-request-id"] == "trace-7"
    assert len(made_up["x-request-id"]) == 32
    assert "server" not in given


def test_head_is_answered_like_get_without_a_body(client: httpx2.Client) -> None:
    for path in ("/api/v1/popular", "/health", "/api/v1/items/nothing"):
        got, headed = client.get(path), client.head(path)

        assert (headed.status_code, headed.content) == (got.status_code, b"")
        assert headed.headers["content-type"] == got.headers["content-type"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/v1/popular", "GET, HEAD"),
        ("HEAD", "/api/v1/recommendations", "POST"),
        ("DELETE", "/api/v1/users/u000/recommendations", "GET, HEAD, POST"),
    ],
)
def test_a_method_that_is_not_allowed_is_told_which_are(
    client: httpx2.Client, method: str, path: str, allowed: str
) -> None:
    """Case 44."""
    response = client.request(method, path)

    assert (response.status_code, response.headers["allow"]) == (405, allowed)
    if method != "HEAD":
        assert response.json()["code"] == "method_not_allowed"


@pytest.mark.requirement("SERV-001")
def test_health_says_healthy_and_that_a_model_is_loaded(client: httpx2.Client) -> None:
    body = HealthBody.model_validate_json(client.get("/health").content)

    assert (body.status, body.model_loaded, body.model_version, body.reasons) == ("healthy", True, "recommender/1", [])
    assert [client.get(path).status_code for path in ("/livez", "/readyz", "/health")] == [200, 200, 200]


def test_health_is_degraded_while_the_champion_is_refused_and_requests_are_still_welcome(
    made: Stage, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with stage(tmp_path_factory.mktemp("other")) as other:
        other.release()
        spoil(other.release(seed=2).folder, "item_factors.npy")
        with served(other) as client:
            health, ready = client.get("/health"), client.get("/readyz")

    assert (health.status_code, health.json()["status"], ready.status_code) == (200, "degraded", 200)
    assert health.json()["reasons"] == ["the champion, version 2, was refused (manifest_mismatch)"]
    assert "item_factors" not in health.text


def test_without_a_model_we_live_but_are_not_ready_and_every_question_may_be_asked_again(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with stage(tmp_path_factory.mktemp("empty")) as empty, served(empty) as client:
        statuses = [client.get(path).status_code for path in ("/livez", "/readyz", "/health")]
        health = client.get("/health").json()
        answer = client.get("/api/v1/popular")

    assert statuses == [200, 503, 503]
    assert (health["status"], health["model_loaded"]) == ("unhealthy", False)
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "model_not_loaded", "1")


@pytest.mark.requirement("SERV-005")
def test_the_interface_describes_itself_without_loading_anything_from_elsewhere(client: httpx2.Client) -> None:
    document = client.get("/openapi.json").json()
    page = client.get("/docs")

    assert document["openapi"].startswith("3.1")
    for path, methods in document["paths"].items():
        assert f"<code>{path}</code>" in page.text
        for described in methods.values():
            assert described["description"]
    assert 'src="http' not in page.text
    assert [client.get(f"/docs/docs.{kind}").status_code for kind in ("js", "css")] == [200, 200]


def test_the_description_names_every_parameter_that_is_read_and_every_error_is_a_problem(
    client: httpx2.Client,
) -> None:
    document = client.get("/openapi.json").json()
    described = document["paths"]["/api/v1/users/{user_id}/recommendations"]["get"]

    rules = ["exclude", "include", "category", "boost", "range", "cap", "diversity"]
    assert [each["name"] for each in described["parameters"]] == ["user_id", "limit", *rules, "explore"]
    assert {"200", "404", "422", "503"} <= described["responses"].keys()
    assert "application/problem+json" in described["responses"]["404"]["content"]
    assert "ProblemBody" in document["components"]["schemas"]
    body = document["paths"]["/api/v1/recommendations"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["properties"]) == {"liked", "limit", *rules}


@pytest.mark.requirement("MON-001")
@pytest.mark.requirement("MON-002")
@pytest.mark.requirement("MON-003")
def test_requests_are_counted_by_route_template_and_never_by_id(made: Stage, client: httpx2.Client) -> None:
    route = "/api/v1/users/{user_id}/recommendations"
    value = made.metrics.value
    before = value(catalogue.HTTP_REQUESTS, method="GET", route=route, status="404")
    errors = value(catalogue.API_ERRORS, kind="not_found")
    timed = value(catalogue.HTTP_DURATION, method="GET", route=route)
    client.get("/api/v1/users/nobody/recommendations")

    wait_until(lambda: value(catalogue.HTTP_REQUESTS, method="GET", route=route, status="404") == before + 1)
    assert value(catalogue.API_ERRORS, kind="not_found") == errors + 1
    assert value(catalogue.HTTP_DURATION, method="GET", route=route) == timed + 1
    assert not [key for key in made.metrics._values if "nobody" in str(key)]


def test_every_route_stands_at_0_before_its_first_request(tmp_path_factory: pytest.TempPathFactory) -> None:
    with stage(tmp_path_factory.mktemp("fresh")) as fresh, served(fresh):
        counted = {labels for name, labels in fresh.metrics._values if name == "http_requests_total"}

    assert ("GET", "/api/v1/items/{item_id}/similar", "200") in counted
    assert ("POST", "/api/v1/recommendations", "200") in counted


def test_somebody_with_little_history_gets_popular_items_over_http_too(client: httpx2.Client) -> None:
    assert client.get(f"/api/v1/users/{NEWCOMER}/recommendations").json()["source"] == "popular"
