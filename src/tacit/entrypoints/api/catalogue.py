"""The routes by which the catalogue is kept: say what an item is, take it off the shelf, remove it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from tacit.data.catalog_edits import Edit, item_edit, removal
from tacit.entrypoints.api.catalogue_schemas import ITEM_BODY, ITEM_ENTRY, removal_entry
from tacit.entrypoints.api.edits import BulkEdit, add_bulk_edits, done
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.parameters import Query, path_id
from tacit.entrypoints.api.rendering import item_body, json_response
from tacit.entrypoints.api.schemas import ItemBody, problems
from tacit.entrypoints.api.strict_json import parse_value, read_json_body
from tacit.serving.catalogue_desk import CatalogueDesk

_REMOVED = {"item_id": "…"}
_EXAMPLE = {"item_id": "…", "title": "…", "available": True}
_PROBLEMS = problems(400, 413, 415, 422, 503, 507)


def catalogue_routes(desk: CatalogueDesk) -> APIRouter:
    """The routes over a desk."""
    routes = APIRouter(prefix="/api/v1/items", tags=["items"], dependencies=[requires("catalogue:write")])
    _add_single(routes, desk)
    _add_removal(routes, desk)
    add_bulk_edits(
        routes,
        "item",
        (
            BulkEdit("PUT", _PUT_MANY, item_edit, desk.put, ITEM_ENTRY, _EXAMPLE),
            BulkEdit("PATCH", _PATCH_MANY, item_edit, desk.patch, ITEM_ENTRY, _EXAMPLE),
            BulkEdit(
                "DELETE",
                _DELETE_MANY,
                lambda raw: removal(raw, kind="item"),
                desk.remove,
                removal_entry("item"),
                _REMOVED,
            ),
        ),
    )
    return routes


def _add_single(routes: APIRouter, desk: CatalogueDesk) -> None:
    @routes.put(
        "/{item_id}",
        response_model=ItemBody,
        responses={201: {"model": ItemBody, "description": "A new item"}, **_PROBLEMS},
        openapi_extra=ITEM_BODY,
    )
    def put_item(request: Request, item_id: str, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Say all there is to say of an item, in the place of what was said before.

        It stands above what an import said, which holds where a field is left out.  The next answer keeps to it; sent
        again, it changes nothing.
        """
        Query.of(request)
        edit = item_edit(parse_value(body), path_id(item_id, "item_id"))
        status = 201 if done(desk.put([edit])) == "created" else 200
        return json_response(item_body(desk.item(edit.subject)), status=status)

    @routes.patch(
        "/{item_id}",
        response_model=ItemBody,
        responses={**_PROBLEMS, **problems(404)},
        openapi_extra=ITEM_BODY,
    )
    def patch_item(request: Request, item_id: str, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Say something else of an item, and leave the rest as it is; null takes back what was said."""
        Query.of(request)
        edit = item_edit(parse_value(body), path_id(item_id, "item_id"))
        done(desk.patch([edit]))
        return json_response(item_body(desk.item(edit.subject)))


def _add_removal(routes: APIRouter, desk: CatalogueDesk) -> None:
    @routes.delete(
        "/{item_id}",
        status_code=204,
        responses={204: {"description": "It is no part of the catalogue any more"}, **problems(404, 422, 503, 507)},
    )
    def delete_item(request: Request, item_id: str) -> Response:
        """Remove an item: no answer shows it, no training learns from it; a later PUT brings it back."""
        Query.of(request)
        done(desk.remove([Edit(path_id(item_id, "item_id"), {})]))
        return Response(status_code=204)


_PUT_MANY = """Say all there is to say of up to 500 items, as `PUT /api/v1/items/{item_id}` does of one.

Those that are in order are kept all or none; the others are named, each with what is wrong."""

_PATCH_MANY = """Say something else of up to 500 items, as `PATCH /api/v1/items/{item_id}` does of one.

Those that are in order are kept all or none; the others are named, each with what is wrong."""

_DELETE_MANY = """Remove up to 500 items, each named by its id or by an object with its `item_id`."""
