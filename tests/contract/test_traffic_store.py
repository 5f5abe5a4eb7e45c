"""What every `TrafficStore` promises."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tacit.adapters.memory_traffic import MemoryTrafficStore
from tacit.adapters.sql.engine import open_database
from tacit.adapters.sql.traffic import SqlTrafficStore
from tacit.errors import Refused
from tacit.rollout.traffic import Arm, Shadow, Split, TrafficPlan, TrafficStore


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TrafficStore]:
    if request.param == "memory":
        yield MemoryTrafficStore()
        return
    if request.param == "postgres":
        yield SqlTrafficStore(request.getfixturevalue("postgres_database"))
        return
    database = open_database(f"sqlite:///{tmp_path}/tacit.db")
    yield SqlTrafficStore(database)
    database.close()


def split(split_id: str = "rollout-1", share: float = 0.05, stage: str = "canary-5") -> Split:
    arms = (Arm("canary", share, 3, {"coldstart.personal_from": 7.0}), Arm("champion", 1 - share))
    return Split(split_id, stage, arms)


def test_a_model_nobody_planned_for_has_an_empty_plan(store: TrafficStore) -> None:
    assert store.plan("recommender") == TrafficPlan(0, None, None)
    assert store.set_split("recommender", None, split_id="rollout-1") == TrafficPlan(0, None, None)


def test_a_plan_comes_back_as_it_went_in_under_a_revision_that_grows(store: TrafficStore) -> None:
    shadow = Shadow("rollout-1", 3, 0.5)
    first = store.set_split("recommender", split(), split_id="rollout-1")
    second = store.set_shadow("recommender", shadow, split_id="rollout-1")
    third = store.set_split("recommender", split(share=0.25, stage="canary-25"), split_id="rollout-1")

    assert [first.revision, second.revision, third.revision] == [1, 2, 3]
    assert store.plan("recommender") == third == TrafficPlan(3, split(share=0.25, stage="canary-25"), shadow)
    assert store.plan("vision") == TrafficPlan()


def test_planning_the_same_again_changes_nothing(store: TrafficStore) -> None:
    first = store.set_split("recommender", split(), split_id="rollout-1")

    assert store.set_split("recommender", split(), split_id="rollout-1") == first


def test_what_is_taken_away_is_gone_and_the_revision_says_that_something_changed(store: TrafficStore) -> None:
    store.set_split("recommender", split(), split_id="rollout-1")
    store.set_shadow("recommender", Shadow("rollout-1", 3), split_id="rollout-1")
    store.set_split("recommender", None, split_id="rollout-1")

    assert store.set_shadow("recommender", None, split_id="rollout-1") == TrafficPlan(4, None, None)


@pytest.mark.parametrize("planned", [split("ab-7"), None])
def test_a_split_in_force_is_replaced_or_ended_by_its_own_alone(store: TrafficStore, planned: Split | None) -> None:
    store.set_split("recommender", split(), split_id="rollout-1")
    with pytest.raises(Refused) as refusal:
        store.set_split("recommender", planned, split_id="ab-7")

    assert (refusal.value.code, refusal.value.context) == ("traffic_taken", {"split_id": "rollout-1"})
    assert store.plan("recommender").split == split()


def test_a_shadow_in_force_is_replaced_by_its_own_alone(store: TrafficStore) -> None:
    store.set_shadow("recommender", Shadow("rollout-1", 3), split_id="rollout-1")
    with pytest.raises(Refused):
        store.set_shadow("recommender", Shadow("rollout-2", 4), split_id="rollout-2")

    assert store.plan("recommender").shadow == Shadow("rollout-1", 3)


def test_nobody_plans_in_the_name_of_another(store: TrafficStore) -> None:
    with pytest.raises(ValueError, match="cannot plan"):
        store.set_split("recommender", split(), split_id="ab-7")


def test_of_many_who_divide_users_at_once_one_does(store: TrafficStore) -> None:
    def divide(number: int) -> bool:
        try:
            store.set_split("recommender", split(f"ab-{number}"), split_id=f"ab-{number}")
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        divided = list(threads.map(divide, range(12)))

    assert divided.count(True) == 1
    assert store.plan("recommender") == TrafficPlan(1, split(f"ab-{divided.index(True)}"), None)
