"""The store of events on PostgreSQL does what the plain one does, and each deed wholly or not at all."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tacit.adapters.memory_store import MemoryEventStore
from tacit.adapters.sql.engine import Database
from tacit.adapters.sql.events import SqlEventStore
from tacit.data.event_effects import EventCounts
from tacit.data.ingestion import EventStore
from tacit.errors import BadInput
from tests.event_stores import UNKNOWN, effect, everything
from tests.integration.test_event_store_on_sqlite import ACTIONS, DEEDS, act, fails_at, prepared
from tests.postgres_server import empty


def all_of(store: EventStore) -> tuple[object, ...]:
    """Everything of a store, its quarantine numbered from 1: what failed uses numbers up on PostgreSQL."""
    offset, applied, interactions, quarantined, counts = everything(store)
    assert isinstance(quarantined, list)
    numbered = [replace(entry, quarantine_id=number) for number, entry in enumerate(quarantined, start=1)]
    return offset, applied, interactions, numbered, counts


@pytest.mark.parametrize("deed", DEEDS)
def test_a_deed_that_fails_at_any_statement_leaves_no_trace_and_succeeds_when_repeated(
    deed: str, postgres_database: Database
) -> None:
    store = prepared(SqlEventStore(postgres_database))
    before = everything(store)
    failures = 0
    for last in range(1, 40):
        if not fails_at(last, postgres_database, lambda: DEEDS[deed](store)):
            break
        failures += 1
        assert everything(store) == before

    whole = prepared(MemoryEventStore())
    DEEDS[deed](whole)
    print(f"{deed}: failed at {failures} statements")
    assert failures >= 1
    assert all_of(store) == all_of(whole)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(ACTIONS, min_size=4, max_size=14))
def test_the_database_answers_and_holds_what_the_plain_store_does(
    actions: list[tuple[Any, ...]], postgres_database: Database
) -> None:
    empty(postgres_database)
    store, plain = SqlEventStore(postgres_database), MemoryEventStore()

    assert [act(store, action) for action in actions] == [act(plain, action) for action in actions]
    assert everything(store) == everything(plain)


@pytest.mark.parametrize("changes", [{"user_id": "nul\0"}, {"properties": '{"a":"\0"}'}, {"occurred_at_ms": 2**80}])
def test_an_event_that_the_database_cannot_hold_is_told_apart_from_one_to_try_again(
    postgres_database: Database, changes: dict[str, Any]
) -> None:
    store = SqlEventStore(postgres_database)

    with pytest.raises((BadInput, UnicodeEncodeError)):
        store.apply([effect(1, **changes)], offset=1)

    assert (store.offset, store.counts()) == (0, {})


def test_ids_sort_by_their_bytes_whatever_the_database_thinks_of_them(postgres_database: Database) -> None:
    names = ["b", "B", "a", "é", "_", "10", "9", "ä"]
    store = SqlEventStore(postgres_database)
    store.apply([effect(number, user_id=name) for number, name in enumerate(names, start=1)], offset=len(names))

    with postgres_database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT user_id FROM interactions ORDER BY user_id").scalars().all()

    assert rows == sorted(names)


def together(*deeds: Callable[[], object]) -> None:
    """Done in as many threads."""
    with ThreadPoolExecutor(len(deeds)) as threads:
        for done in [threads.submit(deed) for deed in deeds]:
            done.result()


def test_many_who_apply_the_same_events_at_once_have_them_applied_once(postgres_database: Database) -> None:
    store = SqlEventStore(postgres_database)
    batches = [[effect(number) for number in range(first, first + 5)] for first in range(1, 100, 5)]

    def apply_all() -> None:
        for batch in batches:
            store.apply(batch, offset=batch[-1].logged.sequence)

    together(apply_all, apply_all, apply_all)

    assert store.counts() == {"api": EventCounts(received=100, stored=100)}
    assert [applied.turn for applied in store.applied(0, limit=1_000)] == list(range(1, 101))
    assert (store.offset, store.interactions_of("ann")[0].count) == (100, 100)


def test_many_who_release_purge_and_count_at_once_lose_nothing(postgres_database: Database) -> None:
    store = SqlEventStore(postgres_database)
    store.apply([effect(number, reason=UNKNOWN) for number in range(1, 201)], offset=200)
    entries = [entry.quarantine_id for entry in store.quarantined(limit=1_000)]
    pieces = [entries[start : start + 20] for start in range(0, len(entries), 20)]

    together(
        *(lambda piece=piece: store.release(piece) for piece in pieces),  # type: ignore[misc]
        *(lambda piece=piece: store.purge(piece[:10]) for piece in reversed(pieces)),  # type: ignore[misc]
        *(lambda: store.tally("api", rejected=1) for _ in range(10)),
    )

    counts = store.counts()["api"]
    assert (counts.received, counts.rejected, counts.quarantined) == (210, 110, 100)
