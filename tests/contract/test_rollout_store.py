"""What every `RolloutStore` promises."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tacit.adapters.memory_rollouts import MemoryRolloutStore
from tacit.adapters.sql.engine import Database, open_database
from tacit.adapters.sql.rollouts import SqlRolloutStore
from tacit.errors import Refused
from tacit.rollout.rollouts import Rollout, RolloutStore, aborted, advanced, step_of
from tacit.rollout.verdicts import Finding, Verdict
from tests.unit.rollout.test_rollouts import begun


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RolloutStore]:
    if request.param == "memory":
        yield MemoryRolloutStore()
        return
    if request.param == "postgres":
        yield SqlRolloutStore(request.getfixturevalue("postgres_database"))
        return
    database = open_database(f"sqlite:///{tmp_path}/tacit.db")
    yield SqlRolloutStore(database)
    database.close()


def on(rollout: Rollout, at_ms: int = 9) -> Rollout:
    return advanced(rollout, by="bob", reasons=("weiß es",), at_ms=at_ms)


def ended(rollout: Rollout) -> Rollout:
    return aborted(rollout, by="ann", reasons=("no",), at_ms=10)


def test_a_rollout_comes_back_as_it_went_in_with_a_number_of_its_own(store: RolloutStore) -> None:
    first = store.open(begun(is_forced=True, purpose="“better”"))
    store.move(ended(first), step_of(ended(first)))
    second = store.open(begun())

    assert (first.rollout_id, second.rollout_id) == (1, 2)
    assert store.rollout(2) == second
    assert store.rollout(1) == ended(first)
    assert store.open_of("recommender") == second
    assert list(store.rollouts("recommender")) == [second, ended(first)]
    assert list(store.rollouts("recommender", limit=1)) == [second]


def test_what_was_never_begun_is_not_there(store: RolloutStore) -> None:
    assert store.rollout(1) is None
    assert store.open_of("recommender") is None
    assert list(store.rollouts("recommender")) == []
    assert list(store.history(1)) == []


def test_of_one_model_one_is_under_way_and_other_models_have_their_own(store: RolloutStore) -> None:
    store.open(begun())
    other = store.open(begun(name="vision"))
    with pytest.raises(Refused) as refusal:
        store.open(begun())

    assert refusal.value.code == "traffic_taken"
    assert store.open_of("vision") == other


def test_every_step_is_kept_with_its_verdict_oldest_first(store: RolloutStore) -> None:
    verdict = Verdict((Finding("errors", "pass", "Few.", {"measured": 0.25, "limit": 1e300}),))
    first = store.open(begun())
    second = on(first)
    store.move(second, step_of(second, verdict))

    assert list(store.history(first.rollout_id)) == [step_of(first), step_of(second, verdict)]


def test_a_step_that_does_not_follow_the_one_kept_changes_nothing(store: RolloutStore) -> None:
    first = store.open(begun())
    second = on(first)
    store.move(second, step_of(second))
    for late in (on(first), replace(on(second), revision=9), replace(second, rollout_id=99)):
        with pytest.raises(Refused) as refusal:
            store.move(late, step_of(late))
        assert refusal.value.code == "rollout_moved"

    assert store.rollout(first.rollout_id) == second
    assert len(store.history(first.rollout_id)) == 2


def test_of_many_who_step_at_once_one_does(store: RolloutStore) -> None:
    first = store.open(begun())

    def step(at_ms: int) -> bool:
        try:
            store.move(on(first, at_ms), step_of(on(first, at_ms)))
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        stepped = list(threads.map(step, range(12)))

    assert stepped.count(True) == 1
    assert store.rollout(first.rollout_id) == on(first, stepped.index(True))


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize("act", ["UPDATE rollout_steps SET actor = 'x'", "DELETE FROM rollout_steps"])
def test_the_database_itself_refuses_to_change_what_happened(
    kind: str, act: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    database: Database = (
        request.getfixturevalue("postgres_database")
        if kind == "postgres"
        else open_database(f"sqlite:///{tmp_path}/tacit.db")
    )
    SqlRolloutStore(database).open(begun())
    with pytest.raises(IntegrityError, match="append-only"), database.writing() as connection:
        connection.execute(text(act))
    if kind == "sqlite":
        database.close()
