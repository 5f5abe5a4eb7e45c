"""The routes by which a user's items are hidden from that user alone."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from tacit.data.hiding import MOST_HIDDEN
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.parameters import Query, path_id
from tacit.entrypoints.api.rendering import json_response, moment
from tacit.entrypoints.api.schemas import problems
from tacit.serving.hides import HidingDesk


class HiddenItemBody(BaseModel):
    """An item that a user hid."""

    model_config = ConfigDict(extra="forbid", strict=True)

    item_id: str
    hidden_at: str = Field(description="Since when.")


class HiddenItemsBody(BaseModel):
    """All that a user hid, by item id."""

    model_config = ConfigDict(extra="forbid", strict=True)

    items: list[HiddenItemBody] = Field(max_length=MOST_HIDDEN)


def hiding_routes(desk: HidingDesk) -> APIRouter:
    """The routes over a desk."""
    routes = APIRouter(
        prefix="/api/v1/users/{user_id}/hidden",
        tags=["users"],
        dependencies=[requires("users:read", writing="events:write")],
    )

    @routes.get("", response_model=HiddenItemsBody, responses=problems(422, 503))
    def hidden_items(request: Request, user_id: str) -> Response:
        """What a user hid, at most 1,000 items; nothing for somebody whom nobody knows."""
        Query.of(request)
        hidden = desk.hidden(path_id(user_id, "user_id"))
        return json_response({"items": [{"item_id": each.item_id, "hidden_at": moment(each.at_ms)} for each in hidden]})

    @routes.put(
        "/{item_id}",
        status_code=204,
        responses={204: {"description": "Hidden"}, **problems(404, 409, 422, 503, 507)},
    )
    def hide_item(request: Request, user_id: str, item_id: str) -> Response:
        """Never show a user an item again, from the next answer on; sent again, it changes nothing."""
        Query.of(request)
        desk.hide(path_id(user_id, "user_id"), path_id(item_id, "item_id"))
        return Response(status_code=204)

    @routes.delete(
        "/{item_id}",
        status_code=204,
        responses={204: {"description": "Shown again"}, **problems(404, 422, 503, 507)},
    )
    def unhide_item(request: Request, user_id: str, item_id: str) -> Response:
        """Let a user be shown an item again."""
        Query.of(request)
        desk.unhide(path_id(user_id, "user_id"), path_id(item_id, "item_id"))
        return Response(status_code=204)

    return routes
