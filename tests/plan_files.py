"""A plan in a file, which servers in processes of their own follow: for tests that do without a rollout."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tacit.rollout.traffic import Arm, Shadow, Split, TrafficPlan


class FileTrafficStore:
    """A `TrafficStore` in one JSON file; whoever writes asks nobody whether they may."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def plan(self, name: str) -> TrafficPlan:
        if not self._path.exists():
            return TrafficPlan()
        said = json.loads(self._path.read_text("utf-8")).get(name, {"revision": 0, "split": None, "shadow": None})
        shadow = None if said["shadow"] is None else Shadow(**said["shadow"])
        return TrafficPlan(said["revision"], _split(said["split"]), shadow)

    def set_split(self, name: str, split: Split | None, *, split_id: str) -> TrafficPlan:
        before = self.plan(name)
        return self._write(name, TrafficPlan(before.revision + 1, split, before.shadow))

    def set_shadow(self, name: str, shadow: Shadow | None, *, split_id: str) -> TrafficPlan:
        before = self.plan(name)
        return self._write(name, TrafficPlan(before.revision + 1, before.split, shadow))

    def _write(self, name: str, plan: TrafficPlan) -> TrafficPlan:
        split = plan.split
        said = {
            "revision": plan.revision,
            "split": None if split is None else {**_said(split), "arms": [_arm(arm) for arm in split.arms]},
            "shadow": None if plan.shadow is None else asdict(plan.shadow),
        }
        beside = self._path.with_suffix(".new")
        beside.write_text(json.dumps({name: said}), "utf-8")
        beside.replace(self._path)
        return plan


def _said(split: Split) -> dict[str, Any]:
    return {"split_id": split.split_id, "stage": split.stage}


def _arm(arm: Arm) -> dict[str, Any]:
    return {"name": arm.name, "share": arm.share, "version": arm.version, "settings": dict(arm.settings)}


def _split(said: dict[str, Any] | None) -> Split | None:
    if said is None:
        return None
    return Split(said["split_id"], said["stage"], tuple(Arm(**arm) for arm in said["arms"]))
