"""A store of traffic plans in process, for tests of what divides users."""

from __future__ import annotations

from dataclasses import replace

from tacit.errors import Refused
from tacit.rollout.traffic import Shadow, Split, TrafficPlan


class PlainTrafficStore:
    """A `TrafficStore` that keeps what it is told."""

    def __init__(self) -> None:
        self.plans: dict[str, TrafficPlan] = {}

    def plan(self, name: str) -> TrafficPlan:
        return self.plans.get(name, TrafficPlan())

    def set_split(self, name: str, split: Split | None, *, split_id: str) -> TrafficPlan:
        before = self.plan(name)
        if before.split is not None and before.split.split_id != split_id:
            raise Refused("traffic_taken", f"{before.split.split_id} is in force.")
        self.plans[name] = replace(before, revision=before.revision + 1, split=split)
        return self.plans[name]

    def set_shadow(self, name: str, shadow: Shadow | None, *, split_id: str) -> TrafficPlan:
        del split_id
        self.plans[name] = replace(self.plan(name), revision=self.plan(name).revision + 1, shadow=shadow)
        return self.plans[name]
