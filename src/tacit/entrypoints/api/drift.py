"""The routes of drift: the last look, those before it, the report of a day, and a look now."""

from __future__ import annotations

import json

from fastapi import APIRouter, Request
from starlette.responses import Response

from tacit.entrypoints.api.callers import actor_of
from tacit.entrypoints.api.drift_schemas import DriftBody, DriftHistoryBody
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.parameters import Parameter, Query, documented
from tacit.entrypoints.api.schemas import problems
from tacit.entrypoints.api.training_schemas import JobBody
from tacit.monitoring.drift.desk import MOST, DriftDesk
from tacit.rollout.training_desk import TrainingDesk, described

_LIMIT = Parameter(
    "limit", "The most looks to return.", {"type": "integer", "minimum": 1, "maximum": MOST, "default": 200}
)
_FORMAT = Parameter(
    "format", "The page for people, or its facts.", {"type": "string", "enum": ["html", "json"], "default": "html"}
)
_ALONE = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"}
"""The page needs nothing but its own style, and must not be able to fetch anything."""


def drift_routes(desk: DriftDesk, training: TrainingDesk) -> APIRouter:
    """The routes over a desk; a look is a job like any other."""
    guard = requires("operations:read", writing="operations:write")
    routes = APIRouter(prefix="/api/v1/drift", tags=["drift"], dependencies=[guard])
    _add_reading(routes, desk)
    _add_report(routes, desk)

    @routes.post("/run", status_code=202, response_model=JobBody, responses=problems(400, 409, 422, 503, 507))
    def run(request: Request) -> Response:
        """Looks for drift now, in the background."""
        Query.of(request)
        return _response(described(training.ask("drift", {}, actor=actor_of(request))), status=202)

    return routes


def _add_reading(routes: APIRouter, desk: DriftDesk) -> None:
    @routes.get("", response_model=DriftBody, responses=problems(404, 422, 503))
    def latest(request: Request) -> Response:
        """The last look: every feature's score with its p-value, and quality as estimated and as measured."""
        Query.of(request)
        return _response(desk.shown().as_dict())

    @routes.get(
        "/history", response_model=DriftHistoryBody, responses=problems(422, 503), openapi_extra=documented(_LIMIT)
    )
    def history(request: Request) -> Response:
        """The last looks, oldest first, as a chart wants them."""
        limit = Query.of(request, _LIMIT).limit(200)
        return _response({"looks": [each.as_dict() for each in desk.history(limit=limit)]})


def _add_report(routes: APIRouter, desk: DriftDesk) -> None:
    @routes.get(
        "/reports/{date}",
        response_model=DriftBody,
        responses=problems(404, 422, 503),
        openapi_extra=documented(_FORMAT),
    )
    def report(request: Request, date: str) -> Response:
        """The report of a day in UTC: the last look of it, as a page that needs nothing else, or as JSON."""
        wanted = Query.of(request, _FORMAT).values.get("format", ["html"])[0]
        found = desk.of_day(date)
        if wanted == "json":
            return _response(found.as_dict())
        return Response(desk.page(found), media_type="text/html", headers=_ALONE)


def _response(body: object, *, status: int = 200) -> Response:
    content = json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    return Response(content, status, media_type="application/json")
