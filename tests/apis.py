"""The interface over what a home is served by, in this process."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from tacit.bootstrap.serving import Serving
from tacit.entrypoints.api.app import create_app


def api_of(parts: Serving, **further: Any) -> FastAPI:
    """The application over the parts of a server, its champion loaded; `further` as `create_app` takes it."""
    parts.pool.refresh()
    return create_app(
        parts.service,
        parts.pool,
        parts.metrics,
        version="0",
        intake=parts.intake,
        items=parts.items,
        users=parts.users,
        **further,
    )
