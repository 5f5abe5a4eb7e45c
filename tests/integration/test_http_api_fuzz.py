"""Whatever is asked, in any combination: an answer or a named problem, never a failure of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_from_bytes, urlencode

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from tacit.entrypoints.api.door import NO_ROUTE
from tacit.entrypoints.api.schemas import ProblemBody
from tacit.monitoring import metrics as catalogue
from tests.stages import Stage, served, stage

QUICKLY = settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ODD = ("", "0", "-1", "1e9", "1.5", "NaN", "\0", "\r\nX: 1", "../..", "%2F", "' OR 1=1 --", "(a+)+$", "ü" * 200, "i001")
JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=20) | some.sampled_from(ODD),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("home")) as made:
        made.release()
        yield made


@pytest.fixture(scope="module")
def client(made: Stage) -> Iterator[httpx2.Client]:
    with served(made) as client:
        yield client


@pytest.fixture(scope="module")
def operations(client: httpx2.Client) -> list[tuple[str, list[str]]]:
    """Every address that is described and read with GET, and its parameters."""
    paths: dict[str, Any] = client.get("/openapi.json").json()["paths"]
    return [
        (path, [parameter["name"] for parameter in methods["get"].get("parameters", ()) if parameter["in"] == "query"])
        for path, methods in paths.items()
        if "get" in methods
    ]


texts = some.sampled_from(ODD) | some.text(some.characters(exclude_categories=["Cs"]), max_size=40)
segments = texts.map(lambda text: quote(text, safe="")) | some.binary(max_size=20).map(quote_from_bytes)


@QUICKLY
@given(drawn=some.data())
def test_any_question_is_answered_or_refused_by_name(
    client: httpx2.Client, operations: list[tuple[str, list[str]]], drawn: some.DataObject
) -> None:
    path, names = drawn.draw(some.sampled_from(operations))
    for name in ("user_id", "item_id"):
        path = path.replace(f"{{{name}}}", drawn.draw(segments))
    keys = some.sampled_from([*names, "limti", ""]) if names else texts
    query = urlencode(drawn.draw(some.lists(some.tuples(keys, texts | some.integers().map(str)), max_size=4)))

    check(client.get(f"{path}?{query}" if query else path))


@QUICKLY
@given(body=some.fixed_dictionaries({}, optional=dict.fromkeys(("liked", "limit", "exclude", "category"), JSON)))
def test_any_body_is_answered_or_refused_by_name(client: httpx2.Client, body: dict[str, Any]) -> None:
    # `json.dumps` writes NaN and Infinity, which no JSON has.
    sent = client.post(
        "/api/v1/recommendations", content=json.dumps(body), headers={"Content-Type": "application/json"}
    )

    check(sent)


def test_addresses_nobody_knows_are_counted_as_one(client: httpx2.Client, made: Stage) -> None:
    before = made.metrics.value(catalogue.HTTP_REQUESTS, method="GET", route=NO_ROUTE, status="404")
    for place in range(20):
        client.get(f"/nothing/here/{place}")

    assert made.metrics.value(catalogue.HTTP_REQUESTS, method="GET", route=NO_ROUTE, status="404") == before + 20


def check(response: httpx2.Response) -> None:
    """An answer, or a problem that says what it is."""
    if response.status_code == 200:
        return
    assert 400 <= response.status_code < 500, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = ProblemBody.model_validate_json(response.content)
    assert problem.code
    assert problem.status == response.status_code
