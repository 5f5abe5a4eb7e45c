"""What is given up as memory runs short, step by step; each step is left again only well below where it begins."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from tacit.monitoring import overload_metrics as catalogue
from tacit.monitoring.interfaces import MetricSink

WARNED, CRITICAL, DEGRADED = 1, 2, 3
_SLACK = 0.03
"""How far below its beginning a step ends, so that it does not flicker."""

StepTaken = Callable[[int], object]
"""Told of every look, with the step that we are on from then on."""


@dataclass(frozen=True)
class MemorySteps:
    """Shares of the memory in use at which each step begins."""

    warn: float = 0.80
    critical: float = 0.85
    degraded: float = 0.90

    def step(self, share: float, before: int) -> int:
        """The step of a share, from 0 to 3, where another one was held before."""
        reached = sum(share >= begins for begins in (self.warn, self.critical, self.degraded))
        held = sum(share >= begins - _SLACK for begins in (self.warn, self.critical, self.degraded))
        return max(reached, min(before, held))


class MemoryLadder:
    """Looks once in a while, in a thread of its own.

    Args:
        steps: Where each begins.
        share: The share of the memory in use, if known.
        metrics: Told of the step.
        moved: Told of a step that was not held before, with the share.
        every_seconds: Between two looks.
    """

    def __init__(
        self,
        steps: MemorySteps,
        share: Callable[[], float | None],
        metrics: MetricSink,
        *,
        moved: Callable[[int, float], object] = lambda step, share: None,
        every_seconds: float = 1.0,
    ) -> None:
        self._steps, self._share, self._moved = steps, share, moved
        self._every = every_seconds
        self._told: list[StepTaken] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="memory-ladder", daemon=True)
        self.step = 0
        metrics.watch(catalogue.MEMORY_STEP, lambda: float(self.step))

    def tell(self, told: StepTaken) -> None:
        """Have somebody told of every look, from its thread."""
        self._told.append(told)

    def shedding(self, shed: Callable[[], object]) -> None:
        """Have something given up at every look while memory is critical: what is given up once fills up again."""

        def told(step: int) -> None:
            if step >= CRITICAL:
                shed()

        self.tell(told)

    def look(self) -> int:
        """Look now; the step that we are on."""
        share = self._share() or 0.0
        before, self.step = self.step, self._steps.step(share, self.step)
        if self.step != before:
            self._moved(self.step, share)
        for told in self._told:
            told(self.step)
        return self.step

    def start(self) -> None:
        """Look from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join(timeout=5)

    def _keep(self) -> None:
        while not self._over.wait(self._every):
            self.look()
