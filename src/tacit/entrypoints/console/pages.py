"""All pages of the console, gathered for whoever serves them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from tacit.bootstrap import App, Serving
from tacit.bootstrap.components import components
from tacit.bootstrap.console import champion_of, database_lost_since, figures_over, installation_of
from tacit.bootstrap.drift_watching import drift_desk
from tacit.bootstrap.monitoring import alert_desk
from tacit.entrypoints.api.errors import RefusalPage
from tacit.entrypoints.api.memory import memory_share
from tacit.entrypoints.console.alerts_pages import AlertDesk, AlertWatch, alert_pages
from tacit.entrypoints.console.charts import figure_routes
from tacit.entrypoints.console.data_pages import Inflow, data_routes
from tacit.entrypoints.console.drift_pages import DriftDesk, drift_pages
from tacit.entrypoints.console.frame import ROOT, ConsolePages
from tacit.entrypoints.console.further_pages import further_routes
from tacit.entrypoints.console.jobs_pages import job_pages
from tacit.entrypoints.console.overview import Watched, overview_routes
from tacit.entrypoints.console.quarantine_pages import quarantine_pages
from tacit.entrypoints.console.rendering import PREFIX
from tacit.entrypoints.console.settings_page import settings_routes
from tacit.entrypoints.storefront.pages import sender
from tacit.monitoring import overload_metrics as overload
from tacit.monitoring.recent import RecentFigures


@dataclass(frozen=True)
class Console:
    """What a server includes of it.

    Attributes:
        routers: Its pages.
        background: What must run for as long as they are served.
        recent: What its charts are drawn from.
        failure: The page in the place of one that cannot be shown.
    """

    routers: Sequence[APIRouter]
    background: Sequence[Callable[[], AbstractContextManager[None]]]
    recent: RecentFigures
    failure: RefusalPage

    def failure_or(self, elsewhere: RefusalPage) -> RefusalPage:
        """The same below the console's own address, and another page everywhere else."""

        def page(request: Request, error: Exception) -> Response:
            is_ours = request.url.path == ROOT or request.url.path.startswith(f"{ROOT}/")
            return (self.failure if is_ours else elsewhere)(request, error)

        return page


@dataclass(frozen=True)
class Watchers:
    """Who else knows how things stand, where somebody does.

    Attributes:
        alerts: What is wrong now.
        runbooks: Where runbooks lie, with a `/` at the end.
        drift: How far the world has moved.
    """

    alerts: AlertDesk | None = None
    runbooks: str = "docs/runbooks/"
    drift: DriftDesk | None = None


def watchers_of(app: App) -> Watchers:
    """Who they are in an installation."""
    return Watchers(alert_desk(app), app.settings.alerts.runbook_url, drift_desk(app))


def console(app: App, parts: Serving, watchers: Watchers | None = None) -> Console:
    """The console of an installation."""
    known = watchers or Watchers()
    alerts = None if known.alerts is None else AlertWatch(known.alerts, known.runbooks)
    frame = ConsolePages(
        facts=lambda: installation_of(parts),
        banners=() if alerts is None else (alerts.banner,),
        lost_since_ms=lambda: database_lost_since(parts),
    )
    figures = figures_over(app, parts)
    watched = Watched(
        figures.recent,
        lambda: _components(app, parts),
        lambda: champion_of(parts),
        (lambda: None) if alerts is None else alerts.firing,
    )
    return Console(
        [
            static_routes(frame),
            figure_routes(frame, figures.recent),
            overview_routes(frame, watched),
            data_routes(frame, _inflow(app, figures.recent)),
            quarantine_pages(frame, app.quarantine),
            job_pages(frame, parts.training),
            alert_pages(frame, alerts),
            drift_pages(frame, known.drift),
            settings_routes(frame, app.in_force),
            *further_routes(frame, app, parts),
        ],
        [figures.keeping],
        figures.recent,
        frame.failure,
    )


def _inflow(app: App, recent: RecentFigures) -> Inflow:
    store = app.event_store
    return Inflow(recent, store.counts, store.quarantine_reasons, app.history, app.dataset)


def static_routes(frame: ConsolePages) -> APIRouter:
    """The files of the pages, which tell nobody anything."""
    router = APIRouter(include_in_schema=False)
    send: Callable[[str, str], Response] = sender(frame.renderer.assets)
    router.add_api_route(PREFIX + "/{digest}/{name}", send, response_model=None)
    return router


def _components(app: App, parts: Serving) -> Mapping[str, Any]:
    """How each part stands, with what spares calls and how scarce memory is."""
    read = parts.metrics.value
    breakers = {name: read(overload.BREAKER_OPEN, dependency=name) > 0 for name in overload.DEPENDENCIES}
    memory = {"share": memory_share(), "step": read(overload.MEMORY_STEP)}
    return {**components(app, parts), "breakers": breakers, "memory": memory}
