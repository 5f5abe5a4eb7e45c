"""The routes by which somebody looks at numbers: this process's metrics, and runs in the words of MLflow."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol

from fastapi import APIRouter, Request
from starlette.responses import Response

from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.monitoring_schemas import MetricsBody, MlflowRunBody, MlflowRunsBody
from tacit.entrypoints.api.parameters import LIMIT, Parameter, Query, documented
from tacit.entrypoints.api.rendering import json_response
from tacit.entrypoints.api.schemas import problems
from tacit.entrypoints.api.texts import checked_id
from tacit.errors import NotFound
from tacit.models.experiments.interfaces import RunStore
from tacit.models.experiments.runs import Run
from tacit.monitoring.metrics import CATALOGUE

_NAME = Parameter("name", "The only metric.")
_EXPERIMENT = Parameter("experiment", "Only runs of this sweep or search.")
_STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}


class Registry(Protocol):
    """Everything that is measured in this process."""

    def collect(self) -> Iterable[Any]: ...


def monitoring_routes(registry: Registry) -> APIRouter:
    """The routes over what is measured here."""
    routes = APIRouter(prefix="/api/v1/monitoring", tags=["monitoring"], dependencies=[requires("operations:read")])

    @routes.get("/metrics", response_model=MetricsBody, responses=problems(404, 422), openapi_extra=documented(_NAME))
    def measured(request: Request) -> Response:
        """What this process measures, as `/metrics` exports it, without the buckets of histograms."""
        query = Query.of(request, _NAME)
        given = query.values.get(_NAME.name)
        wanted = None if given is None else checked_id(given[0], _NAME.name)
        told = _measured(registry, wanted)
        if wanted is not None and not told:
            fix = "GET /api/v1/monitoring/metrics names all there are."
            raise NotFound("metric_unknown", "Nothing of this name is measured.", field="name", fix=fix)
        return json_response({"metrics": told})

    return routes


def mlflow_routes(store: RunStore) -> APIRouter:
    """The routes over the ledger of runs, in the shapes of MLflow's own."""
    routes = APIRouter(prefix="/api/v1/mlflow", tags=["mlflow"], dependencies=[requires("operations:read")])
    known = (LIMIT, _EXPERIMENT)

    @routes.get("/runs", response_model=MlflowRunsBody, responses=problems(422, 503), openapi_extra=documented(*known))
    def mlflow_runs(request: Request) -> Response:
        """Runs of the ledger as MLflow words them, the latest first; GET /api/v1/experiments tells all of each."""
        query = Query.of(request, *known)
        given = query.values.get(_EXPERIMENT.name)
        experiment = None if given is None else checked_id(given[0], _EXPERIMENT.name)
        found = store.runs(experiment=experiment, limit=query.limit())
        return json_response({"runs": [_run(run) for run in found]})

    @routes.get("/runs/{run_id}", response_model=MlflowRunBody, responses=problems(404, 422, 503))
    def mlflow_run(request: Request, run_id: str) -> Response:
        """One of them."""
        Query.of(request)
        found = store.run(checked_id(run_id, "run_id"))
        if found is None:
            fix = "See GET /api/v1/mlflow/runs for those there are."
            raise NotFound("run_unknown", "There is no such run.", field="run_id", fix=fix)
        return json_response({"run": _run(found)})

    return routes


def _measured(registry: Registry, wanted: str | None) -> list[dict[str, Any]]:
    declared = {metric.name: metric for metric in CATALOGUE}
    told: dict[str, dict[str, Any]] = {}
    for family in registry.collect():
        for sample in family.samples:
            name = sample.name
            if name.endswith(("_bucket", "_created")) or wanted not in (None, name, family.name):
                continue
            metric = declared.get(name) or declared.get(family.name)
            facts = {"name": name, "kind": family.type, "help": metric.help if metric else family.documentation}
            series = {"labels": sample.labels, "value": sample.value if math.isfinite(sample.value) else None}
            told.setdefault(name, {**facts, "series": []})["series"].append(series)
    return [told[name] for name in sorted(told)]


def _run(run: Run) -> dict[str, Any]:
    outcome = run.outcome
    return {
        "info": {
            "run_id": run.run_id,
            "run_name": run.name,
            "experiment_id": run.experiment,
            "status": _STATUS[outcome.state],
            "start_time": _milliseconds(run.started_at),
            "end_time": _milliseconds(run.ended_at),
        },
        "data": {
            "metrics": [{"key": key, "value": value} for key, value in sorted(outcome.metrics.items())],
            "params": [{"key": key, "value": str(value)} for key, value in sorted(run.recipe.parameters.items())],
            "tags": [{"key": "dataset", "value": run.dataset}, {"key": "snapshot", "value": run.recipe.snapshot}],
        },
    }


def _milliseconds(at: str) -> int:
    return int(datetime.fromisoformat(at).timestamp() * 1_000)
