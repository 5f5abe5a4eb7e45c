"""What is answered where there is nothing: a page to who looks for one, a problem document to everybody else."""

from __future__ import annotations

import pytest
from fastapi import FastAPI, Request, Response
from starlette.testclient import TestClient

from tacit.entrypoints.api.errors import ERROR, RefusalPage, install_error_handlers
from tacit.entrypoints.console.pages import Console
from tacit.entrypoints.console.wording import coded
from tacit.monitoring.recent import RecentFigures

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def saying(whose: str) -> RefusalPage:
    def page(request: Request, error: Exception) -> Response:
        return Response(f"{whose}: {request.scope[ERROR].code}", 404, media_type="text/html")

    return page


@pytest.fixture
def client() -> TestClient:
    console = Console([], [], RecentFigures(lambda: (), lambda: 0), saying("console"))
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    install_error_handlers(app, [], console.failure_or(saying("shop")))
    return TestClient(app)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/nothing-here", "shop: route_unknown"),
        ("/consoles", "shop: route_unknown"),
        ("/console/nothing-here", "console: route_unknown"),
    ],
)
def test_a_browser_that_looks_for_a_page_where_there_is_none_gets_one_that_says_so(
    client: TestClient, path: str, said: str
) -> None:
    answer = client.get(path, headers=BROWSER)

    assert (answer.status_code, answer.text) == (404, said)


def test_programs_and_whoever_asks_the_interface_get_a_problem_document(client: TestClient) -> None:
    answers = [
        client.get("/nothing-here"),
        client.get("/api/v1/nothing-here", headers=BROWSER),
        client.post("/nothing-here", headers=BROWSER),
    ]

    assert [(each.status_code, each.json()["code"]) for each in answers] == [(404, "route_unknown")] * 3


def test_what_stands_between_backticks_is_set_as_code_and_nothing_in_it_is_markup() -> None:
    assert coded("`tacit models` lists <b>them</b>; it's `a` & b.") == (
        "<code>tacit models</code> lists &lt;b&gt;them&lt;/b&gt;; it&#39;s <code>a</code> &amp; b."
    )
