"""The routes by which somebody reads the ledger of runs; nothing is started or changed here."""

from __future__ import annotations

import json

from fastapi import APIRouter, Request
from starlette.responses import Response

from tacit.entrypoints.api.experiment_schemas import ChoicesBody, RunBody, RunsBody
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.parameters import LIMIT, Parameter, Query, documented
from tacit.entrypoints.api.schemas import problems
from tacit.entrypoints.api.texts import checked_id
from tacit.errors import NotFound
from tacit.models.experiments.interfaces import RunStore

_EXPERIMENT = Parameter("experiment", "Only those of this sweep or search.")


def experiment_routes(store: RunStore) -> APIRouter:
    """The routes over a ledger of runs."""
    routes = APIRouter(prefix="/api/v1/experiments", tags=["experiments"], dependencies=[requires("operations:read")])

    @routes.get("", response_model=RunsBody, responses=problems(422, 503), openapi_extra=documented(LIMIT, _EXPERIMENT))
    def list_runs(request: Request) -> Response:
        """Runs of sweeps, searches and trainings, the latest first."""
        query = Query.of(request, LIMIT, _EXPERIMENT)
        found = store.runs(experiment=_experiment(query), limit=query.limit())
        return _response({"runs": [run.as_dict() for run in found]})

    @routes.get(
        "/choices",
        response_model=ChoicesBody,
        responses=problems(422, 503),
        openapi_extra=documented(LIMIT, _EXPERIMENT),
    )
    def list_choices(request: Request) -> Response:
        """What was chosen among runs, by which rule and why, the latest first."""
        query = Query.of(request, LIMIT, _EXPERIMENT)
        found = store.choices(experiment=_experiment(query), limit=query.limit())
        return _response({"choices": [choice.as_dict() for choice in found]})

    @routes.get("/{run_id}", response_model=RunBody, responses=problems(404, 422, 503))
    def run(request: Request, run_id: str) -> Response:
        """One run: what decided it, what it scored along the way and at the end, what it cost."""
        Query.of(request)
        found = store.run(checked_id(run_id, "run_id"))
        if found is None:
            raise NotFound(
                "run_unknown",
                "There is no such run.",
                field="run_id",
                fix="See GET /api/v1/experiments for those there are.",
            )
        return _response(found.as_dict())

    return routes


def _experiment(query: Query) -> str | None:
    given = query.values.get("experiment")
    return None if given is None else checked_id(given[0], "experiment")


def _response(body: object) -> Response:
    return Response(json.dumps(body, allow_nan=False, separators=(",", ":")).encode(), media_type="application/json")
