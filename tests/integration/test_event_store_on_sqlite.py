"""The store of events on SQLite does what the plain one does, and each deed wholly or not at all."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.exc import InvalidRequestError

from tacit.adapters.memory_store import MemoryEventStore
from tacit.adapters.sql.engine import Database, open_database
from tacit.adapters.sql.events import SqlEventStore
from tacit.data.ingestion import EventStore
from tacit.errors import Unavailable
from tests.conservation import unbalanced
from tests.event_stores import UNKNOWN, again, effect, everything, from_the_door, held

MIXED = [effect(2), effect(3, item_id="i2"), effect(4, event_id="e1"), effect(5, reason=UNKNOWN)]

DEEDS: dict[str, Callable[[EventStore], object]] = {
    "apply": lambda store: store.apply(MIXED, offset=5),
    "apply what was released": lambda store: store.apply(again(store)),
    "set aside": lambda store: store.set_aside([from_the_door(7)]),
    "tally": lambda store: store.tally("api", deduplicated=1, rejected=1),
    "purge": lambda store: store.purge(held(store)),
    "prune": lambda store: store.prune(9, before_ms=2**40 * 9),
}


def prepared(store: EventStore) -> EventStore:
    """A store with an event applied, one held and one released."""
    reason = {"reason": UNKNOWN}
    store.apply([effect(1), effect(8, **reason), effect(9, **reason)], offset=1)
    store.release(held(store)[:1])
    return store


@pytest.fixture
def database(empty_file: Path, tmp_path: Path) -> Iterator[Database]:
    shutil.copy(empty_file, tmp_path)
    database = open_database(f"sqlite:///{tmp_path}/tacit.db")
    yield database
    database.close()


@pytest.mark.parametrize("deed", DEEDS)
def test_a_deed_that_fails_at_any_statement_leaves_no_trace_and_succeeds_when_repeated(
    deed: str, database: Database, tmp_path: Path
) -> None:
    store = prepared(SqlEventStore(database))
    before = everything(store)
    failures = 0
    for last in range(1, 40):
        if not fails_at(last, database, lambda: DEEDS[deed](store)):
            break
        failures += 1
        assert everything(store) == before
        assert unbalanced(store) == []

    whole = prepared(MemoryEventStore())
    DEEDS[deed](whole)
    print(f"{deed}: failed at {failures} statements")
    assert failures >= 2
    assert everything(store) == everything(whole)


NUMBERS = st.integers(1, 12)
EFFECTS = st.lists(
    st.builds(
        effect,
        NUMBERS,
        reason=st.sampled_from([None, None, UNKNOWN]),
        event_id=st.sampled_from(["e1", "e2", "e3", "e4", "e5"]),
        item_id=st.sampled_from(["i1", "i2"]),
        type=st.sampled_from(["play", "rating"]),
        value=st.sampled_from([1.0, 2.0]),
        occurred_at_ms=st.integers(1, 3),
    ),
    max_size=4,
)
ACTIONS = st.one_of(
    st.tuples(st.just("apply"), EFFECTS, NUMBERS),
    st.tuples(st.just("set aside"), EFFECTS),
    st.tuples(st.just("apply released"), st.sampled_from([None, UNKNOWN])),
    st.tuples(st.sampled_from(["release", "purge"]), st.sets(st.integers(1, 6))),
    st.tuples(st.just("prune"), NUMBERS, NUMBERS),
    st.tuples(st.just("rewind")),
)


def act(store: EventStore, action: tuple[Any, ...]) -> object:
    """What a store answers to one action, told by its name."""
    match action:
        case "apply", effects, offset:
            return store.apply(effects, offset=offset)
        case "set aside", effects:
            return store.set_aside([replace(each, reason=UNKNOWN) for each in effects])
        case "apply released", reason:
            return store.apply([replace(each, reason=reason) for each in again(store)])
        case "release", numbers:
            return store.release(numbers)
        case "purge", numbers:
            return store.purge(numbers)
        case "prune", turn, number:
            return store.prune(turn, before_ms=effect(number).logged.received_at_ms, limit=5)
    return store.rewind()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(ACTIONS, min_size=4, max_size=14))
def test_the_database_answers_and_holds_what_the_plain_store_does(
    actions: list[tuple[Any, ...]], empty_file: Path, tmp_path: Path
) -> None:
    shutil.copy(empty_file, tmp_path / "tacit.db")
    database = open_database(f"sqlite:///{tmp_path}/tacit.db")
    store, plain = SqlEventStore(database), MemoryEventStore()
    try:
        assert [act(store, action) for action in actions] == [act(plain, action) for action in actions]
        assert everything(store) == everything(plain)
        assert all(counts.missing == 0 for counts in store.counts().values())
        # What was pruned was stored once, and is there no more.
        assert unbalanced(store) == [] or any(action[0] == "prune" for action in actions)
    finally:
        database.close()


class PowerCutError(Exception):
    """Stands for whatever ends a transaction in the middle."""


def fails_at(last: int, database: Database, deed: Callable[[], object]) -> bool:
    """Whether a deed came as far as its `last`th statement, where it is stopped."""
    done = 0

    def stop(*_: object) -> None:
        nonlocal done
        done += 1
        if done == last:
            raise PowerCutError

    sqlalchemy_event.listen(database.engine, "after_cursor_execute", stop)
    try:
        deed()
    except PowerCutError:
        return True
    finally:
        sqlalchemy_event.remove(database.engine, "after_cursor_execute", stop)
    return False


KILLER = """
import os, shutil, signal, sys
sys.path.insert(0, sys.argv[1])
from sqlalchemy import event
from tests.integration.test_event_store_on_sqlite import MIXED, prepared
from tacit.adapters.sql.engine import open_database
from tacit.adapters.sql.events import SqlEventStore

