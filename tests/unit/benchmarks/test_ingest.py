"""The benchmark of events: which rates count as kept, what must hold, and what the log tells of its commits."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from benchmarks import _generalisation, ingest
from benchmarks._fresh_sides import Changes
from benchmarks._postgres import missing
from benchmarks._served import COMMIT
from benchmarks.freshness import model_checks, served_checks, told
from benchmarks.ingest import checks, commits_between, commits_of, flushed, is_kept, kept_rate, sustained_rate
from tacit.settings import Settings

CHECK = {"p99_ms": 480.0}


def row(rate: int, **changed: Any) -> dict[str, Any]:
    told = {
        "rate": rate,
        "offered_per_s": rate * 1.01,
        "acknowledged_per_s": float(rate),
        "errors": 0,
        "ack": {"p99_ms": 20.0},
        "lost": 0,
        "unanswered": 0,
        "generator_share": 0.2,
        "most_lag": float(rate),
    }
    return {**told, **changed}


def found(**changed: Any) -> dict[str, list[dict[str, Any]]]:
    return {"singles": [row(1_000), row(2_000, **changed)], "batches": [row(20_000), row(24_000, errors=3)]}


def test_everything_holds_at_the_rates_that_are_asked_for() -> None:
    told = checks(found(), check=CHECK, are_apart=True)

    assert set(told.values()) == {True}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ack": {"p99_ms": 51.0}}, "p99 <= 50 ms"),
        ({"acknowledged_per_s": 1_900.0}, "single events/s"),
        ({"errors": 1}, "single events/s"),
        ({"ack": {"p99_ms": None}, "errors": 1}, "single events/s"),
        ({"lost": 1}, "was applied"),
        ({"lost": None}, "was applied"),
        ({"lost": -1}, "was applied"),
        ({"lost": -3, "unanswered": 2}, "was applied"),
        ({"generator_share": 0.7}, "time to spare"),
    ],
)
def test_each_thing_that_must_hold_can_fail(changed: dict[str, Any], said: str) -> None:
    told = checks(found(**changed), check=CHECK, are_apart=True)

    assert any(said in name for name, kept in told.items() if not kept)


def test_an_event_that_was_applied_unanswered_is_not_one_too_many() -> None:
    told = checks(found(lost=-2, unanswered=2), check=CHECK, are_apart=True)

    assert set(told.values()) == {True}


def test_a_failure_below_a_rate_that_was_kept_is_told() -> None:
    singles = [row(1_000, errors=1), row(2_000)]
    told = checks({**found(), "singles": singles}, check=CHECK, are_apart=True)

    assert [name for name, kept in told.items() if not kept] == [
        "no request failed below the highest rate that was kept"
    ]


@pytest.mark.parametrize("p99_ms", [440.0, None])
def test_a_generator_that_does_not_see_a_stall_is_told_off(p99_ms: float | None) -> None:
    told = checks(found(), check={"p99_ms": p99_ms}, are_apart=False)

    assert [name for name, kept in told.items() if not kept] == [
        "a stall of the server shows in the p99",
        "server and generator keep to cores of their own",
    ]


def test_the_rate_that_is_kept_is_the_highest_in_time_and_none_is_zero() -> None:
    rows = [row(500), row(1_000, ack={"p99_ms": 90.0}), row(2_000, errors=1)]

    assert (kept_rate(rows), kept_rate(rows, within_ms=50), kept_rate([])) == (1_000, 500, 0)
    assert not is_kept(row(500, acknowledged_per_s=490.0))


def test_a_rate_at_which_the_log_grows_is_kept_but_not_sustained() -> None:
    batches = [row(10_000), row(20_000, most_lag=41_000.0)]

    told = checks({**found(), "batches": batches}, check=CHECK, are_apart=True)

    assert (kept_rate(batches), sustained_rate(batches)) == (20_000, 10_000)
    assert [name for name, kept in told.items() if not kept] == ["20,000 events/s in batches of 500 applied as fast"]


def test_the_log_tells_how_many_commits_its_events_took(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "events.db")) as log, log:
        log.execute("CREATE TABLE pieces (last INTEGER PRIMARY KEY, events INTEGER, received_at_ms INTEGER)")
        log.executemany("INSERT INTO pieces VALUES (?, ?, ?)", [(5 * n, 5, n // 2) for n in range(1, 21)])

    told = commits_of(tmp_path)

    assert (told["events"], told["commits"]) == (100, 11)
    assert told["bytes_per_event"] == (tmp_path / "events.db").stat().st_size / 100


def test_each_flush_is_timed_with_its_bytes_on_the_way(tmp_path: Path) -> None:
    seen: list[int] = []

    told = flushed(tmp_path / "file", size=100, seconds=0.01, sync=seen.append)

    assert (tmp_path / "file").stat().st_size == 100 * len(seen) > 0
    assert 0 < told["mean_s"] * 1e3 <= told["max_ms"]


def test_postgresql_is_left_out_with_a_reason_while_there_is_no_setting_for_it() -> None:
    if "database_url" in Settings.model_fields:
        assert missing() in (None, "PostgreSQL's server is not installed")
    else:
        assert missing() == "there is no setting database_url"


def test_a_list_that_never_changes_is_counted_and_fails_the_check() -> None:
    changes = Changes([0.1] * 199 + [float("inf")], [0.01] * 200)

    known = told(changes)
    kept = served_checks({"known": known, "made_up": known, "hidden": {"asked": 3, "still_there": 1}})

    assert (known["users"], known["never"], known["max_ms"]) == (200, 1, None)
    assert list(kept.values()) == [False, True, False, False]
    assert set(served_checks({}).values()) == {None}


def test_waiting_is_given_up_once_the_last_lists_never_changed() -> None:
    never = [float("inf")]

    assert Changes([0.1, *never * 5]).is_hopeless
    assert not Changes([*never * 4, 0.1]).is_hopeless
    assert not Changes(never * 4).is_hopeless


def test_models_must_come_near_training_anew_and_beat_what_is_popular() -> None:
    good = {"share": 0.98, "five_events": {"folded_in": 0.2, "popularity": 0.1}}

    assert set(model_checks(good).values()) == {True}
    assert list(model_checks({**good, "share": 0.96}).values()) == [False, True]
    assert list(model_checks({**good, "five_events": {"folded_in": 0.1, "popularity": 0.1}}).values()) == [True, False]


def test_users_held_out_are_nowhere_in_training_and_their_items_are_parted() -> None:
    random = np.random.default_rng(2)
    pairs = sparse.csr_matrix((random.random((40, 60)) < 0.4).astype(np.float32))
    pairs.sort_indices()

    parts = _generalisation.parted(pairs, users=12, seed=1)

    counts = np.diff(pairs.indptr)[parts.users]
    assert len(parts.users) == 12
    assert parts.others[parts.users].nnz == 0
    assert (parts.others + parts.given + parts.wanted != pairs).nnz == 0
    assert np.diff(parts.given[parts.users].indptr).tolist() == np.floor(0.8 * counts).astype(int).tolist()
    assert np.diff(parts.few[parts.users].indptr).tolist() == [5] * 12
    assert (parts.few.multiply(parts.given) != parts.few).nnz == 0


def test_the_generator_is_told_apart_from_the_server_by_its_core() -> None:
    assert ingest.Cores(0, 1).are_apart
    assert not ingest.Cores(None, None).are_apart


def test_what_commits_took_is_told_of_those_between_two_looks_alone() -> None:
    before = {f'{COMMIT}_bucket{{le="0.01"}}': 4.0, f'{COMMIT}_bucket{{le="0.1"}}': 4.0, f"{COMMIT}_count": 4.0}
    after = {
        f'{COMMIT}_bucket{{le="0.01"}}': 102.0,
        f'{COMMIT}_bucket{{le="0.1"}}': 103.0,
        f'{COMMIT}_bucket{{le="+Inf"}}': 104.0,
        f"{COMMIT}_count": 104.0,
        f"{COMMIT}_sum": 0.5,
        "tacit_event_lag": 3.0,
    }

    told = commits_between({**before, f'{COMMIT}_bucket{{le="+Inf"}}': 4.0}, after)

    assert told == {"commits": 100.0, "mean_ms": pytest.approx(5.0), "p99_at_most_ms": pytest.approx(100.0)}


def test_no_commit_between_two_looks_is_none_and_no_error() -> None:
    assert commits_between({}, {})["commits"] == 0
