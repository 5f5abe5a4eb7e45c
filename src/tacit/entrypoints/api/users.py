"""The routes of users: what is said of them, what they chose when asked, and who there is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from tacit.data.catalog_edits import Edit, removal, user_edit
from tacit.data.catalog_fields import preferences
from tacit.entrypoints.api.catalogue_schemas import (
    PREFERENCES_BODY,
    USER_BODY,
    USER_ENTRY,
    PreferencesBody,
    UserBody,
    UsersBody,
    removal_entry,
)
from tacit.entrypoints.api.cursors import cursor_of
from tacit.entrypoints.api.edits import BulkEdit, add_bulk_edits, done
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.parameters import CURSOR, LIMIT, Query, documented, path_id
from tacit.entrypoints.api.rendering import json_response, preferences_body, user_body
from tacit.entrypoints.api.schemas import problems
from tacit.entrypoints.api.strict_json import parse_object, parse_value, read_json_body
from tacit.serving.user_desk import UserDesk

_REMOVED = {"user_id": "…"}
_EXAMPLE = {"user_id": "…", "labels": {}}
_PROBLEMS = problems(400, 413, 415, 422, 503, 507)
_READS = [requires("users:read")]
_LISTS = [requires("users:read", everyone=True)]
_EDITS = [requires("catalogue:write")]
_CHOOSES = [requires("events:write")]


def user_routes(desk: UserDesk) -> APIRouter:
    """The routes over a desk."""
    routes = APIRouter(prefix="/api/v1/users", tags=["users"])
    _add_reading(routes, desk)
    _add_single(routes, desk)
    _add_preferences(routes, desk)
    add_bulk_edits(
        routes,
        "user",
        (
            BulkEdit("PUT", _PUT_MANY, user_edit, desk.put, USER_ENTRY, _EXAMPLE),
            BulkEdit("PATCH", _PATCH_MANY, user_edit, desk.patch, USER_ENTRY, _EXAMPLE),
            BulkEdit(
                "DELETE",
                _DELETE_MANY,
                lambda raw: removal(raw, kind="user"),
                desk.remove,
                removal_entry("user"),
                _REMOVED,
            ),
        ),
        guards=_EDITS,
    )
    return routes


def _add_reading(routes: APIRouter, desk: UserDesk) -> None:
    @routes.get(
        "",
        dependencies=_LISTS,
        response_model=UsersBody,
        responses=problems(400, 422, 503),
        openapi_extra=documented(CURSOR, LIMIT),
    )
    def list_users(request: Request) -> Response:
        """Users by id, page by page: those whom the loaded version knows, and those of whom something was said."""
        query = Query.of(request, CURSOR, LIMIT)
        users, is_last = desk.page(query.place(), limit=query.limit())
        cursor = None if is_last else cursor_of(users[-1].user_id)
        return json_response({"users": [user_body(user) for user in users], "next_cursor": cursor})

    @routes.get("/{user_id}", dependencies=_READS, response_model=UserBody, responses=problems(404, 422, 503))
    def one_user(request: Request, user_id: str) -> Response:
        """What we know of a user."""
        Query.of(request)
        return json_response(user_body(desk.user(path_id(user_id, "user_id"))))


def _add_single(routes: APIRouter, desk: UserDesk) -> None:
    @routes.put(
        "/{user_id}",
        dependencies=_EDITS,
        response_model=UserBody,
        responses={201: {"model": UserBody, "description": "A new user"}, **_PROBLEMS},
        openapi_extra=USER_BODY,
    )
    def put_user(request: Request, user_id: str, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Say all there is to say of a user, in the place of what was said before; sent again, it changes nothing."""
        Query.of(request)
        edit = user_edit(parse_value(body), path_id(user_id, "user_id"))
        status = 201 if done(desk.put([edit])) == "created" else 200
        return json_response(user_body(desk.user(edit.subject)), status=status)

    @routes.patch(
        "/{user_id}",
        dependencies=_EDITS,
        response_model=UserBody,
        responses={**_PROBLEMS, **problems(404)},
        openapi_extra=USER_BODY,
    )
    def patch_user(request: Request, user_id: str, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Say something else of a user, and leave the rest as it is; null takes back what was said."""
        Query.of(request)
        edit = user_edit(parse_value(body), path_id(user_id, "user_id"))
        done(desk.patch([edit]))
        return json_response(user_body(desk.user(edit.subject)))

    @routes.delete(
        "/{user_id}",
        dependencies=_EDITS,
        status_code=204,
        responses={204: {"description": "What was said of them is forgotten"}, **problems(404, 422, 503, 507)},
    )
    def delete_user(request: Request, user_id: str) -> Response:
        """Forget what was said of a user, and what they chose; what they did, imports and events, stays."""
        Query.of(request)
        done(desk.remove([Edit(path_id(user_id, "user_id"), {})]))
        return Response(status_code=204)


def _add_preferences(routes: APIRouter, desk: UserDesk) -> None:
    @routes.get(
        "/{user_id}/preferences", dependencies=_READS, response_model=PreferencesBody, responses=problems(404, 422, 503)
    )
    def user_preferences(request: Request, user_id: str) -> Response:
        """What a user chose when asked."""
        Query.of(request)
        return json_response(preferences_body(desk.user(path_id(user_id, "user_id")).preferences))

    @routes.post(
        "/{user_id}/preferences",
        dependencies=_CHOOSES,
        response_model=PreferencesBody,
        responses={201: {"model": PreferencesBody, "description": "A new user"}, **_PROBLEMS},
        openapi_extra=PREFERENCES_BODY,
    )
    def choose_preferences(request: Request, user_id: str, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Keep what a user chose: items and categories of the catalogue, and moods in words of their own.

        It takes the place of what they chose before.  Somebody whom nobody knows is a user from then on.
        """
        Query.of(request)
        chosen = preferences(parse_object(body))
        fate = desk.choose(path_id(user_id, "user_id"), chosen)
        return json_response(preferences_body(chosen), status=201 if fate == "created" else 200)


_PUT_MANY = """Say all there is to say of up to 500 users, as `PUT /api/v1/users/{user_id}` does of one.

Those that are in order are kept all or none; the others are named, each with what is wrong."""

_PATCH_MANY = """Say something else of up to 500 users, as `PATCH /api/v1/users/{user_id}` does of one.

Those that are in order are kept all or none; the others are named, each with what is wrong."""

_DELETE_MANY = """Forget what was said of up to 500 users, each named by their id or by an object with the `user_id`."""
