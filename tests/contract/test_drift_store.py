"""What every `DriftStore` promises."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tacit.adapters.memory_drift import MemoryDriftStore
from tacit.adapters.sql.drift import SqlDriftStore
from tacit.monitoring.drift.interfaces import DriftStore
from tests.drift_worlds import NOON, report


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[DriftStore]:
    if request.param == "memory":
        yield MemoryDriftStore()
    else:
        yield SqlDriftStore(request.getfixturevalue(f"{request.param}_database"))


def test_looks_come_back_newest_first_as_they_were_and_a_second_one_of_a_moment_takes_the_place(
    store: DriftStore,
) -> None:
    assert (store.latest(), list(store.looks(limit=5))) == (None, [])
    first, second = report(NOON), report(NOON + 1, overall=None, state="not_enough_data")
    for each in (second, first, report(NOON, overall=0.1, state="ok"), first):
        store.add(each)

    assert store.latest() == second
    assert list(store.looks(limit=5)) == [second, first]
    assert list(store.looks(limit=1)) == [second]
    assert list(store.looks(limit=5, before_ms=NOON + 1)) == [first]


def test_old_looks_are_forgotten_but_for_the_last(store: DriftStore) -> None:
    for at_ms in (NOON, NOON + 1, NOON + 2):
        store.add(report(at_ms))

    assert (store.prune(NOON + 1), store.prune(NOON + 100), store.prune(NOON + 100)) == (1, 1, 0)
    assert [each.at_ms for each in store.looks(limit=5)] == [NOON + 2]
