"""The routes of the catalogue: find an item, look at one."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from tacit.entrypoints.api.parameters import LIMIT, QUERY, Query, documented, path_id
from tacit.entrypoints.api.rendering import item_body, json_response
from tacit.entrypoints.api.schemas import ItemBody, ItemsBody, problems
from tacit.serving.recommend import RecommendationService


def item_routes(service: RecommendationService) -> APIRouter:
    """The routes over a service."""
    routes = APIRouter(prefix="/api/v1/items", tags=["items"])

    @routes.get("", response_model=ItemsBody, responses=problems(422, 503), openapi_extra=documented(QUERY, LIMIT))
    def find_items(request: Request) -> Response:
        """Items by the beginning of their title, the most popular first."""
        query = Query.of(request, QUERY, LIMIT)
        found = service.search(query.text(), limit=query.limit())
        return json_response({"items": [item_body(item) for item in found]})

    @routes.get("/{item_id}", response_model=ItemBody, responses=problems(404, 422, 503))
    def one_item(request: Request, item_id: str) -> Response:
        """What we know of an item."""
        Query.of(request)
        return json_response(item_body(service.item(path_id(item_id, "item_id"))))

    return routes
