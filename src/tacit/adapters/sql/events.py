"""What the applying of events, and whoever asks what they amount to, ask of the database."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from tacit.adapters.sql import event_columns, event_rows
from tacit.adapters.sql.ab_tables import attributed_events
from tacit.adapters.sql.dialects import insert_all, insert_new
from tacit.adapters.sql.engine import Database, again_after_conflict, is_unstorable
from tacit.adapters.sql.tables import applied_events, event_counts, event_offset, event_quarantine, interactions
from tacit.data.event_effects import (
    MILLIONTHS,
    AppliedEvent,
    Decay,
    Effect,
    EffectColumns,
    EventCounts,
    Meetings,
    Plan,
    UserItem,
    planned,
    planned_aside,
    prunable,
    summed,
)
from tacit.data.events import Event
from tacit.data.ingestion import QuarantinedEvent
from tacit.errors import BadInput, Unavailable

_LOG = "events"
_CHUNK = 500
_LEAVE = (
    update(event_quarantine)
    .where(event_quarantine.c.quarantine_id == bindparam("entry"))
    .values(state=bindparam("left_as"))
)
_STAY = (
    update(event_quarantine)
    .where(event_quarantine.c.quarantine_id == bindparam("entry"))
    .values(state="held", reason=bindparam("code"), detail=bindparam("because"), tries=event_quarantine.c.tries + 1)
)


@dataclass(frozen=True, slots=True)
class _Position:
    sequence: int = 0
    counted_to: int = 0
    turn: int = 0


class SqlEventStore:
    """An `EventStore` in the relational database.

    Its writers stand in no queue with the others: whoever changes what the log's events amount to holds the row of
    the log's offset, and the rest is single statements over rows.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def offset(self) -> int:
        with self._database.reading() as connection:
            return _position(connection).sequence

    @property
    def last_turn(self) -> int:
        with self._database.reading() as connection:
            return _position(connection).turn

    @again_after_conflict(patient=True)
    def apply(self, effects: Sequence[Effect], *, offset: int | None = None) -> Plan:
        with _unstorable_told_apart(), self._database.writing(patient=True, queued=False) as connection:
            position = _locked_position(connection)
            if offset is None:
                effects = event_rows.still_released(connection, effects)
            known = _known(connection, effects, is_release=offset is None)
            plan = planned(effects, known, counted_to=position.counted_to, is_release=offset is None)
            _store(connection, plan.stored, after_turn=position.turn)
            (_leave_quarantine if plan.is_release else _enter_quarantine)(connection, plan)
            event_rows.count(connection, plan.changes())
            _advance(connection, position, offset=offset, turns=len(plan.stored))
        return plan

    @again_after_conflict()
    def set_aside(self, effects: Sequence[Effect]) -> Plan:
        with _unstorable_told_apart(), self._database.writing(queued=False) as connection:
            _locked_position(connection)
            plan = planned_aside(effects, _set_aside_before(connection, effects))
            _enter_quarantine(connection, plan)
            event_rows.count(connection, plan.changes())
        return plan

    @again_after_conflict(patient=True)
    def tally(self, source: str, *, deduplicated: int = 0, rejected: int = 0) -> None:
        change = EventCounts(deduplicated + rejected, 0, deduplicated, 0, rejected)
        with self._database.writing(patient=True, queued=False) as connection:
            event_rows.count(connection, {source: change})

    def counts(self) -> Mapping[str, EventCounts]:
        with self._database.reading() as connection:
            rows = connection.execute(select(event_counts)).all()
        return {source: EventCounts(*numbers) for source, *numbers in sorted(rows)}

    def interactions_of(
        self,
        user_id: str,
        *,
        since_ms: int | None = None,
        after_turn: int | None = None,
        decay: Decay | None = None,
    ) -> Sequence[UserItem]:
        if since_ms is not None or after_turn is not None or decay is not None:
            return self._events_of(user_id, since_ms=since_ms, after_turn=after_turn, decay=decay)
        statement = select(interactions).where(interactions.c.user_id == user_id)
        with self._database.reading() as connection:
            rows = connection.execute(statement).all()
        # Sorted here and elsewhere: databases do not agree on the order of texts.
        return [
            UserItem(row.item_id, row.weight / MILLIONTHS, row.events, row.last_at_ms, row.rating)
            for row in sorted(rows, key=lambda row: row.item_id)
        ]

    def _events_of(
        self, user_id: str, *, since_ms: int | None, after_turn: int | None, decay: Decay | None
    ) -> Sequence[UserItem]:
        kept = applied_events.c
        statement = select(applied_events).where(kept.user_id == user_id, kept.turn > (after_turn or 0))
        if since_ms is not None:
            statement = statement.where(kept.occurred_at_ms >= since_ms)
        with self._database.reading() as connection:
            return summed((event_rows.applied_of(row) for row in connection.execute(statement)), decay)

    def opposed_users(self) -> Sequence[str]:
        users = select(interactions.c.user_id).where(interactions.c.weight <= 0).distinct()
        # It goes through all interactions, and no request waits for it.
        with self._database.reading(patient=True) as connection:
            return sorted(connection.scalars(users))

    def applied(self, after_turn: int, *, limit: int) -> Sequence[AppliedEvent]:
        kept = applied_events.c.turn
        with self._database.reading(patient=True) as connection:
            rows = connection.execute(select(applied_events).where(kept > after_turn).order_by(kept).limit(limit))
            return [event_rows.applied_of(row) for row in rows]

    def meetings(self, after_turn: int, *, limit: int) -> Meetings:
        with self._database.reading(patient=True) as connection:
            rows = connection.execute(event_columns.MET, {"after": after_turn, "most": limit}).all()
        return Meetings(*zip(*rows, strict=True)) if rows else Meetings()

    def changed_users(self, after_turn: int) -> Sequence[str]:
        users = select(applied_events.c.user_id).where(applied_events.c.turn > after_turn).distinct()
        with self._database.reading(patient=True) as connection:
            return sorted(connection.scalars(users))

    def quarantined(
        self, *, limit: int = 100, cursor: int = 0, reason: str | None = None
    ) -> Sequence[QuarantinedEvent]:
        kept = event_quarantine.c
        statement = select(event_quarantine).where(kept.state.in_(("held", "released")), kept.quarantine_id > cursor)
        if reason is not None:
            statement = statement.where(kept.reason == reason)
        with self._database.reading() as connection:
            rows = connection.execute(statement.order_by(kept.quarantine_id).limit(limit))
            return [event_rows.quarantined_of(row) for row in rows]

    def quarantine_reasons(self) -> Mapping[str, int]:
        with self._database.reading() as connection:
            rows = connection.execute(event_rows.WAITING_BY_REASON).all()
        return {row.reason: row.waiting for row in sorted(rows)}

    def quarantine_entry(self, quarantine_id: int) -> QuarantinedEvent | None:
        kept = event_quarantine.c
        statement = select(event_quarantine).where(kept.quarantine_id == quarantine_id, kept.content.is_not(None))
        with self._database.reading() as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else event_rows.quarantined_of(row)

    def released(self, *, limit: int) -> Sequence[QuarantinedEvent]:
        kept = event_quarantine.c
        statement = select(event_quarantine).where(kept.state == "released").order_by(kept.quarantine_id).limit(limit)
        with self._database.reading(patient=True) as connection:
            return [event_rows.quarantined_of(row) for row in connection.execute(statement)]

    @again_after_conflict()
    def release(self, quarantine_ids: Collection[int]) -> int:
        kept = event_quarantine.c
        with self._database.writing(queued=False) as connection:
            return sum(
                connection.execute(
                    update(event_quarantine)
                    .where(kept.quarantine_id.in_(ids), kept.state == "held")
                    .values(state="released")
                ).rowcount
                for ids in _chunks(quarantine_ids)
            )

    @again_after_conflict()
    def mend(self, quarantine_id: int, event: Event) -> bool:
        kept = event_quarantine.c
        held = update(event_quarantine).where(kept.quarantine_id == quarantine_id, kept.state == "held")
        with self._database.writing(queued=False) as connection:
            return connection.execute(held.values(mended=event_rows.content_of(event))).rowcount == 1

    @again_after_conflict()
    def purge(self, quarantine_ids: Collection[int]) -> int:
        with self._database.writing(queued=False) as connection:
            _locked_position(connection)
            return sum(_purge(connection, ids) for ids in _chunks(quarantine_ids))

    @again_after_conflict()
    def prune(self, upto_turn: int, *, before_ms: int, limit: int = 200) -> int:
        oldest = select(applied_events).order_by(applied_events.c.turn).limit(limit)
        with self._database.writing(queued=False) as connection:
            _locked_position(connection)
            rows = [event_rows.applied_of(row) for row in connection.execute(oldest)]
            gone = prunable(rows, upto_turn, before_ms=before_ms)
            if gone:
                event_rows.forget_keys(connection, gone)
                for table in (applied_events, attributed_events):
                    connection.execute(delete(table).where(table.c.turn <= gone[-1].turn))
                event_rows.sum_up_again(connection, {_pair(each) for each in gone})
            return len(gone)

    @again_after_conflict()
    def rewind(self) -> None:
        with self._database.writing(queued=False) as connection:
            connection.execute(update(event_offset).where(event_offset.c.log == _LOG).values(sequence=0))


