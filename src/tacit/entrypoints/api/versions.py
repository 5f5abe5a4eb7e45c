"""The routes on a model's versions: which there are, what they are to users, and who was champion when."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.parameters import Parameter, Query, documented
from tacit.entrypoints.api.rendering import json_response
from tacit.entrypoints.api.schemas import problems
from tacit.entrypoints.api.version_schemas import HistoryBody, ManifestBody, VersionsBody
from tacit.errors import BadInput
from tacit.rollout.version_desk import VersionDesk

_AT = Parameter("at", "Who was champion then: a time in ISO 8601, in UTC unless it names a zone.")
_LARGEST = 2**31 - 1


def version_routes(desk: VersionDesk) -> APIRouter:
    """The routes over a desk; they change nothing."""
    routes = APIRouter(prefix="/api/v1/models", tags=["models"], dependencies=[requires("operations:read")])

    @routes.get("", response_model=VersionsBody, responses=problems(422, 503))
    def list_versions(request: Request) -> Response:
        """Every version, oldest first, with the gate's verdict and what it is to users now."""
        Query.of(request)
        return json_response({"versions": desk.overview()})

    @routes.get(
        "/history", response_model=HistoryBody, responses=problems(404, 422, 503), openapi_extra=documented(_AT)
    )
    def champion_history(request: Request) -> Response:
        """Every move of the champion, oldest first, each chained to the one before it; or who was champion then."""
        at = Query.of(request, _AT).values.get("at")
        if at is not None:
            return json_response({"champion": desk.champion_at(at[0]), "moves": None})
        return json_response({"champion": None, "moves": desk.history()})

    @routes.get("/{number}", response_model=ManifestBody, responses=problems(404, 409, 422, 503))
    def one_version(request: Request, number: str) -> Response:
        """What was signed of one version: its data, its settings, its metrics, its gate record and its files."""
        Query.of(request)
        return json_response(desk.described(_number(number)))

    return routes


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and 1 <= int(text) <= _LARGEST):
        detail = "number must be a whole number of at least 1, in digits."
        raise BadInput("value_range", detail, field="number", fix="See the list for the numbers there are.")
    return int(text)
