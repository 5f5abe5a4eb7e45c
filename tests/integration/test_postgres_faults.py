"""PostgreSQL killed, paused, full, read-only and contended, under load: nothing is lost and nobody waits too long.

Each test prints its row of the fault matrix.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event

from tacit.adapters.sql.engine import TRIES, Database, open_database
from tacit.adapters.sql.events import SqlEventStore
from tacit.adapters.sql.exposures import SqlExposureLog
from tacit.adapters.sql.postgresql import Patience
from tacit.data.event_effects import Effect, EventCounts
from tacit.errors import Unavailable
from tests import fault_table
from tests.event_stores import effect
from tests.lateness import lateness_measured
from tests.postgres_server import PostgresServer, backends_of, read_only, running_server, taken, wait_for_server
from tests.stages import wait_until
from tests.write_paths import write_path

GRACE = 0.05
"""How far beyond its deadline a call may end."""

HEALTHY_SECONDS = 5.0
PATIENCE = Patience()
CONNECTIONS = 10
INSERT = "INSERT INTO model_numbers VALUES ('recommender', 1)"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of its own: what these tests do to it concerns nobody else."""
    with running_server(max_connections=str(CONNECTIONS), deadlock_timeout="50ms") as server:
        yield server


@pytest.fixture
def url(server: PostgresServer) -> str:
    wait_for_server(server)
    return server.new_database()


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = open_database(url)
    yield database
    database.close()


@pytest.fixture
def store(database: Database) -> SqlEventStore:
    return SqlEventStore(database)


def test_events_are_taken_in_while_the_database_is_dead_and_applied_when_it_is_back(
    server: PostgresServer, store: SqlEventStore, tmp_path: Path
) -> None:
    with write_path(tmp_path, store) as path:
        wait_until(lambda: path.store.offset > 50)
        server.stop("immediate")
        path.keeps_acknowledging()
        wait_until(lambda: path.refusals.total() > 20)
        server.start()
        healthy = wait_until(path.answers, seconds=HEALTHY_SECONDS)
        applied = path.check()

    worst = max(path.calls)
    fault_table.tell(
        "D10",
        "killed and restarted",
        f"{len(path.acknowledged)} acknowledged, 0 lost, 0 twice; "
        f"reads again after {healthy:.2f} s, all applied after {applied:.2f} s; "
        f"longest read {worst * 1_000:.0f} ms",
    )
    assert set(path.refusals) <= {"database_unavailable", "database_timeout"}
    assert worst <= PATIENCE.read_seconds + GRACE + path.lateness.seconds


@pytest.mark.parametrize("who", ["its backends", "all of it"])
def test_nobody_waits_longer_than_the_deadline_for_a_database_that_stands_still(
    who: str, server: PostgresServer, url: str, store: SqlEventStore, tmp_path: Path
) -> None:
    with write_path(tmp_path, store) as path:
        wait_until(lambda: path.store.offset > 50)
        with server.paused(backends_of(server, url) if who == "its backends" else None):
            path.keeps_acknowledging()
            wait_until(lambda: path.refusals.total() > 10 or who == "its backends", seconds=20)
            time.sleep(1.5)
        healthy = wait_until(path.answers, seconds=HEALTHY_SECONDS)
        applied = path.check()
        at_once = [opens_a_unit(store) for _ in range(PATIENCE.connections)]

    worst = max(path.calls)
    fault_table.tell(
        "D11",
        f"{who} paused",
        f"{len(path.calls)} reads, "
        f"longest {worst * 1_000:.0f} ms with a deadline of {PATIENCE.read_seconds * 1_000:.0f}; "
        f"{dict(path.refusals)}; "
        f"reads again after {healthy:.2f} s, all applied after {applied:.2f} s; "
        f"threads woke {path.lateness.seconds * 1_000:.0f} ms late",
    )
    assert worst <= PATIENCE.read_seconds + GRACE + path.lateness.seconds
    assert path.refusals.total() > 0
    assert all(at_once)


def opens_a_unit(store: SqlEventStore) -> bool:
    return store.last_turn > 0


def test_a_database_without_a_free_connection_is_waited_for_a_second_and_applying_resumes(
    url: str, store: SqlEventStore, tmp_path: Path
) -> None:
    with write_path(tmp_path, store) as path:
        wait_until(lambda: path.store.offset > 50)
        with taken(url, CONNECTIONS):
            wait_until(lambda: path.refusals["database_busy"] > 10, seconds=10)
            wait_until(lambda: path.failures["database_busy"] > 0, seconds=10)
            path.keeps_acknowledging()
        applied = path.check()

    fault_table.tell(
        "D12",
        "max_connections = 10, all taken",
        f"{dict(path.refusals)}, longest read {max(path.calls) * 1_000:.0f} ms; "
        f"0 of {len(path.acknowledged)} lost, all applied after {applied:.2f} s",
    )
    assert max(path.calls) <= PATIENCE.read_seconds + GRACE + path.lateness.seconds


