"""A small platform with a champion, as it is wired to serve, for the suites that keep its catalogue over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2

from tacit.bootstrap import App, Serving, build, load_settings, serving
from tacit.data import synthetic
from tacit.entrypoints.api.hiding import hiding_routes
from tacit.entrypoints.api.schemas import ProblemBody
from tacit.entrypoints.storefront.pages import storefront_router
from tests.apis import api_of
from tests.stages import listening

QUICK = {"als.engine": "numpy", "als.factors": 4, "als.iterations": 2}
ITEMS = "/api/v1/items"
USERS = "/api/v1/users"


@dataclass(frozen=True)
class Shelf:
    """A running platform, and a client of it."""

    app: App
    parts: Serving
    client: httpx2.Client

    def put(self, item_id: str, **said: Any) -> httpx2.Response:
        return self.client.put(item_path(item_id), json=said)

    def patch(self, item_id: str, **said: Any) -> httpx2.Response:
        return self.client.patch(item_path(item_id), json=said)

    def delete(self, item_id: str) -> httpx2.Response:
        return self.client.delete(item_path(item_id))

    def item(self, item_id: str) -> dict[str, Any]:
        response = self.client.get(item_path(item_id))
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    def send(self, method: str, path: str, body: Any) -> httpx2.Response:
        return self.client.request(method, path, json=body)


def item_path(item_id: str) -> str:
    return f"{ITEMS}/{quote(item_id, safe='')}"


def problem(response: httpx2.Response) -> tuple[int, str]:
    body = ProblemBody.model_validate_json(response.content)
    assert response.headers["content-type"] == "application/problem+json"
    assert body.status == response.status_code
    return body.status, body.code


def stock(home: Path) -> None:
    """Import a small community into a home, train on it and promote what came of it."""
    synthetic.generate(home / "community", users=120, items=100, artists_per_user=15)
    with build(load_settings(flags={"home": home, **QUICK}, environ={})) as app:
        app.import_data("auto", home / "community", actor="test")
        app.train(actor="test")
        app.promote(1, actor="test", force=True, reason="a test")


@contextmanager
def shelf(home: Path, **flags: object) -> Iterator[Shelf]:
    """The platform over a home as `tacit serve` wires it, pages and all."""
    with build(load_settings(flags={"home": home, **QUICK, **flags}, environ={})) as app, serving(app) as parts:
        pages = storefront_router(parts.service, dataset=lambda: "synthetic-listening")
        api = api_of(parts, extra_routers=[pages, hiding_routes(parts.hiding)])
        with listening(api) as client:
            yield Shelf(app, parts, client)
