"""The routes by which others learn whether we live, may be asked, and are well."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter
from starlette.responses import Response

from tacit.entrypoints.api.rendering import json_response
from tacit.entrypoints.api.schemas import HealthBody
from tacit.serving.health import judge_health
from tacit.serving.model_pool import ModelPool


def health_routes(pool: ModelPool, memory_share: Callable[[], float | None]) -> APIRouter:
    """The routes over a pool; none of them waits for anything, so they run on the event loop itself."""
    routes = APIRouter(tags=["health"])

    @routes.get("/livez")
    async def livez() -> Response:
        """The process turns; if this fails, restart it."""
        return json_response({"status": "alive"})

    @routes.get("/readyz")
    async def readyz() -> Response:
        """A verified model is loaded; until then, send requests elsewhere."""
        loaded = pool.loaded
        if loaded is None:
            return json_response({"status": "not_ready", "reasons": ["no model is loaded"]}, status=503)
        return json_response({"status": "ready", "model_version": loaded.label})

    @routes.get("/health", response_model=HealthBody, responses={503: {"model": HealthBody}})
    async def health() -> Response:
        """How well we can answer, and why not better."""
        loaded = pool.loaded
        judged = judge_health(loaded, pool.refused, pool.lost, memory_share=memory_share())
        body = {
            "status": judged.status,
            "model_loaded": judged.model_loaded,
            "model_version": None if loaded is None else loaded.label,
            "reasons": judged.reasons,
        }
        return json_response(body, status=503 if judged.status == "unhealthy" else 200)

    return routes
