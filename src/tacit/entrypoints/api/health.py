"""The routes by which others learn whether we live, may be asked, and are well."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from starlette.responses import Response

from tacit.data.events import LogState
from tacit.entrypoints.api.rendering import json_response
from tacit.entrypoints.api.schemas import HealthBody
from tacit.serving.health import FAIL_AFTER, Health, HealthWatch, Role, judge_health
from tacit.serving.model_pool import LoadedVersion, ModelPool


def health_routes(
    pool: ModelPool,
    memory_share: Callable[[], float | None],
    events: Callable[[], LogState] | None = None,
    *,
    role: Role = "all",
) -> APIRouter:
    """The routes over a pool; none of them waits for anything, so they run on the event loop itself.

    Args:
        pool: Keeps the model loaded.
        memory_share: Share of the memory in use, if known.
        events: How it stands with events, where any are taken here.
        role: What this process does.
    """
    routes = APIRouter(tags=["health"])
    _add_probes(routes, pool, events)
    watch: HealthWatch | None = None

    @routes.get("/health", response_model=HealthBody, responses={503: {"model": HealthBody}})
    async def health(request: Request) -> Response:
        """How well we can answer, and why not better."""
        nonlocal watch
        watch = watch or HealthWatch(getattr(request.app.state, "fail_after", FAIL_AFTER))
        loaded, log = pool.loaded, None if events is None else events()
        judged = watch.called(judge_health(loaded, pool.refused, pool.lost, memory_share=memory_share(), events=log))
        body = _body(judged, loaded, log, role=role)
        return json_response(body, status=503 if judged.status == "unhealthy" else 200)

    return routes


def _add_probes(routes: APIRouter, pool: ModelPool, events: Callable[[], LogState] | None) -> None:
    """Add the routes for whoever restarts what hangs, spreads requests, or waits for a start."""

    @routes.get("/livez")
    @routes.get("/live", include_in_schema=False)
    async def livez() -> Response:
        """The process turns; if this fails, restart it."""
        return json_response({"status": "alive"})

    @routes.get("/readyz")
    @routes.get("/ready", include_in_schema=False)
    async def readyz(request: Request) -> Response:
        """A verified model is loaded, and we are not on our way out; if not, send requests elsewhere."""
        loaded, is_leaving = pool.loaded, bool(getattr(request.app.state, "is_leaving", False))
        if loaded is None or is_leaving:
            reason = "this process is about to end" if is_leaving else "no model is loaded"
            return json_response({"status": "not_ready", "reasons": [reason]}, status=503)
        judged = judge_health(loaded, pool.refused, pool.lost, events=None if events is None else events())
        return json_response({"status": "ready", "model_version": loaded.label, "reasons": judged.reasons})

    @routes.get("/startupz")
    async def startupz() -> Response:
        """What a process does before it answers is over; asked of one that is not that far, nobody answers."""
        return json_response({"status": "started"})


def _body(judged: Health, loaded: LoadedVersion | None, log: LogState | None, *, role: Role) -> dict[str, object]:
    return {
        "status": judged.status,
        "role": role,
        "model_loaded": judged.model_loaded,
        "model_version": None if loaded is None else loaded.label,
        "reasons": judged.reasons,
        "events": None if log is None else {"taken": log.refusal is None, "lag": log.lag},
    }
