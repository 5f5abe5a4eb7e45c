"""What every `EventStore` promises of more events at once than one statement takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tacit.adapters.memory_store import MemoryEventStore
from tacit.adapters.sql import event_rows
from tacit.adapters.sql.events import SqlEventStore
from tacit.data.event_effects import Effect, Meetings
from tacit.data.ingestion import EventStore
from tests.event_stores import MOMENT, effect, everything, in_columns


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> EventStore:
    if request.param == "memory":
        return MemoryEventStore()
    return SqlEventStore(request.getfixturevalue(f"{request.param}_database"))


def test_hundreds_of_events_at_once_amount_to_what_they_do_one_by_one(store: EventStore) -> None:
    """More than any statement takes, in an order of their own, with users and items again and again."""
    effects = [
        effect(
            number,
            weight=number % 7 - 3,
            user_id=f"u{number * 7 % 5}",
            item_id=f"i{number * 11 % 13}",
            **({"type": "rating", "value": float(number % 6), "occurred_at_ms": MOMENT} if number % 3 else {}),
        )
        for number in range(1, 251)
    ]
    alone = MemoryEventStore()
    for each in effects:
        alone.apply([each], offset=each.logged.sequence)

    plan = store.apply(effects, offset=250)

    assert (plan.stored, store.last_turn) == (tuple(effects), 250)
    assert store.applied(0, limit=300) == alone.applied(0, limit=300)
    users = [f"u{number}" for number in range(5)]
    assert [store.interactions_of(user) for user in users] == [alone.interactions_of(user) for user in users]


def mixed(numbers: range) -> list[Effect]:
    """Plays and ratings, some of a list that was shown, of a few users with a few items."""
    return [
        effect(
            number,
            weight=number % 7 - 3,
            user_id=f"u{number * 7 % 5}",
            item_id=f"i{number * 11 % 13}",
            **({"type": "rating", "value": float(number % 6), "occurred_at_ms": MOMENT} if number % 3 else {}),
            **({"recommendation_id": f"r{number}"} if number % 4 else {}),
        )
        for number in numbers
    ]


def test_events_in_columns_amount_to_what_they_do_one_by_one(store: EventStore) -> None:
    """More than any statement takes, twice, and the second time with one of the first and one of its own again."""
    first, more = mixed(range(1, 614)), mixed(range(614, 640))
    again = [effect(640, event_id="e5"), effect(641, event_id="e639")]
    alone = MemoryEventStore()
    for effects in (first, [*more, *again]):
        alone.apply(list(effects), offset=effects[-1].logged.sequence)

    plan = store.apply(in_columns(first), offset=613)
    store.apply(in_columns([*more, *again]), offset=641)

    assert plan.stored == first
    assert store.meetings(0, limit=2_000) == Meetings.of(store.applied(0, limit=2_000))
    assert store.meetings(613, limit=2).turns == (614, 615)
    assert everything(store) == everything(alone)


def test_events_whose_ids_share_a_key_are_each_one_event(store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_rows, "keys_of", lambda ids: [int(each[1:]) % 2 for each in ids])
    effects = mixed(range(1, 120))
    store.apply(in_columns(effects), offset=119)

    again = replace(effects[6], logged=replace(effects[6].logged, sequence=120))
    plan = store.apply([again, effect(121)], offset=121)

    assert [each.logged.event.event_id for each in plan.repeated] == ["e7"]
    assert [each.logged.event.event_id for each in plan.stored] == ["e121"]
    assert store.last_turn == 120


def test_columns_of_events_that_were_counted_before_do_nothing(store: EventStore) -> None:
    effects = mixed(range(1, 120))
    store.apply(in_columns(effects), offset=119)
    before = everything(store)
    store.rewind()

    plan = store.apply(in_columns(effects), offset=119)

    assert (len(plan.stored), len(plan.repeated)) == (0, 0)
    assert everything(store) == before
