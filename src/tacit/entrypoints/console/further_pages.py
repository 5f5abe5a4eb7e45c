"""The console's pages on versions, rollouts, experiments, access and trails, over an installation."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from tacit.bootstrap import App, Serving
from tacit.bootstrap.guarding import guard_desk
from tacit.bootstrap.upkeep import version_desk
from tacit.entrypoints.console.ab_pages import AbPages
from tacit.entrypoints.console.access_pages import BlockPages, KeyPages
from tacit.entrypoints.console.accounts_pages import AccountPages
from tacit.entrypoints.console.frame import ConsolePages
from tacit.entrypoints.console.models_pages import ModelPages
from tacit.entrypoints.console.rollouts_pages import RolloutPages
from tacit.entrypoints.console.runs_pages import RunPages
from tacit.entrypoints.console.trails_pages import TrailPages


def further_routes(frame: ConsolePages, app: App, parts: Serving) -> Sequence[APIRouter]:
    """The pages as routes."""
    versions = version_desk(app)
    return (
        ModelPages(frame, app, versions).router(),
        RolloutPages(frame, app, app.rollouts.counted(parts.metrics), versions=versions).router(),
        AbPages(frame, app.ab, versions).router(),
        RunPages(frame, app.runs).router(),
        KeyPages(frame, app.keys.desk, mode=app.settings.auth.mode).router(),
        BlockPages(frame, guard_desk(app)).router(),
        AccountPages(frame, app.people.desk, app.people.counted(parts.metrics)).router(),
        TrailPages(frame, app).router(),
    )
