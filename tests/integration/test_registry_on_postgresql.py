"""The registry on PostgreSQL: units of several stores, writers in several processes, and one queue for them all."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tacit.adapters.sql.audit import SqlAuditTrail
from tacit.adapters.sql.engine import Database, open_database
from tacit.adapters.sql.exposures import SqlExposureLog
from tacit.adapters.sql.registry import SqlVersionStore
from tacit.bootstrap import build, load_settings
from tacit.errors import Refused, Unavailable
from tacit.security.audit import AuditEntry
from tacit.security.audit_chain import first_broken
from tacit.serving.exposures import Exposure, ExposureQueue
from tests.integration.test_registry_on_sqlite import COUNTER
from tests.postgres_server import UNHURRIED, Databases
from tests.registries import NOON, Bench, bench_over
from tests.stages import wait_until


@pytest.fixture
def bench(tmp_path: Path, postgres_database: Database) -> Bench:
    return bench_over(tmp_path, postgres_database)


def store_and_trail(database: Database) -> tuple[SqlVersionStore, SqlAuditTrail]:
    return SqlVersionStore(database, lambda name, _: Path(name)), SqlAuditTrail(database)


def test_versions_are_registered_promoted_and_rolled_back_with_a_whole_trail(bench: Bench) -> None:
    bench.register_and_promote(3)
    bench.release.rollback("recommender", actor="ann", reason="complaints")

    assert bench.champion() == 2
    assert isinstance(bench.audit, SqlAuditTrail)
    assert first_broken(bench.audit.links()) is None


def test_processes_at_the_same_time_never_get_the_same_number(postgres_databases: Databases) -> None:
    url = postgres_databases.server.new_database(postgres_databases.template)
    processes = [
        subprocess.Popen([sys.executable, "-c", COUNTER, url], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    numbers = [int(number) for process in processes for number in process.communicate(timeout=60)[0].split()]

    assert sorted(numbers) == list(range(1, 51))


def test_what_stores_write_in_one_transaction_appears_together_or_not_at_all(postgres_database: Database) -> None:
    store, trail = store_and_trail(postgres_database)

    def act_and_fail() -> None:
        with postgres_database.transaction():
            store.next_number("recommender")
            trail.append(AuditEntry("x", "ann", "x", NOON))
            raise RuntimeError("too late")

    with pytest.raises(RuntimeError):
        act_and_fail()

    assert list(trail.entries()) == []
    assert store.next_number("recommender") == 1


def test_a_promotion_that_cannot_be_audited_does_not_happen(bench: Bench, postgres_databases: Databases) -> None:
    with postgres_databases.fresh() as database:
        other = bench_over(bench.home, database)
        other.register()
        with database.writing() as connection:
            connection.exec_driver_sql("ALTER TABLE audit ADD CONSTRAINT is_full CHECK (sequence < 2)")
        with pytest.raises(Exception, match="is_full"):
            other.release.promote("recommender", 1, actor="ann")

        assert other.champion() is None


def test_a_writer_reads_nothing_before_the_one_ahead_of_it_has_committed(postgres_database: Database) -> None:
    trail = SqlAuditTrail(postgres_database)
    inside, over = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with postgres_database.transaction():
            trail.append(AuditEntry("first", "ann", "x", NOON))
            inside.set()
            over.wait(10)

    slow = threading.Thread(target=write_slowly)
    quick = threading.Thread(target=lambda: trail.append(AuditEntry("second", "bob", "x", NOON)))
    slow.start()
    assert inside.wait(10)
    quick.start()
    wait_until(lambda: waits_for_its_place(postgres_database))
    over.set()
    slow.join()
    quick.join()

    assert [link.entry.action for link in trail.links()] == ["first", "second"]
    assert first_broken(trail.links()) is None


def waits_for_its_place(database: Database) -> bool:
    with database.reading() as connection:
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        return connection.exec_driver_sql(waiting).scalar_one() > 0


def test_what_needs_no_queue_goes_past_a_unit_that_holds_it(postgres_database: Database) -> None:
    with postgres_database.writing():
        threads = [threading.Thread(target=write_beside, args=(postgres_database,))]
        for thread in threads:
            thread.start()
            thread.join(10)

    assert not any(thread.is_alive() for thread in threads)


def write_beside(database: Database) -> None:
    with database.writing(queued=False) as connection:
        connection.exec_driver_sql("INSERT INTO model_numbers VALUES ('beside', 1)")


def test_a_refusal_within_a_unit_undoes_the_unit_and_nothing_else(postgres_database: Database) -> None:
    store, trail = store_and_trail(postgres_database)
    store.next_number("recommender")

    def promote_what_is_not_there() -> None:
        from tests.contract.test_version_store import promotion

        with postgres_database.transaction():
            trail.append(AuditEntry("x", "ann", "x", NOON))
            store.promote(promotion(7, 8), expected=7)

    with pytest.raises(Refused):
        promote_what_is_not_there()

    assert list(trail.entries()) == []
    assert store.next_number("recommender") == 2


def test_a_reader_sees_one_state_of_everything_while_others_write(postgres_database: Database) -> None:
    store, _ = store_and_trail(postgres_database)
    question = "SELECT coalesce(sum(last_number), 0) FROM model_numbers"
    with postgres_database.reading(patient=True) as connection:
        before = connection.exec_driver_sql(question).scalar()
        other = threading.Thread(target=store.next_number, args=("recommender",))
        other.start()
        other.join()
        after = connection.exec_driver_sql(question).scalar()

    assert (before, after) == (0, 0)


def test_a_writer_that_does_not_get_its_place_by_its_deadline_says_so(postgres_databases: Databases) -> None:
    url = postgres_databases.server.new_database(postgres_databases.template)
    first, hasty = open_database(url), open_database(url, patience=replace(UNHURRIED, write_seconds=0.4))
    with ExitStack() as closing:
        closing.callback(first.close)
        closing.callback(hasty.close)
        with first.writing(), pytest.raises(Unavailable) as refusal:
            SqlAuditTrail(hasty).append(AuditEntry("x", "ann", "x", NOON))
        SqlAuditTrail(hasty).append(AuditEntry("x", "ann", "x", NOON))

    assert refusal.value.code == "database_conflict"


def test_an_exposure_that_the_database_cannot_hold_is_dropped_and_the_others_are_written(
    postgres_database: Database,
) -> None:
    log = SqlExposureLog(postgres_database)
    queue = ExposureQueue(log, flush_seconds=0.01)
    for number, user in enumerate(["ann", "nul\0", "bob"]):
        queue.record(Exposure(f"r{number}", "recommender/1", user, "popular", False, ("a",), number))

    assert (queue.close().written, log.count()) == (2, 2)


@pytest.mark.requirement("DATA-017")
def test_the_platform_runs_over_the_database_that_the_settings_name(
    postgres_databases: Databases, tmp_path: Path
) -> None:
    url = postgres_databases.server.new_database()
    in_force = load_settings(flags={"home": tmp_path}, environ={"TACIT_DATABASE_URL": url})
    with build(in_force) as app:
        app.audit.append(AuditEntry("x", "ann", "x", NOON))
        app.event_store.tally("api", rejected=1)
    with build(in_force) as app:
        found = [entry.action for entry in app.audit.entries()], app.event_store.counts()["api"].rejected

    assert found == (["x"], 1)
    assert not (tmp_path / "tacit.db").exists()


def test_what_the_address_says_goes_before_what_we_would_choose(postgres_databases: Databases) -> None:
    server = postgres_databases.server
    name = postgres_databases.template
    hosts = f"host=127.0.0.1,127.0.0.1&port={server.port},{server.port}&target_session_attrs=read-write"
    own = "application_name=ours&options=-c%20work_mem%3D7MB"
    database = open_database(f"postgresql://tacit@/{name}?{hosts}&{own}")
    with database.reading() as connection:
        found = [connection.exec_driver_sql(f"SHOW {each}").scalar() for each in ("application_name", "work_mem")]
        timeout = connection.exec_driver_sql("SHOW lock_timeout").scalar()
    database.close()

    assert (found, timeout) == (["ours", "7MB"], "1s")