def test_a_unit_waits_a_second_at_most_for_one_of_the_connections(url: str) -> None:
    database = open_database(url, patience=replace(PATIENCE, read_seconds=30))
    with ExitStack() as held:
        for _ in range(PATIENCE.connections):
            held.enter_context(database.reading())
        began = time.monotonic()
        with lateness_measured() as lateness, pytest.raises(Unavailable) as refusal, database.writing():
            pass
        took = time.monotonic() - began
        with database.reading(patient=True) as connection:
            assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    database.close()

    fault_table.tell(
        "D12",
        "all connections of requests in use",
        f"{refusal.value.code} after {took:.2f} s, jobs go on",
    )
    assert refusal.value.code == "database_busy"
    assert PATIENCE.queue_seconds <= took <= PATIENCE.queue_seconds + GRACE + lateness.seconds


def test_a_read_only_database_is_read_and_applying_resumes_when_it_can_be_written(
    server: PostgresServer, store: SqlEventStore, tmp_path: Path
) -> None:
    with write_path(tmp_path, store) as path:
        wait_until(lambda: path.store.offset > 50)
        with read_only(server):
            wait_until(lambda: path.failures["database_read_only"] > 0, seconds=10)
            refused = path.refusals.copy()
            assert path.answers()
            path.keeps_acknowledging()
        applied = path.check()

    fault_table.tell(
        "D12",
        "read-only",
        f"applying refused {dict(path.failures)}, reads {dict(refused) or 'all answered'}; "
        f"0 of {len(path.acknowledged)} lost, all applied after {applied:.2f} s",
    )
    assert set(path.failures) == {"database_read_only"}


@pytest.fixture
def states(database: Database) -> Counter[str]:
    """How the database gave way, by SQLSTATE."""
    seen: Counter[str] = Counter()
    event.listen(
        database.engine, "handle_error", lambda context: seen.update([str(context.original_exception.sqlstate)])
    )
    return seen


def test_a_writer_that_meets_another_in_a_deadlock_tries_again_unseen(
    url: str, store: SqlEventStore, states: Counter[str]
) -> None:
    store.apply([effect(1)], offset=1)
    number = 1
    # On a busy machine the other may come too late, and ours be told of the lock that it waited for.
    while states["40P01"] == 0 and number < 4:
        number += 1
        meet_in_a_deadlock(url, store, number)

    fault_table.tell("D13", "deadlock with another writer", f"{dict(states)}, tried again, applied once")
    assert states["40P01"] >= 1
    assert (store.offset, store.counts()) == (number, {"api": EventCounts(received=number, stored=number)})


def meet_in_a_deadlock(url: str, store: SqlEventStore, number: int) -> None:
    """Apply an event while another writer locks what is needed for it, in the other order."""
    with psycopg.connect(url) as other:
        # It would be this one that gives way, were it not told to wait longer before it looks.
        other.execute("SET deadlock_timeout = '20s'")
        other.execute("UPDATE event_counts SET received = received")
        ours = threading.Thread(target=lambda: store.apply([effect(number)], offset=number))
        ours.start()
        wait_until(lambda: is_waiting(url), seconds=10)
        other.execute("UPDATE event_offset SET turn = turn")
    ours.join()


def is_waiting(url: str) -> bool:
    with psycopg.connect(url) as connection:
        question = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        row = connection.execute(question).fetchone()
    return row is not None and row[0] > 0


def test_a_writer_that_waits_too_long_for_a_lock_tries_again_unseen(
    url: str, store: SqlEventStore, states: Counter[str]
) -> None:
    store.apply([effect(1)], offset=1)
    with psycopg.connect(url) as other:
        other.execute("SELECT * FROM event_offset FOR UPDATE")
        ours = threading.Thread(target=lambda: store.apply([effect(2)], offset=2))
        ours.start()
        wait_until(lambda: states["55P03"] >= 1, seconds=10)
    ours.join()

    fault_table.tell("D13", "lock timeout", f"{dict(states)}, tried again, applied once")
    assert (store.offset, store.counts()) == (2, {"api": EventCounts(received=2, stored=2)})


GIVES_WAY = """
CREATE SEQUENCE tries;
CREATE FUNCTION give_way() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('tries') <= {times} THEN RAISE EXCEPTION 'could not serialize' USING ERRCODE = '40001'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER give_way BEFORE UPDATE ON event_offset FOR EACH ROW EXECUTE FUNCTION give_way();
"""


@pytest.mark.parametrize("times", [1, TRIES - 1, TRIES])
def test_a_serialization_failure_is_tried_again_three_times_and_then_told(
    times: int, server: PostgresServer, url: str, store: SqlEventStore, states: Counter[str]
) -> None:
    server.ask(GIVES_WAY.format(times=times), url.rpartition("/")[2])
    outcome = "applied once"
    try:
        store.apply([effect(1)], offset=1)
    except Unavailable as error:
        outcome = error.code

    fault_table.tell("D13", f"serialization failure × {times}", f"{dict(states)}; {outcome}")
    assert outcome == ("database_conflict" if times == TRIES else "applied once")
    assert states["40001"] == times
    assert store.counts() == ({} if times == TRIES else {"api": EventCounts(received=1, stored=1)})


