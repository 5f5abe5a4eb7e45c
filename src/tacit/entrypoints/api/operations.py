"""The routes of what operators do, gathered for whoever serves all of them."""

from __future__ import annotations

from fastapi import APIRouter

from tacit.bootstrap import App, Serving
from tacit.bootstrap.components import components
from tacit.bootstrap.drift_watching import drift_desk
from tacit.bootstrap.events import rules_of
from tacit.bootstrap.guarding import guard_desk
from tacit.bootstrap.monitoring import alert_desk
from tacit.bootstrap.upkeep import version_desk
from tacit.entrypoints.api.ab import comparing_routes
from tacit.entrypoints.api.accounts import account_routes
from tacit.entrypoints.api.alerts import alert_routes
from tacit.entrypoints.api.blocks import guard_routes
from tacit.entrypoints.api.browsing import browsing_routes
from tacit.entrypoints.api.bulk import many_routes
from tacit.entrypoints.api.components import component_routes
from tacit.entrypoints.api.drift import drift_routes
from tacit.entrypoints.api.experiments import experiment_routes
from tacit.entrypoints.api.hiding import hiding_routes
from tacit.entrypoints.api.keys import key_routes
from tacit.entrypoints.api.rollouts import rollout_routes
from tacit.entrypoints.api.tokens import token_routes
from tacit.entrypoints.api.training import training_routes
from tacit.entrypoints.api.versions import version_routes


def further_routes(app: App, parts: Serving) -> list[APIRouter]:
    """What operators do, who may ask, what users hid, and what one browses."""
    return [
        version_routes(version_desk(app)),
        rollout_routes(app.rollouts.counted(parts.metrics)),
        *comparing_routes(app.ab, app.outcome_desk),
        experiment_routes(app.runs),
        training_routes(parts.training),
        drift_routes(drift_desk(app), parts.training),
        key_routes(app.keys.desk),
        account_routes(app.people.desk),
        token_routes(app.people.counted(parts.metrics)),
        component_routes(lambda: components(app, parts)),
        guard_routes(guard_desk(app)),
        alert_routes(alert_desk(app)),
        hiding_routes(parts.hiding),
        *browsing_routes(app, parts),
        *many_routes(parts.service.bench, rules_of(app.settings)),
    ]
