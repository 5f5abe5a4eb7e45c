"""Events as rows, and the statements that several questions share."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
)

from tacit.adapters.id_keys import keys_of
from tacit.adapters.sql.ab_tables import attributed_events
from tacit.adapters.sql.dialects import (
    Incoming,
    insert_all,
    insert_columns,
    insert_merging,
    is_key_listed,
    is_listed,
    listing,
)
from tacit.adapters.sql.tables import applied_events, event_counts, event_keys, event_quarantine, interactions
from tacit.data.event_effects import AppliedEvent, Effect, EventCounts, Reason, rated_at, watch_seconds
from tacit.data.events import Event, LoggedEvent
from tacit.data.ingestion import QuarantinedEvent

_quoted = json.JSONEncoder().encode
_PAIRS = 200
_PAIR = itemgetter(0, 1)
_UNRATED = (None, None, None)


def escaped_id(text: str) -> str:
    """An id in ASCII, whatever it holds; as it is, where that is ordinary."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return _quoted(text)[1:-1]


def content_of(event: Event) -> str:
    return json.dumps(asdict(event))


def event_of(content: str) -> Event:
    return Event(**json.loads(content))


APPLIED_COLUMNS = tuple(applied_events.columns.keys())
KEY_COLUMNS = tuple(event_keys.columns.keys())
ATTRIBUTED_COLUMNS = tuple(attributed_events.columns.keys())
INTERACTION_COLUMNS = tuple(interactions.columns.keys())


APPEND = insert(applied_events)
ENTER = insert(event_keys)
ATTRIBUTE = insert(attributed_events)


def applied_row(turn: int, effect: Effect) -> tuple[Any, ...]:
    """A row of `applied_events`."""
    logged, event = effect.logged, effect.logged.event
    return (
        turn,
        logged.sequence,
        logged.received_at_ms,
        logged.source,
        event.event_id,
        event.user_id,
        event.item_id,
        event.type,
        event.value,
        event.occurred_at_ms,
        event.recommendation_id,
        event.properties,
        int(event.timed),
        effect.weight,
    )


def enter_keys(connection: Connection, event_ids: Sequence[str], *, after_turn: int) -> None:
    """Let events be found by their ids; their turns follow a turn."""
    import numpy as np

    keys = np.array(keys_of(event_ids), np.int64)
    # In their order they share pages of the table.
    order = np.argsort(keys)
    insert_columns(connection, ENTER, (keys[order].tolist(), (order + after_turn + 1).tolist()), names=KEY_COLUMNS)


def forget_keys(connection: Connection, applied: Sequence[AppliedEvent]) -> None:
    """Let events no longer be found by their ids."""
    keys = keys_of([each.logged.event.event_id for each in applied])
    rows = [{"its_key": key, "its_turn": each.turn} for key, each in zip(keys, applied, strict=True)]
    connection.execute(_FORGET_KEY, rows)


def is_attributed(effect: Effect) -> bool:
    """Whether an event that is applied may count for a list."""
    return effect.weight > 0 and effect.logged.event.recommendation_id is not None


def attributed_row(turn: int, effect: Effect) -> tuple[Any, ...]:
    """A row of `attributed_events`."""
    event = effect.logged.event
    shown = event.recommendation_id
    return (turn, shown, event.user_id, event.item_id, event.occurred_at_ms, watch_seconds(event))


def applied_of(row: Row[Any]) -> AppliedEvent:
    return AppliedEvent(
        row.turn, LoggedEvent(row.sequence, row.received_at_ms, row.source, kept_event(row)), row.weight
    )


def kept_event(row: Row[Any]) -> Event:
    return Event(
        row.event_id,
        row.user_id,
        row.item_id,
        row.type,
        row.value,
        row.occurred_at_ms,
        row.recommendation_id,
        row.properties,
        bool(row.timed),
    )


def interaction_row(effect: Effect) -> tuple[Any, ...]:
    """A row of `interactions` in which there is only this event."""
    event = effect.logged.event
    rated_at_ms, rated_sequence, rating = rated_at(effect.logged) or _UNRATED
    return (
        event.user_id,
        event.item_id,
        effect.weight,
        1,
        event.occurred_at_ms,
        rating,
        rated_at_ms,
        rated_sequence,
    )


def merge_interactions(connection: Connection, effects: Iterable[Effect]) -> None:
    """Add events to what their users and items amount to."""
    # Sorted, those that share a page of the table come together; the effects come to the same in any order.
    rows = sorted(map(interaction_row, effects), key=_PAIR)
    insert_all(connection, MERGE_INTERACTIONS, rows, names=INTERACTION_COLUMNS)


def quarantine_row(effect: Effect, reason: Reason) -> dict[str, Any]:
    logged = effect.logged
    return {
        "sequence": logged.sequence,
        "received_at_ms": logged.received_at_ms,
        "source": logged.source,
        "event_id": escaped_id(logged.event.event_id),
        "user_id": escaped_id(logged.event.user_id),
        "content": content_of(logged.event),
        "reason": reason.code,
        "detail": reason.detail,
        "state": "held",
        "tries": 1,
    }


def quarantined_of(row: Row[Any]) -> QuarantinedEvent:
    return QuarantinedEvent(
        row.quarantine_id,
        LoggedEvent(row.sequence, row.received_at_ms, row.source, event_of(row.content)),
        Reason(row.reason, row.detail),
        row.state,
        row.tries,
        None if row.mended is None else event_of(row.mended),
    )


