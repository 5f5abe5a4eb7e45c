"""What every `AbStore` promises."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tacit.adapters.memory_ab import MemoryAbStore
from tacit.adapters.sql.ab import SqlAbStore
from tacit.errors import Refused
from tacit.rollout.ab import AbPlan, AbStore, AbTest, Guardrail
from tacit.rollout.traffic import Arm

PLAN = AbPlan(
    "Größer",
    (Arm("control", 0.1), Arm("b", 0.9, 3, {"coldstart.personal_from": 20.0})),
    "watch_seconds",
    guardrails=(Guardrail("ctr", 0.02),),
    max_days=0.5,
)
NOW = 1_767_355_200_000


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[AbStore]:
    if request.param == "memory":
        yield MemoryAbStore()
    else:
        yield SqlAbStore(request.getfixturevalue(f"{request.param}_database"))


def test_a_test_comes_back_as_it_was_planned_under_the_next_number(store: AbStore) -> None:
    tests = [store.add("recommender", PLAN, created_at_ms=NOW + number) for number in range(2)]

    assert [test.number for test in tests] == [1, 2]
    assert store.test(2) == AbTest(2, "recommender", PLAN, NOW + 1)
    assert store.test(3) is None
    assert list(store.tests("recommender")) == [tests[1], tests[0]]
    assert list(store.tests("vision")) == []


def test_a_test_that_moved_is_found_by_its_new_state_with_its_times(store: AbStore) -> None:
    draft = store.add("recommender", PLAN, created_at_ms=NOW)
    running = draft.started(NOW + 5)
    store.move(running, expected="draft")
    assert list(store.tests("recommender", state="running")) == [running]

    over = running.ended("stopped", reason="enough", at_ms=NOW + 9)
    store.move(over, expected="running")

    assert store.test(1) == over
    assert list(store.tests("recommender", state="running")) == []


def test_a_test_that_somebody_else_moved_first_stays_as_they_left_it(store: AbStore) -> None:
    running = store.add("recommender", PLAN, created_at_ms=NOW).started(NOW)
    store.move(running, expected="draft")

    with pytest.raises(Refused) as refusal:
        store.move(running.ended("stopped", reason="x", at_ms=NOW), expected="draft")

    assert refusal.value.code == "ab_moved"
    assert store.test(1) == running


def test_of_many_that_end_a_test_at_once_one_has_ended_it(store: AbStore) -> None:
    running = store.add("recommender", PLAN, created_at_ms=NOW).started(NOW)
    store.move(running, expected="draft")

    def end(number: int) -> int:
        try:
            store.move(running.ended("stopped", reason=str(number), at_ms=NOW), expected="running")
        except Refused:
            return 0
        return 1

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(end, range(8))) == 1