def test_two_writers_of_everything_at_once_surface_no_conflict_and_double_nothing(
    url: str, store: SqlEventStore, states: Counter[str], tmp_path: Path
) -> None:
    second = open_database(url)
    rival = SqlEventStore(second)
    with write_path(tmp_path, store) as path:

        def apply_too() -> None:
            while not path.over.wait(0.01):
                logged = path.log.read(rival.offset, limit=50)
                if logged:
                    rival.apply([Effect(each, 100_000) for each in logged], offset=logged[-1].sequence)
                rival.purge([1, 2, 3])

        other = threading.Thread(target=apply_too)
        other.start()
        wait_until(lambda: len(path.acknowledged) > 2_000, seconds=30)
        path.check()
        other.join()
    second.close()

    fault_table.tell(
        "D13",
        "two who apply",
        f"{len(path.acknowledged)} acknowledged, 0 twice, surfaced {dict(path.failures)}",
    )
    assert path.failures == {}


def test_a_connection_the_server_closed_is_found_out_before_it_is_used(
    server: PostgresServer, url: str, database: Database, store: SqlEventStore
) -> None:
    with ExitStack() as held:
        for _ in range(PATIENCE.connections):
            held.enter_context(database.reading()).exec_driver_sql("SELECT 1")
    for pid in backends_of(server, url):
        server.ask(f"SELECT pg_terminate_backend({pid})")
    wait_until(lambda: backends_of(server, url) == [])

    assert [store.offset for _ in range(3)] == [0, 0, 0]


def test_a_unit_that_misses_its_deadline_is_taken_back_and_leaves_no_lock(
    server: PostgresServer, url: str, database: Database
) -> None:
    def insert_and_sleep() -> None:
        with database.writing() as connection:
            connection.exec_driver_sql(INSERT)
            connection.exec_driver_sql("SELECT pg_sleep(30)")

    began = time.monotonic()
    with lateness_measured() as lateness, pytest.raises(Unavailable) as refusal:
        insert_and_sleep()
    took = time.monotonic() - began

    assert refusal.value.code == "database_timeout"
    assert PATIENCE.write_seconds <= took <= PATIENCE.write_seconds + GRACE + lateness.seconds
    assert rows_in(database) == 0
    active = "SELECT query FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"
    wait_until(lambda: "pg_sleep" not in str(server.ask(active)))


@pytest.fixture
def hasty(url: str) -> Iterator[Database]:
    database = open_database(url, patience=Patience(write_seconds=0.2))
    yield database
    database.close()


def insert_slowly(database: Database, then: Exception | None = None) -> None:
    with database.writing() as connection:
        connection.exec_driver_sql(INSERT)
        time.sleep(0.25)
        if then:
            raise then


def test_a_body_that_is_too_slow_for_its_deadline_commits_nothing(hasty: Database) -> None:
    with pytest.raises(Unavailable) as refusal:
        insert_slowly(hasty)

    assert (refusal.value.code, rows_in(hasty)) == ("database_timeout", 0)


def test_what_a_body_raises_after_its_deadline_is_what_the_caller_hears(hasty: Database) -> None:
    with pytest.raises(RuntimeError, match="mine"):
        insert_slowly(hasty, RuntimeError("mine"))

    assert rows_in(hasty) == 0


def rows_in(database: Database) -> int:
    with database.reading() as connection:
        return connection.exec_driver_sql("SELECT count(*) FROM model_numbers").scalar_one()


def test_commits_are_flushed_and_the_server_watches_what_we_abandon(database: Database) -> None:
    names = ("synchronous_commit", "lock_timeout", "statement_timeout", "client_connection_check_interval")
    with database.reading() as connection:
        values = {name: connection.exec_driver_sql(f"SHOW {name}").scalar() for name in names}
        isolation = connection.exec_driver_sql("SHOW transaction_isolation").scalar()

    assert values == {
        "synchronous_commit": "on",
        "lock_timeout": "1s",
        "statement_timeout": "1min",
        "client_connection_check_interval": "1s",
    }
    assert isolation == "repeatable read"


def test_a_refusal_tells_neither_the_password_nor_what_users_did(server: PostgresServer, database: Database) -> None:
    with pytest.raises(Unavailable) as refusal:
        open_database(f"postgresql://tacit:s3cret@127.0.0.1:{server.port}/nowhere")

    assert refusal.value.code == "database_unavailable"
    assert "s3cret" not in repr(refusal.value.as_dict())
    with pytest.raises(Unavailable) as other:
        SqlExposureLog(database).prune(2**80)
    assert str(2**80) not in repr(other.value.as_dict())
