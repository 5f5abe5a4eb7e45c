"""Rollouts in process: for tests, demonstrations and trials; gone when the process ends."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from tacit.errors import Refused
from tacit.rollout.rollouts import Rollout, RolloutStep, step_of


class MemoryRolloutStore:
    """A `RolloutStore` that keeps what it is told, as long as it lives."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._rollouts: dict[int, Rollout] = {}
        self._steps: list[RolloutStep] = []

    def open(self, rollout: Rollout) -> Rollout:
        with self._lock:
            other = self.open_of(rollout.name)
            if other is not None:
                raise Refused("traffic_taken", f"Rollout {other.rollout_id} is not over.", field="version")
            numbered = replace(rollout, rollout_id=len(self._rollouts) + 1)
            self._rollouts[numbered.rollout_id] = numbered
            self._steps.append(step_of(numbered))
            return numbered

    def move(self, rollout: Rollout, step: RolloutStep) -> None:
        with self._lock:
            kept = self._rollouts.get(rollout.rollout_id)
            if kept is None or kept.revision != rollout.revision - 1:
                detail = f"Rollout {rollout.rollout_id} is not where it was a moment ago."
                raise Refused("rollout_moved", detail, field="rollout_id")
            self._rollouts[rollout.rollout_id] = rollout
            self._steps.append(step)

    def rollout(self, rollout_id: int) -> Rollout | None:
        return self._rollouts.get(rollout_id)

    def open_of(self, name: str) -> Rollout | None:
        with self._lock:
            return next((each for each in self._of(name) if not each.is_over), None)

    def rollouts(self, name: str, *, limit: int = 100) -> Sequence[Rollout]:
        with self._lock:
            return self._of(name)[::-1][:limit]

    def history(self, rollout_id: int) -> Sequence[RolloutStep]:
        with self._lock:
            return [step for step in self._steps if step.rollout_id == rollout_id]

    def _of(self, name: str) -> list[Rollout]:
        return [rollout for rollout in self._rollouts.values() if rollout.name == name]
