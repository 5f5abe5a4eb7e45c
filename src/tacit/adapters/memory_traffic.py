"""Plans and arm counts in process: for tests, demonstrations and trials; gone when the process ends."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace

from tacit.adapters.traffic_claims import check_free, check_yours
from tacit.rollout.arm_traffic import ArmCounts, ShadowCounts
from tacit.rollout.traffic import Shadow, Split, TrafficPlan


class MemoryTrafficStore:
    """A `TrafficStore` that keeps what it is told, as long as it lives."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._plans: dict[str, TrafficPlan] = {}

    def plan(self, name: str) -> TrafficPlan:
        return self._plans.get(name, TrafficPlan())

    def set_split(self, name: str, split: Split | None, *, split_id: str) -> TrafficPlan:
        check_yours(split, split_id)
        with self._lock:
            plan = self.plan(name)
            check_free(name, plan.split, split_id)
            return self._kept(name, replace(plan, split=split))

    def set_shadow(self, name: str, shadow: Shadow | None, *, split_id: str) -> TrafficPlan:
        check_yours(shadow, split_id)
        with self._lock:
            plan = self.plan(name)
            check_free(name, plan.shadow, split_id)
            return self._kept(name, replace(plan, shadow=shadow))

    def _kept(self, name: str, plan: TrafficPlan) -> TrafficPlan:
        """Keep a plan under the next revision, unless it is the one kept."""
        if plan != self.plan(name):
            self._plans[name] = replace(plan, revision=plan.revision + 1)
        return self._plans.get(name, plan)


class MemoryArmTrafficStore:
    """An `ArmTrafficStore` that keeps what it is told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str], dict[str, ArmCounts]] = {}
        self._shadows: dict[str, ShadowCounts] = {}

    def add(self, split_id: str, stage: str, counts: Mapping[str, ArmCounts]) -> None:
        with self._lock:
            kept = self._counts.get((split_id, stage), {})
            added = {arm: kept.get(arm, ArmCounts()) + each for arm, each in counts.items()}
            self._counts[split_id, stage] = {**kept, **added}

    def counts(self, split_id: str, stage: str) -> Mapping[str, ArmCounts]:
        return dict(self._counts.get((split_id, stage), {}))

    def add_shadow(self, split_id: str, counts: ShadowCounts) -> None:
        with self._lock:
            self._shadows[split_id] = self._shadows.get(split_id, ShadowCounts()) + counts

    def shadow(self, split_id: str) -> ShadowCounts:
        return self._shadows.get(split_id, ShadowCounts())
