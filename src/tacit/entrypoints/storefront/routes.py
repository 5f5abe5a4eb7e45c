"""A route that, whatever happens, answers with a page."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from fastapi import Request, Response
from fastapi.routing import APIRoute

from tacit.entrypoints.api.errors import ERROR
from tacit.errors import TacitError

log = structlog.get_logger(__name__)


def page_route(failure_page: Callable[[Request, Exception], Response]) -> type[APIRoute]:
    """The kind of route whose errors are shown as pages, and counted at the door like any other's."""

    class PageRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()

            async def always(request: Request) -> Response:
                try:
                    return await answer(request)
                except Exception as error:
                    if not isinstance(error, TacitError):
                        log.exception("page_failed", route=self.path)
                    request.scope[ERROR] = error
                    return failure_page(request, error)

            return always

    return PageRoute
