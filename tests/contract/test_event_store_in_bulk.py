"""What every `EventStore` promises of more events at once than one statement takes."""

from __future__ import annotations

import pytest

from tacit.adapters.memory_store import MemoryEventStore
from tacit.adapters.sql.events import SqlEventStore
from tacit.data.ingestion import EventStore
from tests.event_stores import MOMENT, effect


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
