"""The routes of the catalogue: find an item, go through all of them, look at one."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from tacit.entrypoints.api.cursors import cursor_of
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.parameters import CURSOR, LIMIT, QUERY, Query, documented, path_id
from tacit.entrypoints.api.rendering import item_body, json_response
from tacit.entrypoints.api.schemas import ItemBody, ItemsBody, problems
from tacit.serving.catalogue_desk import CatalogueDesk
from tacit.serving.recommend import RecommendationService


def item_routes(service: RecommendationService, desk: CatalogueDesk | None = None) -> APIRouter:
    """The routes over a service, and over a desk where the catalogue can be gone through."""
    routes = APIRouter(prefix="/api/v1/items", tags=["items"], dependencies=[requires("lists:read")])
    known = (QUERY, LIMIT) if desk is None else (QUERY, CURSOR, LIMIT)

    @routes.get("", response_model=ItemsBody, responses=problems(400, 422, 503), openapi_extra=documented(*known))
    def find_items(request: Request) -> Response:
        """Items by the beginning of their title, the most popular first; with a cursor, all items by id.

        A search leaves out what may not be shown now, and finds titles as they were when the loaded version was
        trained.  With `cursor`, empty to begin with, the whole catalogue comes page by page, hidden items and new ones
        among them, removed ones not.
        """
        query = Query.of(request, *known)
        if desk is None or not query.is_paged():
            found = service.search(query.text(), limit=query.limit())
            return json_response({"items": [item_body(item) for item in found]})
        items, is_last = desk.page(query.place(), limit=query.limit())
        cursor = None if is_last else cursor_of(items[-1].item_id)
        return json_response({"items": [item_body(item) for item in items], "next_cursor": cursor})

    @routes.get("/{item_id}", response_model=ItemBody, responses=problems(404, 422, 503))
    def one_item(request: Request, item_id: str) -> Response:
        """What we know of an item, and whether it may be shown now."""
        Query.of(request)
        return json_response(item_body(service.item(path_id(item_id, "item_id"))))

    return routes
