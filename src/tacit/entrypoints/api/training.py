"""The routes by which a model is trained in the background, and by which one sees what became of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from tacit.entrypoints.api.callers import actor_of
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.parameters import Parameter, Query, documented, field_unknown
from tacit.entrypoints.api.schemas import problems
from tacit.entrypoints.api.strict_json import kind_of, parse_object, read_json_body
from tacit.entrypoints.api.texts import checked_id
from tacit.entrypoints.api.training_schemas import (
    PRECOMPUTE_BODY,
    TRAIN_BODY,
    EvaluationBody,
    JobBody,
    JobsBody,
    LoggedJobBody,
)
from tacit.errors import BadInput
from tacit.jobs.job import KINDS, STATES, State
from tacit.jobs.kinds import check_model_type, checked_kind
from tacit.rollout.training_desk import TrainingDesk, described

_LOG_CHARACTERS = 16_000
_LIMIT = Parameter(
    "limit", "The most jobs to return.", {"type": "integer", "minimum": 1, "maximum": 1_000, "default": 20}
)
_KIND = Parameter("kind", "Only jobs of this kind.", {"type": "string", "enum": list(KINDS)})
_STATE = Parameter("state", "Only jobs that stand so.", {"type": "string", "enum": list(STATES)})
_FIELDS = ("model_type", "parameters")


def training_routes(desk: TrainingDesk) -> APIRouter:
    """The routes over a desk."""
    guard = requires("operations:read", writing="operations:write")
    routes = APIRouter(prefix="/api/v1/training", tags=["training"], dependencies=[guard])
    _add_asking(routes, desk)
    _add_reading(routes, desk)
    return routes


def _add_asking(routes: APIRouter, desk: TrainingDesk) -> None:
    @routes.post(
        "/train",
        status_code=202,
        response_model=JobBody,
        responses=problems(400, 404, 409, 413, 415, 422, 503, 507),
        openapi_extra=TRAIN_BODY,
    )
    def train(request: Request, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Trains a candidate in the background; it is judged, and reaches nobody by itself."""
        Query.of(request)
        job = desk.ask("train", _parameters_of(parse_object(body)), actor=actor_of(request))
        return _response(described(job), status=202)

    @routes.post(
        "/precompute",
        status_code=202,
        response_model=JobBody,
        responses=problems(400, 404, 409, 413, 415, 422, 503, 507),
        openapi_extra=PRECOMPUTE_BODY,
    )
    def precompute(request: Request, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Makes everybody's list beforehand, in the background, by the champion unless a version is named."""
        Query.of(request)
        job = desk.ask("precompute", parse_object(body), actor=actor_of(request))
        return _response(described(job), status=202)

    @routes.post("/jobs/{job_id}/cancel", response_model=JobBody, responses=problems(404, 409, 422, 503, 507))
    def cancel_job(request: Request, job_id: str) -> Response:
        """Ends a job: at once if it waits, within seconds if it runs."""
        Query.of(request)
        return _response(described(desk.book.cancel(checked_id(job_id, "job_id"), actor=actor_of(request))))


def _add_reading(routes: APIRouter, desk: TrainingDesk) -> None:
    @routes.get(
        "/jobs", response_model=JobsBody, responses=problems(422, 503), openapi_extra=documented(_LIMIT, _KIND, _STATE)
    )
    def list_jobs(request: Request) -> Response:
        """Lists the latest jobs, newest first."""
        query = Query.of(request, _LIMIT, _KIND, _STATE)
        kind, state = query.values.get("kind"), query.values.get("state")
        found = desk.jobs(
            limit=query.limit(20),
            kind=None if kind is None else checked_kind(kind[0]),
            state=None if state is None else _checked_state(state[0]),
        )
        return _response({"jobs": [described(job) for job in found]})

    @routes.get("/jobs/{job_id}", response_model=LoggedJobBody, responses=problems(404, 422, 503))
    def show_job(request: Request, job_id: str) -> Response:
        """Shows a job: where it stands, what it brought, and the end of its log."""
        Query.of(request)
        job = desk.book.job(checked_id(job_id, "job_id"))
        return _response({**described(job), "log": desk.book.log(job)[-_LOG_CHARACTERS:]})

    @routes.get("/evaluate/{run_id}", response_model=EvaluationBody, responses=problems(404, 409, 422, 503))
    def evaluation(request: Request, run_id: str) -> Response:
        """What a run's model scored: of a job that trained or evaluated, or of a version by its number."""
        Query.of(request)
        return _response(desk.evaluation(checked_id(run_id, "run_id")))


def _parameters_of(said: Mapping[str, object]) -> Mapping[str, object]:
    for name in said:
        if name not in _FIELDS:
            raise field_unknown(name, _FIELDS)
    if "model_type" not in said:
        detail = "The request does not say what to train."
        raise BadInput("field_missing", detail, field="model_type", fix='Send "model_type": "als".')
    check_model_type(said["model_type"])
    parameters = said.get("parameters", {})
    if not isinstance(parameters, dict):
        detail = f"parameters is {kind_of(parameters)}; it must be an object."
        raise BadInput("type", detail, field="parameters", fix='Send {"factors": 100, …}, or leave it out.')
    return cast("dict[str, Any]", parameters)


def _checked_state(name: str) -> State:
    if name not in STATES:
        raise BadInput("state_unknown", "No job stands so.", field="state", fix=f"Send one of: {', '.join(STATES)}.")
    return name


def _response(body: object, *, status: int = 200) -> Response:
    # In ASCII: a log may hold what a client cannot show.
    content = json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    return Response(content, status, media_type="application/json")
