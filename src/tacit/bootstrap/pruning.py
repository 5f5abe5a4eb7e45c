"""Pruning as the settings ask for it, with what the traffic plan names kept."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from tacit.errors import TacitError

if TYPE_CHECKING:
    from tacit.registry.retention import PruningReport, Retention
    from tacit.rollout.traffic import TrafficPlan
    from tacit.settings import Settings


def prune(
    retention: Retention,
    settings: Settings,
    plan: Callable[[], TrafficPlan],
    *,
    name: str,
    actor: str,
    is_dry: bool = False,
) -> PruningReport:
    """Make metadata of the versions that need not stay deployable, or say which would be."""
    from tacit.rollout.roles import in_traffic

    def also() -> Collection[int]:
        return in_traffic(plan())

    keep = settings.registry.keep_versions
    if is_dry:
        return retention.plan(name, keep=keep, also=also)
    return retention.prune(name, keep=keep, also=also, actor=actor)


def prune_quietly(
    retention: Retention, settings: Settings, plan: Callable[[], TrafficPlan], *, name: str, actor: str
) -> None:
    """Prune after a registration; what keeps that from being done is logged, and does not undo the registration."""
    import structlog

    try:
        prune(retention, settings, plan, name=name, actor=actor)
    except (TacitError, OSError) as problem:
        code = problem.code if isinstance(problem, TacitError) else "artifact_unwritable"
        structlog.get_logger(__name__).warning("versions_unpruned", code=code, detail=str(problem))
