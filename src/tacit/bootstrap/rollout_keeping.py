"""The keeper of rollouts, for as long as a server runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from tacit.bootstrap.app import MODEL, App
from tacit.bootstrap.repeating import repeated
from tacit.monitoring.interfaces import MetricSink

if TYPE_CHECKING:
    from tacit.rollout.keeper import RolloutKeeper


def keeping_rollouts(app: App, metrics: MetricSink) -> AbstractContextManager[None]:
    """Look after the rollout that is under way, every other second; any number of servers may."""
    from tacit.rollout.keeper import RolloutKeeper
    from tacit.rollout.moving import Mover

    standing = app.rollouts.standing
    keeper = RolloutKeeper(
        standing.store,
        Mover(standing, metrics),
        app.rollouts.observer,
        name=MODEL,
        clock_ms=standing.clock_ms,
        metrics=metrics,
    )
    every_seconds = app.settings.rollout.every_seconds
    look = _look(keeper)
    return repeated(look, name="rollout-keeper", every_seconds=every_seconds, is_begun_at_once=False)


def _look(keeper: RolloutKeeper) -> Callable[[], None]:
    """Have a keeper look, and tell the log of each step that was made."""
    import structlog

    logger = structlog.get_logger(__name__)
    last: tuple[int, int] | None = None

    def look() -> None:
        nonlocal last
        rollout = keeper.tick()
        if rollout is not None and (rollout.rollout_id, rollout.revision) != last:
            last = (rollout.rollout_id, rollout.revision)
            logger.info(
                "rollout_seen", rollout=rollout.rollout_id, state=rollout.state, stage=rollout.stage, by=rollout.by
            )

    return look
