"""How the machine, the version that answers and the trails stand, as metrics."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tacit.bootstrap.live_quality import LiveQuality
from tacit.bootstrap.repeating import repeated
from tacit.errors import TacitError
from tacit.monitoring import host_metrics as host
from tacit.monitoring import model_metrics as measured
from tacit.monitoring.interfaces import MetricSink

if TYPE_CHECKING:
    from tacit.bootstrap.app import App
    from tacit.serving.model_pool import ModelPool

_EVERY_SECONDS = 30.0
_TRAIL_SECONDS = 24 * 3_600.0
"""Between two goings through of both trails: each reads every row there is."""


@contextmanager
def measuring(app: App, pool: ModelPool, metrics: MetricSink) -> Iterator[None]:
    """Have it measured how things stand, until the end; events and trails by the process that takes events alone."""
    watch_host(metrics, app.settings.home)
    watch_model(metrics, pool, clock=time.time)
    work = [LiveQuality(app, pool, metrics).look]
    if app.settings.serving.role != "reader":
        with suppress(TacitError):  # of a store that is away, others tell
            metrics.set(measured.LAST_EVENT, last_applied(app))
        work.append(_Trails(app, metrics).look)
    with repeated(*work, name="numbers", every_seconds=_EVERY_SECONDS, is_begun_at_once=False):
        yield


def watch_host(metrics: MetricSink, home: Path) -> None:
    """Have the metrics of the machine say how it stands, whenever they are asked."""
    from tacit.adapters.host import memory_in_use
    from tacit.adapters.host_numbers import cpu_cores, disk_free, oom_kills

    began = time.monotonic()
    metrics.watch(host.MEMORY_RATIO, lambda: _or_nan(memory_in_use()))
    metrics.watch(host.CPU_CORES, cpu_cores)
    metrics.watch(host.DISK_FREE, lambda: disk_free(home))
    metrics.watch(host.OOM_KILLS, oom_kills)
    metrics.watch(host.UPTIME, lambda: time.monotonic() - began)


def watch_model(metrics: MetricSink, pool: ModelPool, *, clock: Callable[[], float]) -> None:
    """Have the metrics of the version that answers say how old and how good it was, whenever they are asked."""

    def age() -> float:
        loaded = pool.loaded
        return math.nan if loaded is None else clock() - datetime.fromisoformat(loaded.manifest.created_at).timestamp()

    def baseline(metric: str) -> float:
        loaded = pool.loaded
        return math.nan if loaded is None else loaded.manifest.metrics.get(metric, math.nan)

    metrics.watch(measured.MODEL_AGE, age)
    for metric in measured.QUALITY_METRICS:
        metrics.watch(measured.QUALITY_BASELINE, partial(baseline, metric), metric=metric)
        metrics.set(measured.QUALITY_LIVE, math.nan, metric=metric)


def last_applied(app: App) -> float:
    """When the last event that the store knows came in, in seconds since 1970; 0 if there is none."""
    turn = app.event_store.last_turn
    found = app.event_store.applied(turn - 1, limit=1) if turn else ()
    return found[-1].logged.received_at_ms / 1_000 if found else 0.0


class _Trails:
    """Goes through both trails once a day, first when the server has been awake for a while."""

    def __init__(self, app: App, metrics: MetricSink) -> None:
        self._app, self._metrics = app, metrics
        self._looked_at = -math.inf

    def look(self) -> None:
        if time.monotonic() - self._looked_at < _TRAIL_SECONDS:
            return
        self._looked_at = time.monotonic()
        check_trails(self._app, self._metrics)


def check_trails(app: App, metrics: MetricSink) -> None:
    """Go through both trails, and have it measured whether they are what was written."""
    from tacit.bootstrap.trails import verified

    path = app.settings.audit.head_file
    heads = path.read_text("ascii") if path is not None and path.exists() else None
    for each in verified(app, heads):
        metrics.set(host.TRAIL_BROKEN, float(each.first_broken is not None), trail=each.trail)


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
