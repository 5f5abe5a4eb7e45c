"""What every `ArmTrafficStore` promises."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tacit.adapters.memory_traffic import MemoryArmTrafficStore
from tacit.adapters.sql.arm_traffic import SqlArmTrafficStore
from tacit.rollout.arm_traffic import NO_LATENCIES, ArmCounts, ArmTrafficStore, ShadowCounts, bucket_of


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[ArmTrafficStore]:
    if request.param == "memory":
        yield MemoryArmTrafficStore()
    else:
        yield SqlArmTrafficStore(request.getfixturevalue(f"{request.param}_database"))


def latencies(*seconds: float) -> tuple[int, ...]:
    buckets = list(NO_LATENCIES)
    for each in seconds:
        buckets[bucket_of(each)] += 1
    return tuple(buckets)


CANARY = ArmCounts(3, 1, 2, latencies(0.001, 0.001, 30.0))
CHAMPION = ArmCounts(2, 0, 0, latencies(0.00001, 0.2))
SHADOW = ShadowCounts(5, 2, 1, 1, 1.25, 0.5, latencies(0.01, 0.02), latencies(0.001, 0.002))


def test_what_is_added_adds_up_arm_by_arm_and_stage_by_stage(store: ArmTrafficStore) -> None:
    store.add("rollout-1", "canary-5", {"canary": CANARY, "champion": CHAMPION})
    store.add("rollout-1", "canary-5", {"canary": CANARY})
    store.add("rollout-1", "canary-25", {"canary": CHAMPION})
    store.add("ab-1", "canary-5", {"canary": CHAMPION})

    assert store.counts("rollout-1", "canary-5") == {"canary": CANARY + CANARY, "champion": CHAMPION}
    assert store.counts("rollout-1", "canary-25") == {"canary": CHAMPION}


def test_what_was_never_counted_is_nothing_at_all(store: ArmTrafficStore) -> None:
    store.add("rollout-1", "canary-5", {})

    assert store.counts("rollout-1", "canary-5") == {}
    assert store.shadow("rollout-1") == ShadowCounts()


def test_an_arm_without_requests_in_a_while_keeps_its_counts(store: ArmTrafficStore) -> None:
    store.add("rollout-1", "canary-5", {"canary": CANARY})
    store.add("rollout-1", "canary-5", {"canary": ArmCounts()})

    assert store.counts("rollout-1", "canary-5") == {"canary": CANARY}


def test_what_comparing_shadows_came_to_adds_up_for_each_of_them(store: ArmTrafficStore) -> None:
    store.add_shadow("rollout-1", SHADOW)
    store.add_shadow("rollout-1", SHADOW)
    store.add_shadow("rollout-2", replace(SHADOW, dropped=7))

    assert store.shadow("rollout-1") == SHADOW + SHADOW
    assert store.shadow("rollout-2").dropped == 7


def test_a_shadow_is_no_arm_of_the_same_rollout(store: ArmTrafficStore) -> None:
    store.add_shadow("rollout-1", SHADOW)

    assert store.counts("rollout-1", "shadow") == {}


def test_many_who_add_at_once_lose_nothing(store: ArmTrafficStore) -> None:
    def add(turn: int) -> None:
        arms = {"canary": CANARY, "champion": CHAMPION}
        store.add("rollout-1", "canary-5", dict(reversed(arms.items())) if turn % 2 else arms)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(add, range(20)))
    counted = store.counts("rollout-1", "canary-5")

    assert (counted["canary"].requests, counted["champion"].requests) == (60, 40)
    assert sum(counted["canary"].latencies) == 60
