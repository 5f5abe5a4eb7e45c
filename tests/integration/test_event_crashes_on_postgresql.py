"""Killed at any moment while it appends and follows into PostgreSQL: nothing acknowledged is lost or applied twice."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from tacit.adapters.event_log import SqliteEventLog
from tacit.adapters.sql.engine import open_database
from tacit.adapters.sql.events import SqlEventStore
from tacit.data.event_effects import AppliedEvent, EventCounts
from tacit.data.ingestion import Admission, Ingestion
from tests.faults.event_log_child import KILLED, POINTS
from tests.ingestions import TYPES
from tests.integration.test_event_log_crashes import RESTART_SECONDS, Victim
from tests.postgres_server import Databases


def applied_since(store: SqlEventStore, turn: int) -> Iterator[AppliedEvent]:
    """Page by page, each within the deadline of a read, however much there is."""
    while page := store.applied(turn, limit=20_000):
        yield from page
        turn = page[-1].turn


@dataclass
class Checked:
    """How far store and log were compared: before the first kill, not at all.

    After each kill only what is new is read, or two hundred kills would read a hundred times what one wrote; what was
    read once can only be lost or doubled by being changed afterwards, which `check` from the start finds.

    Attributes:
        place: The last place of the log that was looked at.
        turn: The last turn of the store.
        acknowledged: How many acknowledgements were looked at.
    """

    place: int = 0
    turn: int = 0
    acknowledged: int = 0


def check(victim: Victim, since: Checked | None = None) -> int:
    """Take up where the killed process stopped, and compare the store with the log; events that were behind.

    Args:
        victim: The process.
        since: What was compared before, and is brought up to date; everything is compared if it is not given.
    """
    done = since or Checked()
    began = time.monotonic()
    log = SqliteEventLog(victim.folder, clock=lambda: datetime.now(UTC))
    log_open = time.monotonic() - began
    database = open_database(victim.follows)
    both_open = time.monotonic() - began
    store = SqlEventStore(database)
    ingestion = Ingestion(log, store, TYPES, admission=Admission("accept"))
    behind = ingestion.lag
    took = time.monotonic() - began
    ingestion.catch_up(time.monotonic() + 60)
    logged = log.read(done.place, limit=1_000_000)
    applied = list(applied_since(store, done.turn))
    counts = store.counts().get("api", EventCounts())
    there = log.last_sequence
    database.close()
    log.close()

    places = {each.event.event_id: each.sequence for each in logged}
    acknowledged = dict(islice(victim.acknowledged.items(), done.acknowledged, None))
    assert took <= RESTART_SECONDS, f"the log open after {log_open:.2f} s, the database after {both_open:.2f} s"
    assert [each.sequence for each in logged] == list(range(done.place + 1, there + 1))
    assert {key: place for key, place in acknowledged.items() if places.get(key) != place} == {}
    assert [each.turn for each in applied] == list(range(done.turn + 1, there + 1))
    assert Counter(each.logged.event.event_id for each in applied) == Counter(places.keys())
    assert (counts.received, counts.stored, counts.missing) == (there, there, 0)
    done.place = done.turn = there
    done.acknowledged += len(acknowledged)
    return behind


def kill_again_and_again(victim: Victim, *, times: int) -> None:
    seed = random.randrange(10**9)
    rng = random.Random(seed)
    behind, checked, began = 0, Checked(), time.monotonic()
    for _ in range(times):
        assert victim.run(kill_after_s=0.1 + rng.random()) == -signal.SIGKILL
        behind += check(victim, checked)
    check(victim)
    print(
        f"seed {seed}: {times} kills, {len(victim.acknowledged)} events acknowledged, {behind} of them not yet applied "
        f"when killed: none lost, none applied twice, in {time.monotonic() - began:.0f} s"
    )


def test_killing_the_process_at_random_loses_nothing_and_applies_nothing_twice(
    tmp_path: Path, postgres_databases: Databases
) -> None:
    victim = Victim(tmp_path, postgres_databases.server.new_database(postgres_databases.template))

    kill_again_and_again(victim, times=3)

    assert len(victim.acknowledged) > 100


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_killing_the_process_two_hundred_times_loses_nothing_and_applies_nothing_twice(
    tmp_path: Path, postgres_databases: Databases
) -> None:
    victim = Victim(tmp_path, postgres_databases.server.new_database(postgres_databases.template))

    kill_again_and_again(victim, times=200)

    assert len(victim.acknowledged) > 5_000


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("point", POINTS)
def test_a_crash_at_a_named_point_loses_nothing_and_applies_nothing_twice(
    point: str, tmp_path: Path, postgres_databases: Databases
) -> None:
    victim = Victim(tmp_path, postgres_databases.server.new_database(postgres_databases.template))
    for occurrence in (1, 2, 3):
        assert victim.run(crash_at=f"{point}:{occurrence}") == KILLED
        check(victim)
