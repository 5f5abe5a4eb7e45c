"""Operations under further addresses: those that older descriptions of the platform promised.

An alias is no copy: it is the operation of the canonical address, with whatever that one asks of its callers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

UNVERSIONED: Mapping[str, str] = {
    "/recommend/{user_id}": "/api/v1/users/{user_id}/recommendations",
    "/mood/{mood}": "/api/v1/moods/{mood}/recommendations",
    "/similar/{item_id}": "/api/v1/items/{item_id}/similar",
    "/top-charts": "/api/v1/charts",
    "/random": "/api/v1/discover",
}
"""Addresses without a version, and the canonical ones; beside them stands `/health`, which has no other."""

VERSIONED: Mapping[str, str] = {
    "/api/v1/recommendations/user/{user_id}": "/api/v1/users/{user_id}/recommendations",
}
"""A second address of the same version."""

_PLAIN = "%:@!$&'()*+,;="
"""What may stand in a part of a path beside letters, digits and `-._~`; what is encoded already stays as it is."""

DEPRECATED_SINCE = "@1795219200"
"""2026-11-21, as RFC 9745 writes it."""


def alias_routes(routers: Sequence[APIRouter]) -> APIRouter:
    """The aliases of operations that stand in some routers."""
    canonical = {
        route.path: route
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute) and route.methods == {"GET"}
    }
    aliases = APIRouter()
    for path, target in {**UNVERSIONED, **VERSIONED}.items():
        _add(aliases, path, canonical[target], is_deprecated=path in UNVERSIONED)
    return aliases


def _add(aliases: APIRouter, path: str, route: APIRoute, *, is_deprecated: bool) -> None:
    aliases.add_api_route(
        path,
        route.endpoint,
        name=route.name,
        methods=["GET"],
        tags=list(route.tags),
        description=f"{route.description}\n\nThe same as `GET {route.path}`.",
        response_model=route.response_model,
        responses=route.responses,
        openapi_extra=route.openapi_extra,
        dependencies=route.dependencies,
        deprecated=is_deprecated or None,
        route_class_override=_route_class(route.path, is_deprecated=is_deprecated),
    )


def _route_class(target: str, *, is_deprecated: bool) -> type[APIRoute]:
    """A route whose answers name the canonical address."""

    class Alias(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Any]:
            answer = super().get_route_handler()

            async def told(request: Request) -> Response:
                response: Response = await answer(request)
                relation = "successor-version" if is_deprecated else "canonical"
                response.headers["Link"] = f'<{_address(target, request.path_params)}>; rel="{relation}"'
                if is_deprecated:
                    response.headers["Deprecation"] = DEPRECATED_SINCE
                return response

            return told

    return Alias


def _address(target: str, parameters: Mapping[str, str]) -> str:
    """The canonical address of a request, in which whatever a header cannot hold is percent-encoded."""
    return target.format(**{name: quote(value, safe=_PLAIN) for name, value in parameters.items()})
