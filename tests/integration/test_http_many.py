"""Re-ranking, sessions and many users over HTTP: what each address answers, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tacit.data.event_rules import EventRules
from tacit.entrypoints.api.app import create_app
from tacit.entrypoints.api.bulk import BulkBody, UserResultBody, many_routes
from tacit.entrypoints.api.reranking import RerankedBody
from tacit.entrypoints.api.schemas import AnswerBody
from tests.stages import NEWCOMER, Stage, listening, stage


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("home")) as made:
        made.release()
        yield made


@pytest.fixture(scope="module")
def client(made: Stage) -> Iterator[httpx2.Client]:
    routes = many_routes(made.service.bench, EventRules.shipped("music"))
    app = create_app(made.service, made.pool, made.metrics, version="0.0.1", memory=lambda: 0.5, extra_routers=routes)
    with listening(app) as client:
        yield client


def test_a_users_candidates_come_back_in_order_with_what_is_unknown_at_the_end(client: httpx2.Client) -> None:
    response = client.post(
        "/api/v1/users/u000/rerank", json={"candidates": ["x", "i029", "i003", "i029"], "explain": 1}
    )
    body = RerankedBody.model_validate_json(response.content)

    assert [(item.item_id, item.score is None) for item in body.items] == [
        ("i003", False),
        ("i029", False),
        ("x", True),
    ]
    assert [bool(item.because) for item in body.items] == [True, False, False]
    assert (body.user_id, body.source, body.unknown_candidates, body.left_out) == ("u000", "personal", ["x"], [])


def test_candidates_are_ordered_by_likes_or_by_a_session(client: httpx2.Client) -> None:
    wanted = ["i002", "i018"]
    by_likes = client.post("/api/v1/rerank", json={"candidates": wanted, "liked": ["i016", "i017"]})
    steps = ["i016", {"item_id": "i000", "type": "like"}, {"item_id": "i001", "weight": 2, "occurred_at": 10**12}]
    by_session = client.post("/api/v1/rerank", json={"candidates": wanted[::-1], "session": steps})

    assert [item["item_id"] for item in by_likes.json()["items"]] == ["i018", "i002"]
    assert [item["item_id"] for item in by_session.json()["items"]] == ["i002", "i018"]


def test_a_session_is_answered_for_nobody_in_particular(client: httpx2.Client) -> None:
    response = client.post(
        "/api/v1/sessions/recommendations",
        json={"session": ["nothing", "i016", "i017"], "limit": 3, "exclude": ["i018"], "category": "high"},
    )
    body = AnswerBody.model_validate_json(response.content)

    assert (body.user_id, body.source, body.unknown_items, len(body.items)) == (None, "personal", ["nothing"], 3)
    assert not {"i016", "i017", "i018"} & {item.item_id for item in body.items}


def test_many_users_are_answered_as_one_document_or_line_by_line(client: httpx2.Client) -> None:
    asked = {"user_ids": ["u001", "nobody", NEWCOMER, "u001"], "limit": 2, "exclude": ["i003"]}
    whole = BulkBody.model_validate_json(client.post("/api/v1/recommendations/bulk", json=asked).content)
    by_line = client.post("/api/v1/recommendations/bulk", json=asked, headers={"Accept": "application/x-ndjson"})
    lines = [UserResultBody.model_validate_json(line) for line in by_line.content.splitlines()]

    assert [each.user_id for each in whole.results] == [each.user_id for each in lines] == ["u001", "nobody", NEWCOMER]
    assert [each.error.code if each.error else None for each in whole.results] == [None, "user_unknown", None]
    assert [each.answer and len(each.answer.items) for each in whole.results] == [2, None, 2]
    assert by_line.headers["content-type"].startswith("application/x-ndjson")
    assert whole.model_version == "recommender/1"


RERANK, FOR_USER = "/api/v1/rerank", "/api/v1/users/u000/rerank"
SESSIONS, BULK = "/api/v1/sessions/recommendations", "/api/v1/recommendations/bulk"


@pytest.mark.parametrize(
    ("path", "body", "code", "field"),
    [
        (FOR_USER, {}, "field_missing", "candidates"),
        (FOR_USER, {"candidates": []}, "candidates_empty", "candidates"),
        (FOR_USER, {"candidates": [1]}, "type", "candidates[0]"),
        (FOR_USER, {"candidates": ["a"] * 1_001}, "too_many_items", "candidates"),
        (FOR_USER, {"candidates": ["a"], "explain": 101}, "value_range", "explain"),
        (FOR_USER, {"candidates": ["a"], "shown": True}, "type", "shown"),
        (FOR_USER, {"candidates": ["a"], "filter_seen": 1}, "type", "filter_seen"),
        (FOR_USER, {"candidates": ["a"], "liked": ["b"]}, "field_unknown", "liked"),
        (RERANK, {"candidates": ["a"]}, "field_missing", "liked"),
        (RERANK, {"candidates": ["a"], "liked": ["i001"], "session": ["i001"]}, "parameters_conflict", "liked"),
        (RERANK, {"candidates": ["a"], "liked": ["nothing"]}, "items_unknown", "liked"),
        (SESSIONS, {"session": []}, "session_empty", "session"),
        (SESSIONS, {"session": [7]}, "type", "session[0]"),
        (SESSIONS, {"session": [{"type": "play"}]}, "field_missing", "session[0].item_id"),
        (SESSIONS, {"session": [{"item_id": "i001", "type": "plya"}]}, "event_type_unknown", "session[0].type"),
        (
            SESSIONS,
            {"session": [{"item_id": "i001", "type": "play", "weight": 1}]},
            "parameters_conflict",
            "session[0].weight",
        ),
        (SESSIONS, {"session": [{"item_id": "i001", "weight": 1_001}]}, "value_range", "session[0].weight"),
        (SESSIONS, {"session": [{"item_id": "i001", "occurred_at": 1.5}]}, "timestamp_unit", "session[0].occurred_at"),
        (SESSIONS, {"session": ["nothing"]}, "items_unknown", "session"),
        (SESSIONS, {"session": ["i001"], "limit": 0}, "limit_range", "limit"),
        (BULK, {"user_ids": []}, "users_empty", "user_ids"),
        (BULK, {"user_ids": ["u001"], "category": "none"}, "category_unknown", "category"),
        (BULK, {"user_ids": [f"u{at}" for at in range(501)], "limit": 100}, "too_many_items", "limit"),
    ],
)
def test_what_is_wrong_is_named_with_its_field_and_a_way_out(
    client: httpx2.Client, path: str, body: dict[str, Any], code: str, field: str
) -> None:
    response = client.post(path, json=body)
    problem = response.json()

    assert response.status_code == (404 if code == "category_unknown" else 422)
    assert (problem["code"], problem["field"]) == (code, field)
    assert problem["fix"]


def test_each_of_the_routes_is_described_with_its_body(client: httpx2.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]

    for path in (RERANK, FOR_USER.replace("u000", "{user_id}"), SESSIONS, BULK):
        described = paths[path]["post"]
        schema = described["requestBody"]["content"]["application/json"]["schema"]
        assert schema["required"]
        assert json.dumps(described["responses"]["200"])
