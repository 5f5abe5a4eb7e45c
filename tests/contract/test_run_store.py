"""What every `RunStore` promises."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tacit.adapters.memory_runs import MemoryRunStore
from tacit.adapters.sql.engine import Database
from tacit.adapters.sql.runs import SqlRunStore
from tacit.errors import Refused
from tacit.models.experiments.interfaces import RunStore
from tacit.models.experiments.runs import Choice
from tests.experiments import a_run

CHOICE = Choice(
    "choice-1", "seven", "s" * 64, "run-a", {"metric": "ndcg@10"}, "The cheapest, “ü”.", "ann", "2026-01-01"
)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[RunStore]:
    if request.param == "memory":
        yield MemoryRunStore()
        return
    kind = {"sqlite": "sqlite_database", "postgres": "postgres_database"}[request.param]
    yield SqlRunStore(request.getfixturevalue(kind))


def test_a_run_comes_back_as_it_went_in_to_the_last_bit(store: RunStore) -> None:
    failed = a_run("b", state="failed", problem="training_diverged: “ü”", metrics={}, curves={}, peak_memory=None)
    store.add(a_run("a"))
    store.add(failed)

    assert store.run("run-a") == a_run("a")
    assert store.run("run-b") == failed
    assert store.run("run-c") is None


def test_a_run_is_written_once_and_never_changed(store: RunStore) -> None:
    store.add(a_run("a"))

    with pytest.raises(Refused) as refused:
        store.add(a_run("a", seconds=9.0))

    assert refused.value.code == "run_immutable"
    assert store.run("run-a") == a_run("a")


def test_the_latest_runs_come_first_and_only_those_asked_for(store: RunStore) -> None:
    for name in ("b", "a", "c"):
        store.add(a_run(name))
    store.add(a_run("d", experiment="other"))
    store.add(a_run("e", kind="final"))

    assert [run.name for run in store.runs()] == ["e", "d", "c", "a", "b"]
    assert [run.name for run in store.runs(limit=2)] == ["e", "d"]
    assert [run.name for run in store.runs(experiment="seven", kind="sweep")] == ["c", "a", "b"]


def test_a_recipe_finds_its_finished_runs_and_neither_failures_nor_copies(store: RunStore) -> None:
    key = a_run().recipe.key
    store.add(a_run("failed", state="failed"))
    store.add(a_run("pruned", state="pruned"))
    store.add(a_run("whole"))
    store.add(a_run("copy", copy_of="run-whole"))
    store.add(a_run("other", parameters={"factors": 9, "seed": 7}))

    assert [run.name for run in store.finished(key)] == ["whole", "pruned"]


def test_looks_at_a_holdout_count_recipes_and_not_runs(store: RunStore) -> None:
    store.add(a_run("a", fold="holdout"))
    store.add(a_run("b", fold="holdout"))
    store.add(a_run("c", fold="holdout", parameters={"factors": 9}))
    store.add(a_run("d"))
    store.add(a_run("e", fold="holdout", snapshot="another"))

    assert store.looks("s" * 64) == 2
    assert store.looks("unknown") == 0


def test_choices_come_back_with_their_reason_the_latest_first(store: RunStore) -> None:
    store.add(a_run("a"))
    later = Choice("choice-2", "other", "s" * 64, "run-a", {}, "", "bob", "2026-01-02")
    store.choose(CHOICE)
    store.choose(later)

    assert list(store.choices()) == [later, CHOICE]
    assert list(store.choices(experiment="seven")) == [CHOICE]


@pytest.mark.parametrize("kind", ["sqlite_database", "postgres_database"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET experiment = ''", "DELETE FROM {}"])
def test_the_database_itself_keeps_runs_and_choices_as_they_are(
    kind: str, statement: str, request: pytest.FixtureRequest
) -> None:
    database: Database = request.getfixturevalue(kind)
    store = SqlRunStore(database)
    store.add(a_run("a"))
    store.choose(CHOICE)

    for table in ("runs", "run_choices"):
        with pytest.raises(IntegrityError, match="append-only"), database.writing() as connection:
            connection.execute(text(statement.format(table)))


def test_two_homes_do_not_share_their_ledgers(sqlite_database: Database, tmp_path: Path) -> None:
    from tacit.adapters.sql.engine import open_database

    other = open_database(f"sqlite:///{tmp_path}/other.db")
    SqlRunStore(sqlite_database).add(a_run("a"))

    assert SqlRunStore(other).run("run-a") is None
    other.close()
