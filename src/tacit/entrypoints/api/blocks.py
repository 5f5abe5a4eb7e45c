"""The routes by which administrators keep callers out, look at blocks again, and make limits strict."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from tacit.entrypoints.api.checkpoints import PRINCIPAL
from tacit.entrypoints.api.guard_schemas import (
    APPEAL_BODY,
    MAKE_BODY,
    REVIEW_BODY,
    STRICT_BODY,
    BlockBody,
    BlocksBody,
    StrictBody,
)
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.parameters import Parameter, Query, documented, field_unknown
from tacit.entrypoints.api.schemas import problems
from tacit.entrypoints.api.strict_json import kind_of, parse_object, read_json_body
from tacit.entrypoints.api.texts import checked_id
from tacit.errors import BadInput
from tacit.security.guard_desk import GuardDesk, described
from tacit.security.principals import LOCAL

_LIMIT = Parameter(
    "limit", "The most blocks to return.", {"type": "integer", "minimum": 1, "maximum": 1_000, "default": 100}
)
_ALL = Parameter(
    "state", "Only those that hold, or all.", {"type": "string", "enum": ["holding", "all"], "default": "holding"}
)
_BODIES = problems(400, 404, 409, 413, 415, 422, 503)
Body = Annotated[bytes, Depends(read_json_body)]


def guard_routes(desk: GuardDesk) -> APIRouter:
    """The routes over a desk."""
    routes = APIRouter(prefix="/api/v1", tags=["guards"], dependencies=[requires("security:admin")])
    _add_blocks(routes, desk)
    _add_second_looks(routes, desk)
    _add_limits(routes, desk)
    return routes


def _add_blocks(routes: APIRouter, desk: GuardDesk) -> None:
    @routes.get(
        "/blocks", response_model=BlocksBody, responses=problems(422, 503), openapi_extra=documented(_LIMIT, _ALL)
    )
    def list_blocks(request: Request) -> Response:
        """Lists who is kept out, the latest first, and why."""
        query = Query.of(request, _LIMIT, _ALL)
        state = query.values.get("state", ("holding",))[0]
        if state not in ("holding", "all"):
            raise BadInput("state_unknown", "No block stands so.", field="state", fix="Send holding or all.")
        found = desk.blocks(limit=query.limit(100), holding=state == "holding")
        return _response({"blocks": [described(each, desk.clock_ms()) for each in found]})

    @routes.post("/blocks", status_code=201, response_model=BlockBody, responses=_BODIES, openapi_extra=MAKE_BODY)
    def block_caller(request: Request, body: Body) -> Response:
        """Keeps a caller out for a while; every process does within two seconds."""
        Query.of(request)
        said = _said(body, caller=str, seconds=(int, float), reason=str)
        caller, seconds, reason = str(said["caller"]), float(cast("float", said["seconds"])), str(said["reason"])
        made = desk.block(caller, seconds=seconds, reason=reason, actor=_actor(request))
        return _response(described(made, desk.clock_ms()), status=201)

    @routes.delete("/blocks/{block_id}", response_model=BlockBody, responses=problems(404, 422, 503))
    def lift_block(request: Request, block_id: str) -> Response:
        """Lets a caller in again."""
        Query.of(request)
        lifted = desk.lift(checked_id(block_id, "block_id"), actor=_actor(request), reason="lifted over the interface")
        return _response(described(lifted, desk.clock_ms()))


def _add_second_looks(routes: APIRouter, desk: GuardDesk) -> None:
    @routes.post("/blocks/{block_id}/appeal", response_model=BlockBody, responses=_BODIES, openapi_extra=APPEAL_BODY)
    def note_appeal(request: Request, block_id: str, body: Body) -> Response:
        """Notes what somebody says against a block."""
        Query.of(request)
        said = _said(body, appeal=str)
        noted = desk.appeal(checked_id(block_id, "block_id"), str(said["appeal"]), actor=_actor(request))
        return _response(described(noted, desk.clock_ms()))

    @routes.post("/blocks/{block_id}/review", response_model=BlockBody, responses=_BODIES, openapi_extra=REVIEW_BODY)
    def review_block(request: Request, block_id: str, body: Body) -> Response:
        """Says what came of looking at a block again, and lifts it if that was wrong."""
        Query.of(request)
        said = _said(body, decision=str, finding=str)
        decision = said["decision"]
        if decision not in ("kept", "lifted"):
            fix = "Send kept or lifted."
            raise BadInput("decision_unknown", "Nothing can be decided so.", field="decision", fix=fix)
        reviewed = desk.review(
            checked_id(block_id, "block_id"),
            decision=decision,
            finding=str(said["finding"]),
            actor=_actor(request),
        )
        return _response(described(reviewed, desk.clock_ms()))


def _add_limits(routes: APIRouter, desk: GuardDesk) -> None:
    @routes.put("/limits/strict", response_model=StrictBody, responses=_BODIES, openapi_extra=STRICT_BODY)
    def be_strict(request: Request, body: Body) -> Response:
        """Makes every limit a fraction of itself, or what it was; every process does within two seconds."""
        Query.of(request)
        said = _said(body, strict=bool, reason=str)
        is_changed = desk.be_strict(bool(said["strict"]), actor=_actor(request), reason=str(said["reason"]))
        return _response({"strict": said["strict"], "changed": is_changed})

    @routes.get("/limits/strict", response_model=StrictBody, responses=problems(422, 503))
    def strictness(request: Request) -> Response:
        """Whether every limit is a fraction of itself now."""
        Query.of(request)
        return _response({"strict": desk.is_strict(), "changed": False})


def _actor(request: Request) -> str:
    name: str = request.scope.get(PRINCIPAL, LOCAL).name
    return name


def _said(body: bytes, **fields: type | tuple[type, ...]) -> Mapping[str, object]:
    """The fields of a body: all of these and no others, each of its type."""
    said = parse_object(body)
    for name in said:
        if name not in fields:
            raise field_unknown(name, tuple(fields))
    for name, kinds in fields.items():
        if name not in said:
            raise BadInput("field_missing", f"The request does not say {name}.", field=name, fix="Send it.")
        is_flag = isinstance(said[name], bool)
        if not isinstance(said[name], kinds) or (is_flag and kinds is not bool):
            wanted = "true or false" if kinds is bool else "a text" if kinds is str else "a number"
            raise BadInput("type", f"{name} is {kind_of(said[name])}; it must be {wanted}.", field=name)
    return said


def _response(body: object, *, status: int = 200) -> Response:
    content = json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    return Response(content, status, media_type="application/json")
