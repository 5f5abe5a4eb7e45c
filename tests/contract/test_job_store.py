"""What every `JobStore` promises."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tacit.adapters.memory_jobs import MemoryJobStore
from tacit.adapters.sql.engine import Database, open_database
from tacit.adapters.sql.jobs import SqlJobStore
from tacit.errors import Refused
from tacit.jobs.interfaces import JobStore, Tally
from tacit.jobs.job import Problem
from tests.job_books import START_MS, job


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[JobStore]:
    if request.param == "memory":
        yield MemoryJobStore()
        return
    if request.param == "postgres":
        yield SqlJobStore(request.getfixturevalue("postgres_database"))
        return
    database: Database = open_database(f"sqlite:///{tmp_path}/tacit.db")
    yield SqlJobStore(database)
    database.close()


def test_a_job_comes_back_as_it_went_in(store: JobStore) -> None:
    whole = job(
        "whole",
        kind="evaluate",
        parameters={"version": 7, "dataset": "ü"},
        state="failed",
        tries=3,
        started_at_ms=START_MS + 1,
        ended_at_ms=START_MS + 2,
        step="evaluating",
        share=0.25,
        cancelled_by="bob",
        outcome={"metrics": {"ndcg@10": 0.5}, "none": None},
        problem=Problem("job_killed", "It was ended.", None),
        log_tail="half a line",
    )
    plain = job("plain")

    store.add(whole)
    store.add(plain)

    assert (store.job("whole"), store.job("plain"), store.job("absent")) == (whole, plain, None)


def test_of_one_flight_no_second_job_is_taken_until_the_first_has_ended(store: JobStore) -> None:
    store.add(job("first"))

    with pytest.raises(Refused) as refusal:
        store.add(job("second"))
    store.put(replace(job("first"), state="failed", ended_at_ms=START_MS))
    store.add(job("third"))

    assert (refusal.value.code, refusal.value.context["job_id"]) == ("job_in_flight", "first")
    assert [each.job_id for each in store.alive()] == ["third"]


def test_evaluations_of_two_versions_fly_beside_each_other(store: JobStore) -> None:
    store.add(job("seven", kind="evaluate", parameters={"version": 7}))
    store.add(job("eight", kind="evaluate", parameters={"version": 8}))

    with pytest.raises(Refused):
        store.add(job("again", kind="evaluate", parameters={"version": 7}))


def test_a_change_made_to_what_is_no_longer_kept_changes_nothing(store: JobStore) -> None:
    store.add(job())

    kept = store.put(replace(job(), state="running", claim="a"))
    late = store.put(replace(job(), state="running", claim="b"))

    assert (kept, late) == (replace(job(), state="running", claim="a", revision=1), None)
    assert store.job("j1") == kept
    assert store.put(job("absent")) is None


def test_of_many_who_claim_a_job_at_once_one_gets_it(store: JobStore) -> None:
    store.add(job())

    with ThreadPoolExecutor(8) as pool:
        claims = [replace(job(), state="running", claim=f"runner-{number}") for number in range(8)]
        won = [each for each in pool.map(store.put, claims) if each is not None]

    assert [each.claim for each in won] == [(store.job("j1") or job()).claim]


def test_of_many_who_ask_for_a_job_at_once_one_is_taken(store: JobStore) -> None:
    def ask(number: int) -> bool:
        try:
            store.add(job(f"j{number}"))
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(8))) == 1


def test_jobs_are_listed_newest_first_and_as_they_are_sought(store: JobStore) -> None:
    store.add(job("old", state="failed", ended_at_ms=START_MS))
    store.add(job("new", queued_at_ms=START_MS + 2))
    store.add(job("other", kind="search", queued_at_ms=START_MS + 1))

    assert [each.job_id for each in store.jobs(limit=2)] == ["new", "other"]
    assert [each.job_id for each in store.jobs(limit=9, kind="train")] == ["new", "old"]
    assert [each.job_id for each in store.jobs(limit=9, state="failed")] == ["old"]
    assert [each.job_id for each in store.alive()] == ["other", "new"]


def test_tallies_say_how_many_there_were_and_when_last(store: JobStore) -> None:
    for place in range(3):
        store.add(job(f"f{place}", state="failed", queued_at_ms=START_MS + place, ended_at_ms=START_MS + 10 * place))
    store.add(job("q"))

    assert list(store.tallies()) == [
        Tally("train", "failed", 3, START_MS + 2, START_MS + 20),
        Tally("train", "queued", 1, START_MS, None),
    ]


def test_what_ended_long_ago_is_forgotten_but_the_last_of_its_kind_and_state(store: JobStore) -> None:
    for place in range(3):
        store.add(job(f"f{place}", state="failed", ended_at_ms=START_MS + place))
    store.add(job("s", state="succeeded", ended_at_ms=START_MS))
    store.add(job("q"))

    gone = store.forget(START_MS + 100)

    assert sorted(gone) == ["f0", "f1"]
    assert sorted(each.job_id for each in store.jobs(limit=9)) == ["f2", "q", "s"]
    assert store.forget(START_MS) == []


def test_an_id_that_no_text_column_can_hold_is_the_id_of_no_job(store: JobStore) -> None:
    assert store.job("a\0b") is None
