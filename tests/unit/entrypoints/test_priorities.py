"""How soon each route is given up, and who works on it: every route there is, by hand."""

from __future__ import annotations

import re

import pytest

from tacit.entrypoints.api.priorities import HEALTH, LAST, LISTS, OTHERS, PAGES, VITAL, class_of
from tests.acceptance.test_route_matrix import CASES

TABLE = """
health GET    /live
health GET    /livez
health GET    /ready
health GET    /readyz
health GET    /startupz
health GET    /health
health GET    /healthz
vital  POST   /api/v1/events
vital  POST   /signin
vital  POST   /signout
vital  POST   /api/v1/auth/token
vital  POST   /api/v1/auth/refresh
vital  POST   /api/v1/auth/revoke
vital  GET    /api/v1/auth/required
vital  PUT    /api/v1/auth/required
lists  GET    /api/v1/users/{user_id}/recommendations
lists  POST   /api/v1/users/{user_id}/recommendations
lists  GET    /api/v1/recommendations/user/{user_id}
lists  GET    /recommend/{user_id}
lists  POST   /api/v1/recommendations
lists  POST   /api/v1/sessions/recommendations
others POST   /api/v1/recommendations/bulk
others POST   /api/v1/rerank
others POST   /api/v1/users/{user_id}/rerank
others GET    /api/v1/popular
others GET    /api/v1/items
others GET    /api/v1/items/{item_id}
others GET    /api/v1/items/{item_id}/similar
others GET    /similar/{item_id}
others GET    /api/v1/moods
others GET    /api/v1/moods/{mood}
others GET    /api/v1/moods/{mood}/recommendations
others GET    /mood/{mood}
others GET    /api/v1/charts
others GET    /api/v1/charts/trending
others GET    /top-charts
others GET    /api/v1/discover
others GET    /random
others GET    /api/v1/users/{user_id}/preferences
others POST   /api/v1/users/{user_id}/preferences
others GET    /api/v1/users/{user_id}/hidden
others PUT    /api/v1/users/{user_id}/hidden/{item_id}
others DELETE /api/v1/users/{user_id}/hidden/{item_id}
pages  GET    /signin
pages  GET    /account
pages  GET    /
pages  GET    /docs
pages  GET    /docs/docs.js
pages  GET    /docs/docs.css
pages  GET    /openapi.json
pages  GET    /static/storefront/{digest}/{name}
pages  GET    /static/console/{digest}/{name}
pages  GET    /search
pages  GET    /listener
pages  GET    /listener/{user_id:path}
pages  GET    /alike/{item_id:path}
pages  GET    /start
pages  GET    /moods
pages  GET    /moods/{mood}
pages  GET    /charts
pages  GET    /discover
pages  GET    /alike
pages  GET    /item/{item_id:path}
pages  GET    /you
pages  POST   /start
pages  POST   /acts
pages  POST   /opinion
pages  POST   /you/forget
"""
"""Every route that is not an operator's; those are given up first."""

CLASSES = {"health": HEALTH, "vital": VITAL, "lists": LISTS, "others": OTHERS, "pages": PAGES}
BY_HAND = {
    (method, path): CLASSES[said] for said, method, path in (line.split() for line in TABLE.strip().splitlines())
}
ROUTES = [(method, path) for _, method, path, *_ in CASES]
NAMES = ("u1", "bulk", "batch", "germany", "many", "recommendations", "a%2Fb", "sessions", "rerank")
_PART = re.compile(r"\{[^}]*\}")


def test_every_route_is_of_the_class_that_the_table_says_and_all_others_are_operators() -> None:
    wrong = {route: class_of(*route) for route in ROUTES if class_of(*route) != BY_HAND.get(route, LAST)}

    assert wrong == {}
    assert set(BY_HAND) <= set(ROUTES)


@pytest.mark.parametrize("name", NAMES)
def test_no_id_makes_a_request_wait_longer_nor_shorter_than_another(name: str) -> None:
    told = {(method, path): class_of(method, _PART.sub(name, path)) for method, path in ROUTES}

    assert told == {route: BY_HAND.get(route, LAST) for route in ROUTES}
