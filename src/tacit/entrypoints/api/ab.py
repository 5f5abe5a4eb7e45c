"""The routes by which somebody looks after A/B tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from tacit.entrypoints.api.ab_schemas import PLAN_BODY, REASON_BODY, AbReportBody, AbTestBody, AbTestsBody
from tacit.entrypoints.api.callers import actor_of
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.outcomes import outcome_routes
from tacit.entrypoints.api.parameters import Query, field_unknown
from tacit.entrypoints.api.schemas import problems
from tacit.entrypoints.api.strict_json import kind_of, parse_object, read_json_body
from tacit.entrypoints.api.texts import checked_text
from tacit.errors import BadInput
from tacit.rollout.ab_desk import AbDesk
from tacit.rollout.ab_report import test_as_dict
from tacit.rollout.outcome_questions import OutcomeDesk

_LARGEST = 2**31 - 1
_BODIES = problems(400, 404, 409, 413, 415, 422, 503)


def comparing_routes(desk: AbDesk, outcomes: OutcomeDesk) -> tuple[APIRouter, APIRouter]:
    """The routes by which arms are compared: those over A/B tests, and those over what came of lists."""
    return ab_routes(desk), outcome_routes(outcomes)


def ab_routes(desk: AbDesk) -> APIRouter:
    """The routes over A/B tests."""
    guard = requires("operations:read", writing="operations:write")
    routes = APIRouter(prefix="/api/v1/ab", tags=["ab"], dependencies=[guard])
    _add_reading(routes, desk)
    _add_deciding(routes, desk)
    return routes


def _add_reading(routes: APIRouter, desk: AbDesk) -> None:
    @routes.get("", response_model=AbTestsBody, responses=problems(422, 503))
    def list_ab_tests(request: Request) -> Response:
        """All A/B tests, newest first."""
        Query.of(request)
        return _response({"tests": [test_as_dict(test) for test in desk.tests()]})

    @routes.get("/{number}", response_model=AbTestBody, responses=problems(404, 422, 503))
    def ab_test(request: Request, number: str) -> Response:
        """One A/B test."""
        Query.of(request)
        return _response(test_as_dict(desk.test(_number(number))))

    @routes.get("/{number}/report", response_model=AbReportBody, responses=problems(404, 422, 503))
    def ab_report(request: Request, number: str) -> Response:
        """What is known of a test now: each arm beside the control, in intervals that hold however often one looks."""
        Query.of(request)
        return _response(desk.report(_number(number)).as_dict())


def _add_deciding(routes: APIRouter, desk: AbDesk) -> None:
    @routes.post("", response_model=AbTestBody, status_code=201, responses=_BODIES, openapi_extra=PLAN_BODY)
    def create_ab_test(request: Request, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Writes down a test; nobody is divided before it is started."""
        Query.of(request)
        return _response(test_as_dict(desk.create(parse_object(body), actor=actor_of(request))), status=201)

    @routes.post("/{number}/start", response_model=AbTestBody, responses=problems(404, 409, 422, 503))
    def start_ab_test(request: Request, number: str) -> Response:
        """Divides users from now on; refused while they are divided otherwise."""
        Query.of(request)
        return _response(test_as_dict(desk.start(_number(number), actor=actor_of(request))))

    @routes.post("/{number}/stop", response_model=AbTestBody, responses=_BODIES, openapi_extra=REASON_BODY)
    def stop_ab_test(request: Request, number: str, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Divides users no longer; what was counted stays."""
        Query.of(request)
        reason = _reason(parse_object(body))
        return _response(test_as_dict(desk.stop(_number(number), reason=reason, actor=actor_of(request))))


def _reason(said: Mapping[str, object]) -> str:
    for name in said:
        if name != "reason":
            raise field_unknown(name, ("reason",))
    reason = said.get("reason", "")
    if not isinstance(reason, str):
        raise BadInput("type", f"reason is {kind_of(reason)}; it must be a string.", field="reason", fix="Say why.")
    return checked_text(reason, "reason")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 11 and 1 <= int(text) <= _LARGEST):
        detail = "number must be a whole number of at least 1, in digits."
        raise BadInput("value_range", detail, field="number", fix="See the list for the numbers there are.")
    return int(text)


def _response(body: object, *, status: int = 200) -> Response:
    content = json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    return Response(content, status_code=status, media_type="application/json")
