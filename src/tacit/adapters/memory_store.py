"""The store of events in process: for tests, demonstrations and trials; gone when the process ends."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from tacit.data.event_effects import (
    AppliedEvent,
    Decay,
    Effect,
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
from tacit.data.ingestion import QuarantinedEvent, QuarantineState

_WAITING: frozenset[QuarantineState] = frozenset({"held", "released"})


class MemoryEventStore:
    """An `EventStore` that keeps what it is told, and adds it up when it is asked."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._offset = 0
        self._counted_to = 0
        self._applied: list[AppliedEvent] = []
        self._pruned = 0
        self._turns: dict[str, int] = {}
        self._entries: dict[int, QuarantinedEvent] = {}
        self._entries_of_the_log: dict[str, int] = {}
        self._counts: dict[str, EventCounts] = {}

    @property
    def offset(self) -> int:
        return self._offset

    @property
    def last_turn(self) -> int:
        return self._pruned + len(self._applied)

    def apply(self, effects: Sequence[Effect], *, offset: int | None = None) -> Plan:
        with self._lock:
            is_release = offset is None
            if is_release:
                effects = [each for each in effects if self._state(each.quarantine_id) == "released"]
            known = self._known(effects, is_release=is_release)
            plan = planned(effects, known, counted_to=self._counted_to, is_release=is_release)
            for turn, effect in enumerate(plan.stored, start=self.last_turn + 1):
                self._applied.append(AppliedEvent(turn, effect.logged, effect.weight))
                self._turns[effect.logged.event.event_id] = turn
            (self._leave_quarantine if is_release else self._enter_quarantine)(plan)
            self._count(plan.changes())
            self._offset = max(self._offset, offset or 0)
            self._counted_to = max(self._counted_to, self._offset)
            return plan

    def set_aside(self, effects: Sequence[Effect]) -> Plan:
        with self._lock:
            kept = {entry.logged.event for entry in self._entries.values() if entry.state != "purged"}
            plan = planned_aside(effects, kept)
            self._enter_quarantine(plan)
            self._count(plan.changes())
            return plan

    def tally(self, source: str, *, deduplicated: int = 0, rejected: int = 0) -> None:
        with self._lock:
            self._count({source: EventCounts(deduplicated + rejected, 0, deduplicated, 0, rejected)})

    def counts(self) -> Mapping[str, EventCounts]:
        with self._lock:
            return dict(sorted(self._counts.items()))

    def interactions_of(
        self,
        user_id: str,
        *,
        since_ms: int | None = None,
        after_turn: int | None = None,
        decay: Decay | None = None,
    ) -> Sequence[UserItem]:
        applied = self._applied_after(after_turn or 0)
        theirs = (
            each
            for each in applied
            if each.logged.event.user_id == user_id
            and (since_ms is None or each.logged.event.occurred_at_ms >= since_ms)
        )
        return summed(theirs, decay)

    def opposed_users(self) -> Sequence[str]:
        weights: dict[tuple[str, str], int] = {}
        for each in self._applied_after(0):
            pair = (each.logged.event.user_id, each.logged.event.item_id)
            weights[pair] = weights.get(pair, 0) + each.weight
        return sorted({user_id for (user_id, _), weight in weights.items() if weight <= 0})

    def applied(self, after_turn: int, *, limit: int) -> Sequence[AppliedEvent]:
        return self._applied_after(after_turn)[:limit]

    def meetings(self, after_turn: int, *, limit: int) -> Meetings:
        return Meetings.of(self.applied(after_turn, limit=limit))

    def changed_users(self, after_turn: int) -> Sequence[str]:
        return sorted({each.logged.event.user_id for each in self._applied_after(after_turn)})

    def quarantined(
        self, *, limit: int = 100, cursor: int = 0, reason: str | None = None
    ) -> Sequence[QuarantinedEvent]:
        with self._lock:
            waiting = [
                entry
                for entry in self._entries.values()
                if entry.state in _WAITING
                and entry.quarantine_id > cursor
                and (reason is None or entry.reason.code == reason)
            ]
        return waiting[:limit]

    def quarantine_reasons(self) -> Mapping[str, int]:
        with self._lock:
            waiting = Counter(entry.reason.code for entry in self._entries.values() if entry.state in _WAITING)
        return dict(sorted(waiting.items()))

    def quarantine_entry(self, quarantine_id: int) -> QuarantinedEvent | None:
        entry = self._entries.get(quarantine_id)
        return None if entry is None or entry.state == "purged" else entry

    def released(self, *, limit: int) -> Sequence[QuarantinedEvent]:
        with self._lock:
            return [entry for entry in self._entries.values() if entry.state == "released"][:limit]

    def release(self, quarantine_ids: Collection[int]) -> int:
        with self._lock:
            held = [number for number in set(quarantine_ids) if self._state(number) == "held"]
            for number in held:
                self._move(number, "released")
            return len(held)

    def mend(self, quarantine_id: int, event: Event) -> bool:
        with self._lock:
            if self._state(quarantine_id) != "held":
                return False
            self._entries[quarantine_id] = replace(self._entries[quarantine_id], mended=event)
            return True

    def purge(self, quarantine_ids: Collection[int]) -> int:
        with self._lock:
            waiting = [number for number in set(quarantine_ids) if self._state(number) in _WAITING]
            for number in waiting:
                self._move(number, "purged")
                self._count({self._entries[number].logged.source: EventCounts(0, 0, 0, -1, 1)})
            return len(waiting)

    def prune(self, upto_turn: int, *, before_ms: int, limit: int = 200) -> int:
        with self._lock:
            gone = prunable(self._applied[:limit], upto_turn, before_ms=before_ms)
            for each in gone:
                del self._turns[each.logged.event.event_id]
            self._applied = self._applied[len(gone) :]
            self._pruned += len(gone)
            return len(gone)

    def rewind(self) -> None:
        with self._lock:
            self._offset = 0

    def _applied_after(self, turn: int) -> Sequence[AppliedEvent]:
        return self._applied[max(0, turn - self._pruned) :]

    def _known(self, effects: Sequence[Effect], *, is_release: bool) -> Mapping[str, Event | None]:
        """The events of their ids that are here: applied, or, of those quarantined from the log, the first."""
        known: dict[str, Event | None] = {}
        for event_id in {effect.logged.event.event_id for effect in effects}:
            if event_id in self._turns:
                known[event_id] = self._applied[self._turns[event_id] - 1 - self._pruned].logged.event
            elif event_id in self._entries_of_the_log and not is_release:
                entry = self._entries[self._entries_of_the_log[event_id]]
                known[event_id] = None if entry.state == "purged" else entry.logged.event
        return known

    def _enter_quarantine(self, plan: Plan) -> None:
        for number, effect in enumerate(plan.set_aside, start=len(self._entries) + 1):
            if effect.reason is not None:
                self._entries[number] = QuarantinedEvent(number, effect.logged, effect.reason)
            if effect.logged.sequence:
                self._entries_of_the_log.setdefault(effect.logged.event.event_id, number)

    def _leave_quarantine(self, plan: Plan) -> None:
        for effect in plan.stored:
            self._move(effect.quarantine_id, "applied")
        for effect in plan.repeated:
            self._move(effect.quarantine_id, "repeated")
        for effect in plan.set_aside:
            entry = self._move(effect.quarantine_id, "held")
            if effect.reason is not None:
                again = replace(entry, reason=effect.reason, tries=entry.tries + 1)
                self._entries[entry.quarantine_id] = again

    def _move(self, number: int | None, state: QuarantineState) -> QuarantinedEvent:
        entry = replace(self._entries[number or 0], state=state)
        self._entries[entry.quarantine_id] = entry
        return entry

    def _state(self, number: int | None) -> QuarantineState | None:
        entry = self._entries.get(number or 0)
        return None if entry is None else entry.state

    def _count(self, changes: Mapping[str, EventCounts]) -> None:
        for source, change in changes.items():
            self._counts[source] = self._counts.get(source, EventCounts()) + change
