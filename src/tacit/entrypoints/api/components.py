"""The route by which operators learn how each part of a process stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.memory import memory_share
from tacit.entrypoints.api.rendering import json_response


def component_routes(components: Callable[[], Mapping[str, Any]]) -> APIRouter:
    """The route over what tells how the parts stand."""
    routes = APIRouter(tags=["health"], dependencies=[requires("operations:read")])

    # Not `async`: how the workers stand is read from a file.
    @routes.get("/healthz")
    def healthz(request: Request) -> Response:
        """Every part of the process that answers, and the workers beside it: for operators, not for probes."""
        leaving = bool(getattr(request.app.state, "is_leaving", False))
        return json_response({"is_leaving": leaving, "memory_share": memory_share(), **components()})

    return routes
