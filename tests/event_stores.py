"""Events and their effects, as the tests of the store of events make them, and all that can be read of a store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tacit.data.event_columns import LoggedColumns
from tacit.data.event_effects import MILLIONTHS, Effect, EffectColumns, Reason
from tacit.data.events import Event, LoggedEvent
from tacit.data.ingestion import EventStore

MOMENT = 1_767_355_200_000
"""Far beyond 32 bits."""

UNKNOWN = Reason("entity_unknown", "The catalogue has no item of this id.")


def play(number: int, **changes: Any) -> Event:
    """Ann's play of item `i1`, `number` milliseconds after some moment."""
    return replace(Event(f"e{number}", "ann", "i1", "play", None, MOMENT + number), **changes)


def effect(number: int, *, weight: float = 1.0, reason: Reason | None = None, **changes: Any) -> Effect:
    """What the `number`th event of the log does."""
    logged = LoggedEvent(number, MOMENT + 5_000 + number, "api", play(number, **changes))
    return Effect(logged, 0 if reason else round(weight * MILLIONTHS), reason)


def in_columns(effects: Sequence[Effect]) -> EffectColumns:
    """The same effects as the log's events have them."""
    return EffectColumns(LoggedColumns.of([each.logged for each in effects]), [each.weight for each in effects])


def from_the_door(number: int, reason: Reason = UNKNOWN, **changes: Any) -> Effect:
    logged = effect(number, **changes).logged
    return Effect(replace(logged, sequence=0), reason=reason)


def again(store: EventStore) -> list[Effect]:
    """What the released events do once nothing is wrong with them any more."""
    return [
        Effect(replace(entry.logged, event=entry.mended or entry.logged.event), MILLIONTHS, None, entry.quarantine_id)
        for entry in store.released(limit=100)
    ]


def held(store: EventStore) -> list[int]:
    return [entry.quarantine_id for entry in store.quarantined()]


def everything(store: EventStore) -> tuple[object, ...]:
    """All that anybody can read of a store."""
    applied = list(store.applied(0, limit=1_000))
    users = sorted({each.logged.event.user_id for each in applied})
    return (
        store.offset,
        applied,
        {user: list(store.interactions_of(user)) for user in users},
        list(store.quarantined(limit=1_000)),
        dict(store.counts()),
    )