def apply_and_die(folder, last):
    os.mkdir(folder)
    shutil.copy(sys.argv[3], folder)
    database = open_database(f"sqlite:///{folder}/tacit.db")
    store = prepared(SqlEventStore(database))
    done = 0
    def count(*arguments):
        nonlocal done
        done += 1
        if done == last:
            os.kill(os.getpid(), signal.SIGKILL)
    event.listen(database.engine, "after_cursor_execute", count)
    store.apply(MIXED, offset=5)

for last in range(1, 26, 2):
    folder = os.path.join(sys.argv[2], str(last))
    child = os.fork()
    if not child:
        apply_and_die(folder, last)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0)
"""


def test_a_process_killed_at_any_statement_leaves_a_store_that_goes_on_as_if_nothing_was(
    empty_file: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", KILLER, Path(__file__).parents[2], tmp_path, empty_file]
    killed = subprocess.run(command, check=True, capture_output=True, text=True)
    whole = prepared(MemoryEventStore())
    whole.apply(MIXED, offset=5)
    for last in range(1, 26, 2):
        database = open_database(f"sqlite:///{tmp_path}/{last}/tacit.db")
        store = SqlEventStore(database)
        store.apply(MIXED, offset=5)
        assert everything(store) == everything(whole), f"killed at statement {last}"
        assert unbalanced(store) == []
        database.close()

    signals = killed.stdout.split()
    print(f"killed at {signals.count('9')} statements")
    assert (signals[0], signals[-1]) == ("9", "0")


def test_counts_that_do_not_add_up_are_refused_by_the_database_itself(database: Database) -> None:
    SqlEventStore(database).tally("api", rejected=1)

    with pytest.raises(Exception, match="conserved"), database.writing() as connection:
        connection.exec_driver_sql("UPDATE event_counts SET received = received + 1")


def test_connections_that_end_as_they_are_opened_are_told_as_an_outage(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gives_up(_: Engine) -> None:
        raise InvalidRequestError("This connection is closed")

    monkeypatch.setattr(Engine, "connect", gives_up)

    with pytest.raises(Unavailable) as refusal:
        SqlEventStore(sqlite_database).counts()
    assert refusal.value.code == "database_unavailable"
