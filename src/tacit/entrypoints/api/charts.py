"""The routes of charts and of chance."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request
from starlette.responses import Response

from tacit.entrypoints.api.browsing_schemas import ChartBody, DiscoveryBody, chart_body, discovery_body
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.moods import USER, user_of
from tacit.entrypoints.api.parameters import CATEGORY, EXCLUDE, LIMIT, Parameter, Query, documented
from tacit.entrypoints.api.rendering import json_response
from tacit.entrypoints.api.schemas import problems
from tacit.entrypoints.api.texts import checked_text
from tacit.serving.browsing import Browsing, seed_of

_SEED = Parameter("seed", "Of an earlier draw, to see it again.", {"type": "string", "minLength": 1, "maxLength": 64})
_ONE_CATEGORY = replace(CATEGORY, is_repeatable=False)
_FILTERS = (LIMIT, EXCLUDE, _ONE_CATEGORY)


def chart_routes(browsing: Browsing) -> APIRouter:
    """The routes over moods, charts and draws."""
    routes = APIRouter(prefix="/api/v1", tags=["charts"], dependencies=[requires("lists:read")])
    problem = problems(404, 422, 503)

    @routes.get("/charts", response_model=ChartBody, responses=problem, openapi_extra=documented(*_FILTERS))
    def top_chart(request: Request) -> Response:
        """What most users met, overall or in a category."""
        query = Query.of(request, *_FILTERS)
        shown = browsing.chart(limit=query.limit(), exclude=query.excluded(), category=query.category())
        return json_response(chart_body(shown))

    @routes.get("/charts/trending", response_model=ChartBody, responses=problem, openapi_extra=documented(*_FILTERS))
    def trending_chart(request: Request) -> Response:
        """What rose lately above its usual share; where that is not known, or nothing did, what most users met."""
        query = Query.of(request, *_FILTERS)
        shown = browsing.trending(limit=query.limit(), exclude=query.excluded(), category=query.category())
        return json_response(chart_body(shown))

    @routes.get(
        "/discover", response_model=DiscoveryBody, responses=problem, openapi_extra=documented(_SEED, USER, *_FILTERS)
    )
    def discover(request: Request) -> Response:
        """Something drawn at random that leans to what few know: another each time, the same again with its seed."""
        query = Query.of(request, _SEED, USER, *_FILTERS)
        given = query.values.get(_SEED.name)
        shown = browsing.discover(
            seed=None if given is None else seed_of(checked_text(given[0], _SEED.name)),
            user_id=user_of(request, query),
            limit=query.limit(),
            category=query.category(),
            exclude=query.excluded(),
        )
        return json_response(discovery_body(shown))

    return routes
