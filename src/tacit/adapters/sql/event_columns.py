"""Storing many events at once, from their columns: no object for any of them, and no binding of what is not there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select

from tacit.adapters.sql import event_rows
from tacit.adapters.sql.dialects import insert_all, insert_columns
from tacit.adapters.sql.tables import applied_events
from tacit.data.event_effects import RATING, EffectColumns

Column = Sequence[Any]

_KEPT = applied_events.c
MET = (
    select(_KEPT.turn, _KEPT.user_id, _KEPT.item_id, _KEPT.occurred_at_ms, _KEPT.weight)
    .where(_KEPT.turn > bindparam("after"))
    .order_by(_KEPT.turn)
    .limit(bindparam("most"))
)
"""Who met what after a turn."""


def store(connection: Connection, effects: EffectColumns, *, after_turn: int) -> None:
    """Apply effects of which none was applied before; their turns follow a turn."""
    logged, events = effects.logged, effects.logged.events
    turns = range(after_turn + 1, after_turn + len(effects) + 1)
    columns = (
        turns, logged.places, logged.came_at_ms, logged.sources, events.ids, events.users, events.items, events.types,
        events.values, events.times, events.links, events.properties, list(map(int, events.timed)), effects.weights,
    )  # fmt: skip
    insert_columns(connection, event_rows.APPEND, columns, names=event_rows.APPLIED_COLUMNS)
    event_rows.enter_keys(connection, events.ids, after_turn=after_turn)
    if any(events.links):
        _attribute(connection, effects, turns)
    _merge(connection, effects)


def _attribute(connection: Connection, effects: EffectColumns, turns: range) -> None:
    """Note which events may count for a list."""
    rows = [
        event_rows.attributed_row(turns[nth], effects.row(nth))
        for nth, (link, weight) in enumerate(zip(effects.logged.events.links, effects.weights, strict=True))
        if link is not None and weight > 0
    ]
    if rows:
        insert_all(connection, event_rows.ATTRIBUTE, rows, names=event_rows.ATTRIBUTED_COLUMNS)


def _merge(connection: Connection, effects: EffectColumns) -> None:
    """Add the events to what their users and items amount to."""
    logged, events = effects.logged, effects.logged.events
    # By user, those that share a page of the table come together; the effects come to the same in any order.
    order = sorted(range(len(effects)), key=events.users.__getitem__)
    is_rated = [kind == RATING and value is not None for kind, value in zip(events.types, events.values, strict=True)]
    rated = [_only(column, is_rated) for column in (events.values, events.times, logged.places)]
    columns: list[Column] = [events.users, events.items, effects.weights, [1] * len(order), events.times, *rated]
    insert_columns(
        connection,
        event_rows.MERGE_INTERACTIONS,
        [list(map(column.__getitem__, order)) for column in columns],
        names=event_rows.INTERACTION_COLUMNS,
    )


def _only(column: Column, chosen: Sequence[bool]) -> Column:
    """A column with nothing but what is chosen."""
    if not any(chosen):
        return [None] * len(column)
    return [value if is_one else None for value, is_one in zip(column, chosen, strict=True)]