def _pair(applied: AppliedEvent) -> tuple[str, str]:
    return applied.logged.event.user_id, applied.logged.event.item_id


def _position(connection: Connection, *, is_locked: bool = False) -> _Position:
    statement = select(event_offset.c.sequence, event_offset.c.counted_to, event_offset.c.turn)
    statement = statement.where(event_offset.c.log == _LOG)
    row = connection.execute(statement.with_for_update() if is_locked else statement).one_or_none()
    return _Position() if row is None else _Position(*row)


def _locked_position(connection: Connection) -> _Position:
    """The position, with every other writer of events waiting until this transaction is over."""
    connection.execute(insert_new(event_offset).values(log=_LOG, sequence=0, counted_to=0, turn=0))
    return _position(connection, is_locked=True)


def _known(connection: Connection, effects: Sequence[Effect], *, is_release: bool) -> Mapping[str, Event | None]:
    """The events of the effects' ids that are here already."""
    ids = set(_ids_of(effects))
    known: dict[str, Event | None] = {}
    if not is_release and connection.execute(event_rows.ANY_QUARANTINED).first() is not None:
        known.update(event_rows.quarantined_events(connection, ids))
    known.update(event_rows.kept_events(connection, ids))
    return known


def _ids_of(effects: Sequence[Effect]) -> Sequence[str]:
    if isinstance(effects, EffectColumns):
        return effects.logged.events.ids
    return [effect.logged.event.event_id for effect in effects]


