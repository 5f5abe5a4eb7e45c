"""As how many requests one counts: told from its whole path, whatever an id in it is called."""

from __future__ import annotations

import pytest

from tacit.security.limiting import Tiers

BULK, SIMILAR = 50, 5


@pytest.mark.parametrize(
    ("method", "asked", "cost"),
    [
        ("POST", "/api/v1/recommendations/bulk", BULK),
        ("POST", "/api/v1/rerank", BULK),
        ("POST", "/api/v1/users/ann/rerank", BULK),
        ("GET", "/api/v1/items/i1/similar", SIMILAR),
        ("GET", "/api/v1/discover", SIMILAR),
        ("GET", "/api/v1/items?query=ab", SIMILAR),
        ("GET", "/api/v1/items?limit=3&query=ab", SIMILAR),
        ("GET", "/api/v1/items?%71uery=ab", SIMILAR),
        ("GET", "/similar/i1", SIMILAR),
        ("GET", "/alike/i1", SIMILAR),
        ("GET", "/alike/a/b\nc", SIMILAR),
        ("GET", "/random", SIMILAR),
        ("GET", "/search", SIMILAR),
        ("GET", "/api/v1/items", 1),
        ("GET", "/api/v1/items?cursor=query", 1),
        ("GET", "/api/v1/items/search", 1),
        ("PUT", "/api/v1/items?query=ab", 1),
        ("GET", "/api/v1/users/ann/recommendations", 1),
        ("POST", "/api/v1/recommendations", 1),
        *[
            ("GET", f"/api/v1/users/{name}{rest}", 1)
            for name in ("bulk", "batch", "export", "rerank", "similar", "search", "discover")
            for rest in ("", "/recommendations")
        ],
        ("GET", "/recommend/bulk", 1),
        ("GET", "/listener/search", 1),
        ("POST", "/api/v1/users/bulk/rerank", BULK),
        ("GET", "/api/v1/items/bulk/similar", SIMILAR),
    ],
)
def test_a_request_costs_what_its_route_does_and_not_what_an_id_is_called(method: str, asked: str, cost: int) -> None:
    path, _, query = asked.partition("?")

    assert Tiers(bulk_cost=BULK, similar_cost=SIMILAR).cost_of(method, path, query.encode()) == cost
