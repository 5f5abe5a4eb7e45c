"""The keeper of rollouts, for as long as a server runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tacit.bootstrap.app import MODEL, App
from tacit.errors import TacitError
from tacit.monitoring.interfaces import MetricSink

if TYPE_CHECKING:
    from tacit.rollout.keeper import RolloutKeeper


@contextmanager
def keeping_rollouts(app: App, metrics: MetricSink) -> Iterator[None]:
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
    over = threading.Event()
    thread = threading.Thread(
        target=_keep, args=(keeper, over, app.settings.rollout.every_seconds), name="rollout-keeper", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=10)


def _keep(keeper: RolloutKeeper, over: threading.Event, every_seconds: float) -> None:
    import structlog

    logger = structlog.get_logger(__name__)
    last: tuple[int, int] | None = None
    while not over.wait(every_seconds):
        try:
            rollout = keeper.tick()
        except Exception as problem:
            # The next look takes up from there; ended by one failure, nobody would abort what is bad.
            code = problem.code if isinstance(problem, TacitError) else type(problem).__name__
            logger.warning("rollout_unkept", code=code, detail=str(problem)[:200])
            continue
        if rollout is not None and (rollout.rollout_id, rollout.revision) != last:
            last = (rollout.rollout_id, rollout.revision)
            logger.info(
                "rollout_seen", rollout=rollout.rollout_id, state=rollout.state, stage=rollout.stage, by=rollout.by
            )