def _store(connection: Connection, effects: Sequence[Effect], *, after_turn: int) -> None:
    if not effects:
        return
    if isinstance(effects, EffectColumns):
        event_columns.store(connection, effects, after_turn=after_turn)
        return
    rows = list(map(event_rows.applied_row, count(after_turn + 1), effects))
    insert_all(connection, event_rows.APPEND, rows, names=event_rows.APPLIED_COLUMNS)
    event_rows.enter_keys(connection, _ids_of(effects), after_turn=after_turn)
    turns = enumerate(effects, start=after_turn + 1)
    named = [event_rows.attributed_row(turn, effect) for turn, effect in turns if event_rows.is_attributed(effect)]
    if named:
        insert_all(connection, event_rows.ATTRIBUTE, named, names=event_rows.ATTRIBUTED_COLUMNS)
    event_rows.merge_interactions(connection, effects)


def _enter_quarantine(connection: Connection, plan: Plan) -> None:
    rows = [event_rows.quarantine_row(effect, effect.reason) for effect in plan.set_aside if effect.reason]
    if rows:
        connection.execute(insert(event_quarantine), rows)


def _leave_quarantine(connection: Connection, plan: Plan) -> None:
    left = [{"entry": effect.quarantine_id, "left_as": "applied"} for effect in plan.stored]
    left += [{"entry": effect.quarantine_id, "left_as": "repeated"} for effect in plan.repeated]
    if left:
        connection.execute(_LEAVE, left)
    staying = [
        {"entry": effect.quarantine_id, "code": effect.reason.code, "because": effect.reason.detail}
        for effect in plan.set_aside
        if effect.reason
    ]
    if staying:
        connection.execute(_STAY, staying)


def _advance(connection: Connection, position: _Position, *, offset: int | None, turns: int) -> None:
    sequence = max(position.sequence, offset or 0)
    values = {
        "sequence": sequence,
        "counted_to": max(position.counted_to, sequence),
        "turn": position.turn + turns,
    }
    connection.execute(update(event_offset).where(event_offset.c.log == _LOG).values(values))


def _set_aside_before(connection: Connection, effects: Sequence[Effect]) -> set[Event]:
    kept = event_quarantine.c
    ids = [event_rows.escaped_id(effect.logged.event.event_id) for effect in effects]
    statement = select(kept.content).where(kept.event_id.in_(ids), kept.content.is_not(None))
    return {event_rows.event_of(content) for content in connection.scalars(statement) if content}


def _purge(connection: Connection, ids: Collection[int]) -> int:
    kept = event_quarantine.c
    counted = dict(connection.execute(event_rows.waiting_by_source(ids)).all())
    waiting = update(event_quarantine).where(kept.quarantine_id.in_(ids), kept.state.in_(("held", "released")))
    connection.execute(waiting.values(state="purged", content=None, mended=None))
    changes = {source: EventCounts(0, 0, 0, -number, number) for source, number in counted.items()}
    event_rows.count(connection, changes)
    return sum(counted.values())


def _chunks(ids: Collection[int]) -> Iterator[list[int]]:
    ordered = sorted(set(ids))
    for start in range(0, len(ordered), _CHUNK):
        yield ordered[start : start + _CHUNK]


@contextmanager
def _unstorable_told_apart() -> Iterator[None]:
    """`Unavailable` means try again, which never helps a value that the database cannot hold."""
    try:
        yield
    except Unavailable as error:
        if is_unstorable(error):
            raise BadInput("event_unstorable", "The database cannot hold one of its values.") from error
        raise
