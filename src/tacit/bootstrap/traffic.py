"""What dividing users among versions takes, wired for as long as a server runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tacit.bootstrap.app import MODEL, App
from tacit.errors import TacitError

if TYPE_CHECKING:
    from tacit.serving.arm_tallies import ArmTallies
    from tacit.serving.events import Observer
    from tacit.serving.model_pool import ModelPool
    from tacit.serving.traffic_follower import TrafficFollower

_SECONDS_BETWEEN_WARNINGS = 60.0


def traffic_follower(app: App, pool: ModelPool, tallies: ArmTallies) -> TrafficFollower:
    """What carries out the plan here, once it is started."""
    from tacit.adapters.journal import log_serving_event
    from tacit.adapters.threads import step_back
    from tacit.bootstrap.freshness import coldstart_of
    from tacit.serving.traffic_follower import TrafficFollower

    return TrafficFollower(
        app.traffic,
        pool,
        tallies,
        name=MODEL,
        rungs=coldstart_of(app),
        step_back=step_back,
        observe=log_serving_event,
        poll_seconds=app.settings.serving.refresh_seconds,
    )


@contextmanager
def counted(app: App) -> Iterator[ArmTallies]:
    """Count what becomes of requests; at the end what waits is handed on."""
    from tacit.adapters.journal import log_serving_event
    from tacit.serving.arm_tallies import ArmTallies

    tallies = ArmTallies(app.arm_traffic, failed=_telling(log_serving_event))
    tallies.start()
    try:
        yield tallies
    finally:
        tallies.stop()


@contextmanager
def followed(follower: TrafficFollower) -> Iterator[None]:
    """Have the plan in force here from now on."""
    follower.start()
    try:
        yield
    finally:
        follower.stop()


def _telling(observe: Observer) -> Callable[[Exception], None]:
    """Tell of one failure a minute at most."""
    from tacit.serving.events import CountsUnkept

    told_at = [-_SECONDS_BETWEEN_WARNINGS]

    def failed(error: Exception) -> None:
        if time.monotonic() - told_at[0] >= _SECONDS_BETWEEN_WARNINGS:
            told_at[0] = time.monotonic()
            code = error.code if isinstance(error, TacitError) else "unexpected"
            observe(CountsUnkept(code, ascii(str(error))[:200]))

    return failed
