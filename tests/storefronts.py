"""A storefront with everything behind it: a home with its databases, a trained model, events taken and applied."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from starlette.testclient import TestClient

from tacit.bootstrap import App, Serving, build, load_settings, serving
from tacit.data.catalog import Item
from tacit.data.datasets import SnapshotRules, freeze
from tacit.entrypoints.api.callers import Mode, identified
from tacit.entrypoints.api.checkpoints import Checkpoint
from tacit.entrypoints.api.operations import further_routes
from tacit.entrypoints.api.same_origin import SameOrigin
from tacit.entrypoints.api.visiting import visiting_of
from tacit.entrypoints.storefront.behind import behind
from tacit.entrypoints.storefront.pages import storefront
from tacit.entrypoints.storefront.signing_in import sign_in_pages
from tacit.models.recommender.als import AlsSettings
from tacit.models.recommender.workload import RecommenderWorkload
from tests.apis import api_of
from tests.communities import interactions
from tests.registries import sql_bench
from tests.shops import listening_catalogue, listening_rows

PAGE = {"Origin": "http://testserver"}
"""What a browser sends with a form of a page of ours."""


@dataclass(frozen=True)
class Store:
    """A storefront that can be asked, and what stands behind it.

    Attributes:
        mode: What becomes of who sends no credentials; the first one holds.
    """

    app: App
    parts: Serving
    api: FastAPI
    mode: list[Mode]

    def browser(self) -> TestClient:
        """Somebody who has never been here, with a browser of their own."""
        return TestClient(self.api, follow_redirects=False)


@contextmanager
def open_store(
    folder: Path,
    *,
    dataset: str = "synthetic-listening",
    items: tuple[Item, ...] | None = None,
    example_users: tuple[str, ...] = ("l1", "l2"),
    flags: Mapping[str, object] | None = None,
) -> Iterator[Store]:
    """Train, sign, promote, and serve from one home.

    Args:
        folder: Where the home is made.
        dataset: What the data is called.
        items: The catalogue; the made-up artists, unless given.
        example_users: Offered to whoever knows none.
        flags: Further settings.
    """
    home = folder / "home"
    _learn(home, tuple(listening_catalogue()) if items is None else items)
    settings = load_settings(flags={"home": home, "als.engine": "numpy", **(flags or {})}, environ={})
    with ExitStack() as stack:
        app = stack.enter_context(build(settings))
        parts = stack.enter_context(serving(app))
        callers = stack.enter_context(identified(app, cookies=[app.people.session_checker]))
        mode: list[Mode] = ["open"]
        callers.mode = lambda: mode[0]
        shop = storefront(
            parts.service,
            dataset=lambda: dataset,
            example_users=example_users,
            has_sign_in=True,
            behind=behind(app, parts),
        )
        visiting = visiting_of(app)
        known: list[Checkpoint] = [] if visiting is None else [visiting]
        routers = [*further_routes(app, parts), shop.router(), sign_in_pages(app, parts, lambda: dataset)]
        checkpoints = [SameOrigin(), callers, *known]
        api = api_of(parts, extra_routers=routers, checkpoints=checkpoints, refusal_page=shop.failure)
        yield Store(app, parts, api, mode)


@contextmanager
def database_away(store: Store) -> Iterator[None]:
    """Some of its tables cannot be found, and the server has noticed."""
    file = store.app.settings.home / "tacit.db"

    def rename(before: str, after: str) -> None:
        with closing(sqlite3.connect(file, timeout=10)) as connection:
            for name in ("catalog_users", "promotions", "jobs"):
                connection.execute(f"ALTER TABLE {before}{name} RENAME TO {after}{name}")
            connection.commit()
        store.parts.pool._poll()

    rename("", "away_")
    try:
        yield
    finally:
        rename("away_", "")


def _learn(home: Path, items: tuple[Item, ...]) -> None:
    snapshot = freeze(interactions(listening_rows()), list(items), SnapshotRules())
    workload = RecommenderWorkload(AlsSettings(factors=4, iterations=6))
    model = workload.fit(snapshot).model
    with sql_bench(home) as bench:
        bench.register(write=lambda version: workload.save(model, version))
        bench.release.promote("recommender", 1, actor="ann")
