"""The routes by which somebody brings a version to users, step by step."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from tacit.entrypoints.api.callers import actor_of
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.parameters import LIMIT, Query, documented, field_unknown
from tacit.entrypoints.api.rollout_schemas import (
    DECIDE_BODY,
    PROMOTE_BODY,
    START_BODY,
    RolloutBody,
    RolloutsBody,
    RolloutStatusBody,
)
from tacit.entrypoints.api.schemas import problems
from tacit.entrypoints.api.strict_json import kind_of, parse_object, read_json_body
from tacit.errors import BadInput
from tacit.rollout.rollout_desk import Opening, RolloutDesk, described
from tacit.rollout.rollouts import Advance, Rollout

_LARGEST = 2**63 - 1
_LARGEST_VERSION = 2**31 - 1
_BODIES = problems(400, 404, 409, 413, 415, 422, 503)


def rollout_routes(desk: RolloutDesk) -> APIRouter:
    """The routes over a desk."""
    guard = requires("operations:read", writing="operations:write")
    routes = APIRouter(prefix="/api/v1/rollouts", tags=["rollouts"], dependencies=[guard])
    _add_seeing(routes, desk)
    _add_starting(routes, desk)
    _add_deciding(routes, desk)
    return routes


def _add_seeing(routes: APIRouter, desk: RolloutDesk) -> None:
    @routes.get("", response_model=RolloutsBody, responses=problems(422, 503), openapi_extra=documented(LIMIT))
    def list_rollouts(request: Request) -> Response:
        """The latest rollouts, newest first."""
        limit = Query.of(request, LIMIT).limit()
        return _response({"rollouts": [described(rollout) for rollout in desk.rollouts(limit=limit)]})

    @routes.get("/{rollout_id}", response_model=RolloutStatusBody, responses=problems(404, 422, 503))
    def rollout_status(request: Request, rollout_id: str) -> Response:
        """One rollout: its stage, every number beside its limit, and how it came there."""
        Query.of(request)
        return _response(desk.status(_number(rollout_id)).as_dict())


def _add_starting(routes: APIRouter, desk: RolloutDesk) -> None:
    @routes.post("", status_code=201, response_model=RolloutBody, responses=_BODIES, openapi_extra=START_BODY)
    def start_rollout(request: Request, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Begins to bring a version to users: in secret first, then to few of them, then to all."""
        Query.of(request)
        said = _known(parse_object(body), ("version", "reason", "advance", "steps", "force"))
        return _told(desk.start(_opening(said, actor_of(request))), status=201)


def _add_deciding(routes: APIRouter, desk: RolloutDesk) -> None:
    @routes.post("/{rollout_id}/abort", response_model=RolloutBody, responses=_BODIES, openapi_extra=DECIDE_BODY)
    def abort_rollout(request: Request, rollout_id: str, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Ends a rollout: all users meet the champion of before."""
        Query.of(request)
        reason = _reason(_known(parse_object(body), ("reason",)))
        return _told(desk.abort(_number(rollout_id), actor=actor_of(request), reason=reason))

    @routes.post("/{rollout_id}/promote", response_model=RolloutBody, responses=_BODIES, openapi_extra=PROMOTE_BODY)
    def promote_rollout(request: Request, rollout_id: str, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Carries a rollout on, to its next step or to all users at once, whatever its stage lacks."""
        Query.of(request)
        said = _known(parse_object(body), ("reason", "to"))
        reason, number = _reason(said), _number(rollout_id)
        if _choice(said, "to", ("next", "all")) == "all":
            return _told(desk.promote(number, actor=actor_of(request), reason=reason))
        return _told(desk.advance(number, actor=actor_of(request), reason=reason))


def _opening(said: Mapping[str, object], actor: str) -> Opening:
    version, force = said.get("version"), said.get("force", False)
    if type(version) is not int:
        raise _wrong_type("version", version, "the number of a version")
    if not 1 <= version <= _LARGEST_VERSION:
        detail = f"version must be from 1 to {_LARGEST_VERSION}."
        raise BadInput("value_range", detail, field="version", fix="See `tacit models`.")
    if type(force) is not bool:
        raise _wrong_type("force", force, "true or false")
    advance: Advance | None = None
    if _choice(said, "advance", ("automatic", "manual")) is not None:
        advance = "manual" if said["advance"] == "manual" else "automatic"
    return Opening(version, actor, _reason(said), advance, _steps(said.get("steps")), force)


def _steps(value: object) -> tuple[float, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(type(each) in (int, float) for each in value):
        raise _wrong_type("steps", value, "an array of percentages, as [5, 25, 100]")
    return tuple(float(each) for each in value)


def _reason(said: Mapping[str, object]) -> str:
    reason = said.get("reason")
    if not isinstance(reason, str):
        raise _wrong_type("reason", reason, "a string that says why")
    if not reason.strip():
        raise BadInput("reason_missing", "The reason is empty.", field="reason", fix="Say why.")
    return reason


def _choice(said: Mapping[str, object], name: str, choices: tuple[str, ...]) -> str | None:
    value = said.get(name)
    if value is None or (isinstance(value, str) and value in choices):
        return value
    raise _wrong_type(name, value, " or ".join(choices))


def _wrong_type(name: str, value: object, wanted: str) -> BadInput:
    given = "missing" if value is None else kind_of(value)
    return BadInput("type", f"{name} is {given}; it must be {wanted}.", field=name, fix=f"Send {wanted}.")


def _known(said: dict[str, object], names: tuple[str, ...]) -> Mapping[str, object]:
    for name in said:
        if name not in names:
            raise field_unknown(name, names)
    return said


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and 1 <= int(text) <= _LARGEST):
        detail = "rollout_id must be a whole number of at least 1, in digits."
        raise BadInput("value_range", detail, field="rollout_id", fix="See the list for those there are.")
    return int(text)


def _told(rollout: Rollout, *, status: int = 200) -> Response:
    return _response(described(rollout), status=status)


def _response(body: object, *, status: int = 200) -> Response:
    content: Any = json.dumps(_sayable(body), allow_nan=False, separators=(",", ":")).encode()
    return Response(content, status_code=status, media_type="application/json")


def _sayable(value: object) -> object:
    """What JSON can say; a number that is none becomes 0, of which the reason beside it says why."""
    if isinstance(value, Mapping):
        return {str(name): _sayable(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_sayable(each) for each in value]
    return 0.0 if isinstance(value, float) and not math.isfinite(value) else value