def _merged_interaction(incoming: Incoming) -> Mapping[str, ColumnElement[Any]]:
    kept = interactions.c
    later = and_(
        incoming.rated_at_ms.is_not(None),
        or_(
            kept.rated_at_ms.is_(None),
            incoming.rated_at_ms > kept.rated_at_ms,
            and_(incoming.rated_at_ms == kept.rated_at_ms, incoming.rated_sequence >= kept.rated_sequence),
        ),
    )
    rating = ("rating", "rated_at_ms", "rated_sequence")
    return {
        "weight": kept.weight + incoming.weight,
        "events": kept.events + incoming.events,
        "last_at_ms": case((incoming.last_at_ms > kept.last_at_ms, incoming.last_at_ms), else_=kept.last_at_ms),
        **{name: case((later, incoming[name]), else_=kept[name]) for name in rating},
    }


def _added_counts(incoming: Incoming) -> Mapping[str, ColumnElement[Any]]:
    names = [column.name for column in event_counts.columns if not column.primary_key]
    return {name: event_counts.c[name] + incoming[name] for name in names}


MERGE_INTERACTIONS = insert_merging(interactions, _merged_interaction)
"""Adds events to what their user and item amount to already."""

ADD_COUNTS = insert_merging(event_counts, _added_counts)
"""Adds to what is counted of a source already."""


_FORGET_KEY = delete(event_keys).where(
    event_keys.c.event_key == bindparam("its_key"), event_keys.c.turn == bindparam("its_turn")
)
_APPLIED_OF_KEYS = (
    select(applied_events)
    .join(event_keys, event_keys.c.turn == applied_events.c.turn)
    .where(is_key_listed(event_keys.c.event_key, "keys"))
)
_QUARANTINED_OF_IDS = (
    select(event_quarantine.c.event_id, event_quarantine.c.content)
    .where(is_listed(event_quarantine.c.event_id, "ids"), event_quarantine.c.sequence > 0)
    .order_by(event_quarantine.c.quarantine_id.desc())
)

ANY_QUARANTINED = select(event_quarantine.c.quarantine_id).limit(1)
"""Whether anything ever came into quarantine."""

WAITING_BY_REASON = (
    select(event_quarantine.c.reason, func.count().label("waiting"))
    .where(event_quarantine.c.state.in_(("held", "released")))
    .group_by(event_quarantine.c.reason)
)
"""How many events are in quarantine, by reason."""


def count(connection: Connection, changes: Mapping[str, EventCounts]) -> None:
    """Add to the counts; the table refuses a change that does not keep the sum."""
    rows = [{"source": source, **asdict(change)} for source, change in sorted(changes.items())]
    if rows:
        connection.execute(ADD_COUNTS, rows)


def kept_events(connection: Connection, event_ids: Iterable[str]) -> dict[str, Event]:
    """Of some ids those whose events were applied, with the events."""
    # An id that no database can hold was never applied, and asking for it would fail.
    ids = {event_id for event_id in event_ids if _is_storable(event_id)}
    rows = connection.execute(_APPLIED_OF_KEYS, {"keys": listing(sorted(keys_of(list(ids))))})
    return {row.event_id: kept_event(row) for row in rows if row.event_id in ids}


def quarantined_events(connection: Connection, event_ids: Iterable[str]) -> dict[str, Event | None]:
    """Of some ids those that came through the log into quarantine, with the first event of each; `None` if purged."""
    ids = {escaped_id(event_id): event_id for event_id in event_ids}
    rows = connection.execute(_QUARANTINED_OF_IDS, {"ids": listing(ids)})
    return {ids[row.event_id]: None if row.content is None else event_of(row.content) for row in rows}


def still_released(connection: Connection, effects: Sequence[Effect]) -> list[Effect]:
    """Of some effects those whose entries have not been applied or purged meanwhile."""
    kept = event_quarantine.c
    ids = [effect.quarantine_id for effect in effects]
    statement = select(kept.quarantine_id).where(kept.quarantine_id.in_(ids), kept.state == "released")
    released = set(connection.scalars(statement.with_for_update()))
    return [effect for effect in effects if effect.quarantine_id in released]


def sum_up_again(connection: Connection, pairs: Collection[tuple[str, str]]) -> None:
    """Let some users' interactions with some items be what the events that are still there amount to."""
    ordered = sorted(pairs)
    # A few statements, not a few for each user: others wait for the store meanwhile, and it may be a network away.
    for start in range(0, len(ordered), _PAIRS):
        chosen = ordered[start : start + _PAIRS]
        connection.execute(delete(interactions).where(_is_one_of(chosen, interactions)))
        left = select(applied_events).where(_is_one_of(chosen, applied_events))
        applied = [applied_of(row) for row in connection.execute(left)]
        merge_interactions(connection, [Effect(each.logged, each.weight) for each in applied])


def _is_one_of(pairs: Sequence[tuple[str, str]], table: Table) -> ColumnElement[bool]:
    # SQLite would search the whole table for a list of pairs, but has its index for each of many alternatives.
    return or_(*(and_(table.c.user_id == user_id, table.c.item_id == item_id) for user_id, item_id in pairs))


def waiting_by_source(quarantine_ids: Collection[int]) -> Select[str, int]:
    """How many of some entries are in quarantine, by source."""
    kept = event_quarantine.c
    chosen = and_(kept.quarantine_id.in_(list(quarantine_ids)), kept.state.in_(("held", "released")))
    return select(kept.source, func.count()).where(chosen).group_by(kept.source)


def _is_storable(text: str) -> bool:
    if text.isascii():
        return "\0" not in text
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
