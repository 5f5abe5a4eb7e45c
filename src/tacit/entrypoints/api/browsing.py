"""The routes of whoever looks around, gathered, with the further addresses that lists are found under."""

from __future__ import annotations

from fastapi import APIRouter

from tacit.bootstrap import App, Serving
from tacit.entrypoints.api.aliases import alias_routes
from tacit.entrypoints.api.charts import chart_routes
from tacit.entrypoints.api.monitoring import mlflow_routes, monitoring_routes
from tacit.entrypoints.api.moods import mood_editing_routes, mood_routes
from tacit.entrypoints.api.recommendations import recommendation_routes


def browsing_routes(app: App, parts: Serving) -> list[APIRouter]:
    """Moods, charts and draws; aliases; metrics; runs in MLflow's words."""
    moods, charts = mood_routes(parts.browsing), chart_routes(parts.browsing)
    return [
        moods,
        mood_editing_routes(parts.browsing, app.moods),
        charts,
        alias_routes([recommendation_routes(parts.service), moods, charts]),
        monitoring_routes(parts.metrics.registry),
        mlflow_routes(app.runs),
    ]
