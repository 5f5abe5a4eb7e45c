"""The routes by which somebody looks after API keys, and says that everybody must have one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from tacit.entrypoints.api.callers import actor_of
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.key_schemas import (
    CREATE_BODY,
    REQUIRED_BODY,
    REVOKE_BODY,
    ROTATE_BODY,
    IssuedBody,
    KeyBody,
    KeysBody,
    RequiredBody,
)
from tacit.entrypoints.api.parameters import Query, field_unknown, path_id
from tacit.entrypoints.api.rendering import json_response
from tacit.entrypoints.api.schemas import problems
from tacit.entrypoints.api.strict_json import kind_of, parse_object, read_json_body
from tacit.entrypoints.api.texts import checked_text
from tacit.errors import BadInput
from tacit.security.key_desk import Issued, KeyDesk, key_as_dict
from tacit.security.key_wishes import overlap_ms, wish_of

_BODIES = problems(400, 404, 409, 413, 415, 422, 503)


def key_routes(desk: KeyDesk) -> APIRouter:
    """The routes over a desk."""
    routes = APIRouter(prefix="/api/v1", tags=["keys"], dependencies=[requires("security:admin")])
    _add_reading(routes, desk)
    _add_making(routes, desk)
    _add_ending(routes, desk)
    _add_switch(routes, desk)
    return routes


def _add_reading(routes: APIRouter, desk: KeyDesk) -> None:
    @routes.get("/keys", response_model=KeysBody, responses=problems(422, 503))
    def list_keys(request: Request) -> Response:
        """Lists all keys there ever were, the newest first; of no key more than can be known without it."""
        Query.of(request)
        uses, now_ms = desk.uses(), desk.now_ms()
        listed = [key_as_dict(key, uses.get(key.key_id), now_ms=now_ms) for key in desk.all_keys()]
        return json_response({"keys": listed})

    @routes.get("/keys/{key_id}", response_model=KeyBody, responses=problems(404, 422, 503))
    def show_key(request: Request, key_id: str) -> Response:
        """Shows a key: what it allows, until when, and how much it is used."""
        Query.of(request)
        key = desk.key(path_id(key_id, "key_id"))
        return json_response(key_as_dict(key, desk.uses().get(key.key_id), now_ms=desk.now_ms()))


def _add_making(routes: APIRouter, desk: KeyDesk) -> None:
    @routes.post("/keys", status_code=201, response_model=IssuedBody, responses=_BODIES, openapi_extra=CREATE_BODY)
    def create_key(request: Request, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Makes a key; the answer is the only place where it ever stands."""
        Query.of(request)
        wish = wish_of(parse_object(body), now_ms=desk.now_ms())
        return _issued(desk, desk.create(wish, actor=actor_of(request)), status=201)

    @routes.post("/keys/{key_id}/rotate", response_model=IssuedBody, responses=_BODIES, openapi_extra=ROTATE_BODY)
    def rotate_key(request: Request, key_id: str, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Gives a key another secret; the old one holds beside it for `overlap`, a day unless it says otherwise."""
        Query.of(request)
        said = _known(parse_object(body), ("overlap",))
        overlap = overlap_ms(said.get("overlap", "1d"), now_ms=desk.now_ms())
        return _issued(desk, desk.rotate(path_id(key_id, "key_id"), overlap_ms=overlap, actor=actor_of(request)))


def _add_ending(routes: APIRouter, desk: KeyDesk) -> None:
    @routes.post("/keys/{key_id}/revoke", response_model=KeyBody, responses=_BODIES, openapi_extra=REVOKE_BODY)
    def revoke_key(request: Request, key_id: str, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Ends a key for good: here at once, in every other server within five seconds."""
        Query.of(request)
        reason = _reason(_known(parse_object(body), ("reason",)))
        key = desk.revoke(path_id(key_id, "key_id"), reason=reason, actor=actor_of(request))
        return json_response(key_as_dict(key, desk.uses().get(key.key_id), now_ms=desk.now_ms()))


def _add_switch(routes: APIRouter, desk: KeyDesk) -> None:
    @routes.get("/auth/required", response_model=RequiredBody, responses=problems(422, 503))
    def show_required(request: Request) -> Response:
        """Whether everybody must say who they are, whatever the settings say."""
        Query.of(request)
        return json_response({"required": desk.is_required()})

    @routes.put("/auth/required", response_model=RequiredBody, responses=_BODIES, openapi_extra=REQUIRED_BODY)
    def set_required(request: Request, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Has everybody say who they are within five seconds, or leaves that to the settings again."""
        Query.of(request)
        said = _known(parse_object(body), ("required", "reason"))
        is_required = said.get("required")
        if not isinstance(is_required, bool):
            raise BadInput("type", "required must be true or false.", field="required", fix="Send true or false.")
        return json_response({"required": desk.require(is_required, reason=_reason(said), actor=actor_of(request))})


def _issued(desk: KeyDesk, issued: Issued, *, status: int = 200) -> Response:
    shown = key_as_dict(issued.key, desk.uses().get(issued.key.key_id), now_ms=desk.now_ms())
    return json_response({**shown, "key": issued.text}, status=status)


def _reason(said: Mapping[str, object]) -> str:
    reason = said.get("reason", "")
    if not isinstance(reason, str):
        raise BadInput("type", f"reason is {kind_of(reason)}; it must be a string.", field="reason", fix="Say why.")
    return checked_text(reason, "reason")


def _known(said: dict[str, object], names: tuple[str, ...]) -> Mapping[str, object]:
    for name in said:
        if name not in names:
            raise field_unknown(name, names)
    return said
