"""The checkpoints of an installation, in the order in which requests pass them."""

from __future__ import annotations

from tacit.bootstrap import App, Serving
from tacit.bootstrap.overload import keeping_to
from tacit.entrypoints.api.admission import Admission
from tacit.entrypoints.api.admission_rules import AdmissionRules
from tacit.entrypoints.api.checkpoints import Checkpoint
from tacit.entrypoints.api.guards import guard_checkpoints
from tacit.entrypoints.api.pace import PaceRules
from tacit.entrypoints.api.same_origin import SameOrigin
from tacit.entrypoints.api.visiting import visiting_of


def checkpoints_of(app: App, parts: Serving, callers: Checkpoint) -> list[Checkpoint]:
    """What every request passes first.

    Args:
        app: The platform.
        parts: What answering takes.
        callers: Finds out who asks.
    """
    first, last = guard_checkpoints(parts.guards)
    visiting = visiting_of(app)
    known = [] if visiting is None else [visiting]
    return [*first, admission_of(app, parts), SameOrigin(parts.guards.cors), callers, *last, *known]


def admission_of(app: App, parts: Serving) -> Admission:
    """Lets in what there is room for, as the settings have it; how scarce memory is, it hears from whoever looks."""
    chosen = app.settings.overload
    rules = AdmissionRules(
        soft_seconds=chosen.soft_ms / 1_000,
        hard_seconds=chosen.hard_ms / 1_000,
        least=chosen.least_at_once,
        most=chosen.most_at_once,
        bounds=(
            ("health", 64),
            ("vital", 256),
            ("pages", 2 * chosen.page_threads),
            ("operators", 2 * chosen.operator_threads),
        ),
        queue_seconds=chosen.queue_ms / 1_000,
        reduced_limit=chosen.reduced_limit,
        threads=(
            ("health", 2),
            ("vital", 8),
            ("answers", chosen.most_at_once),
            ("pages", chosen.page_threads),
            ("operators", chosen.operator_threads),
        ),
        keeping=keeping_to,
        pace=PaceRules(chosen.head_seconds, chosen.body_idle_seconds, chosen.body_seconds),
    )
    admission = Admission(rules, parts.metrics)
    parts.memory.tell(admission.memory_is)
    return admission
