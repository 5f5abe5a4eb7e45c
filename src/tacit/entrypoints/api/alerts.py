"""The routes by which operators see what is wrong now, and have an alert be silent for a while."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from tacit.entrypoints.api.alert_schemas import SILENCE_BODY, AlertsBody, SilenceBody
from tacit.entrypoints.api.body_fields import known_fields
from tacit.entrypoints.api.callers import actor_of
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.parameters import Query
from tacit.entrypoints.api.rendering import json_response
from tacit.entrypoints.api.schemas import problems
from tacit.entrypoints.api.strict_json import kind_of, read_json_body
from tacit.entrypoints.api.texts import checked_id
from tacit.errors import BadInput
from tacit.monitoring.alert_desk import AlertDesk, described


def alert_routes(desk: AlertDesk) -> APIRouter:
    """The routes over a desk."""
    guard = requires("operations:read", writing="operations:write")
    routes = APIRouter(prefix="/api/v1/alerts", tags=["alerts"], dependencies=[guard])

    @routes.get("", response_model=AlertsBody, responses=problems(422))
    def list_alerts(request: Request) -> Response:
        """What is wrong now as Alertmanager has it, who is told, every rule; or that nobody watches, and why."""
        Query.of(request)
        return json_response(described(desk.state()))

    _add_silences(routes, desk)
    return routes


def _add_silences(routes: APIRouter, desk: AlertDesk) -> None:
    bodies = problems(400, 404, 409, 413, 415, 422, 503)

    @routes.post("/silences", status_code=201, response_model=SilenceBody, responses=bodies, openapi_extra=SILENCE_BODY)
    def silence_alert(request: Request, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Has nobody be told of an alert for a while; it goes on to be shown."""
        Query.of(request)
        said = known_fields(body, ("alert", "hours", "reason", "labels"), "alert", "hours", "reason")
        made = desk.silence(
            _text(said["alert"], "alert"),
            hours=_number(said["hours"], "hours"),
            reason=_text(said["reason"], "reason"),
            labels=_labels(said.get("labels")),
            actor=actor_of(request),
        )
        return json_response(asdict(made), status=201)

    @routes.delete("/silences/{silence_id}", response_model=SilenceBody, responses=problems(404, 409, 422, 503))
    def end_silence(request: Request, silence_id: str) -> Response:
        """Ends a silence before its time."""
        Query.of(request)
        return json_response(asdict(desk.unsilence(checked_id(silence_id, "silence_id"), actor=actor_of(request))))


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise _wrong(value, name, "a string")
    return value


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise _wrong(value, name, "a number")
    return float(value)


def _labels(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong(value, "labels", "an object of strings")
    return {name: _text(each, f"labels.{name[:64]}") for name, each in value.items()}


def _wrong(value: object, name: str, wanted: str) -> BadInput:
    return BadInput("type", f"{name} is {kind_of(value)}; it must be {wanted}.", field=name, fix=f"Send {wanted}.")
