"""A version may have several roles at once, and a role several versions."""

from __future__ import annotations

from pathlib import Path

from tacit.rollout.roles import in_traffic, roles_of
from tacit.rollout.traffic import Arm, Shadow, Split, TrafficPlan
from tests.registries import memory_bench

CANARY = Split("rollout-1", "canary-5", (Arm("canary", 0.05, version=4), Arm("champion", 0.95)))
TRIALS = Split("ab-1", "ab", (Arm("a", 0.5), Arm("b", 0.25, version=4), Arm("c", 0.25, version=5)))


def test_every_role_is_told_whoever_holds_it(tmp_path: Path) -> None:
    bench = memory_bench(tmp_path)
    bench.register_and_promote(2)
    for _ in range(3):
        bench.register()
    bench.registry.challenge("recommender", 4, actor="ann")
    for number in (1, 2, 3):
        bench.retention.pin("recommender", number, actor="ann", reason="")
    plan = TrafficPlan(1, CANARY, Shadow("rollout-2", 4))

    assert roles_of(bench.versions, "recommender", plan) == {
        1: ("previous", "pinned"),
        2: ("champion", "pinned"),
        3: ("pinned",),
        4: ("challenger", "shadow", "canary"),
    }


def test_what_a_traffic_plan_names_must_stay_deployable() -> None:
    assert in_traffic(TrafficPlan(1, TRIALS, Shadow("rollout-2", 7))) == {4, 5, 7}
    assert in_traffic(TrafficPlan()) == set()


def test_without_versions_there_are_no_roles(tmp_path: Path) -> None:
    assert roles_of(memory_bench(tmp_path).versions, "recommender", TrafficPlan()) == {}
