"""How late the event loop is: what keeps it busy keeps everybody waiting, and nobody is told."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

import structlog

from tacit.monitoring import overload_metrics as catalogue
from tacit.monitoring.interfaces import MetricSink

EVERY_SECONDS = 0.1
ALARM_SECONDS = 0.25
_QUIET_TURNS = 100
"""Turns between two warnings at least: ten seconds."""

log = structlog.get_logger(__name__)


class LoopLag:
    """Looks at the event loop ten times a second, from when it is first asked to.

    Args:
        metrics: Told of every look.
        also: Called at every look.
    """

    def __init__(self, metrics: MetricSink, *, also: Callable[[], None] = lambda: None) -> None:
        self._metrics, self._also = metrics, also
        self._loop: asyncio.AbstractEventLoop | None = None
        self._quiet = 0
        self._due = math.inf
        self.latest = 0.0
        """Seconds by which the last look was late."""

    @property
    def lateness(self) -> float:
        """Seconds by which the event loop is late now, or was at the last look."""
        return max(self.latest, time.monotonic() - self._due)

    def watch(self) -> None:
        """Begin, unless that was done in this loop."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop = loop
            self._next(loop)

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        due = loop.time() + EVERY_SECONDS
        self._due = time.monotonic() + EVERY_SECONDS
        loop.call_at(due, self._look, loop, due)

    def _look(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        if loop is not self._loop:
            return
        self._next(loop)
        self.latest = max(0.0, loop.time() - due)
        self._metrics.observe(catalogue.LOOP_LAG, self.latest)
        self._quiet -= 1
        if self.latest > ALARM_SECONDS and self._quiet <= 0:
            self._quiet = _QUIET_TURNS
            log.warning("event_loop_late", milliseconds=round(self.latest * 1_000))
        self._also()
