"""Applying the log to the store: each event once, in the log's order, and no event in the way of another."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isqrt
from typing import Literal, Protocol

from tacit.data.event_columns import items_of, users_of
from tacit.data.event_effects import (
    AppliedEvent,
    Decay,
    Effect,
    EffectColumns,
    EventCounts,
    Meetings,
    Plan,
    Reason,
    UserItem,
)
from tacit.data.event_weighing import Weighed, effects_of
from tacit.data.events import Event, EventLog, LoggedEvent
from tacit.data.work import Work
from tacit.errors import Misconfigured, TacitError, Unavailable

BATCH = 20_000
"""Events applied in one transaction, at most; the price of one falls with every event that waits."""

UnknownItems = Literal["quarantine", "accept"]
"""What becomes of an event whose item the catalogue does not have."""

QuarantineState = Literal["held", "released", "applied", "repeated", "purged"]
"""Where an event in quarantine stands: kept, about to be applied, or left for good in one of three ways."""

Known = Callable[[Collection[str]], Collection[str]]
"""Which of some items the catalogue has."""

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class QuarantinedEvent:
    """An event in quarantine, or one that was.

    Attributes:
        quarantine_id: Names the entry; a later one has a higher number.
        logged: What was sent, and whence; of sequence 0 if it never was in the log.
        reason: Why it was set aside last.
        state: Where it stands.
        tries: How often it was set aside.
        mended: What is applied in its place once released; `None` for the event as it was sent.
    """

    quarantine_id: int
    logged: LoggedEvent
    reason: Reason
    state: QuarantineState = "held"
    tries: int = 1
    mended: Event | None = None


class EventStore(Protocol):
    """What events amount to, and what became of each.

    Conservation: an event is counted as received in the transaction that decides its fate and counts that, so
    `received = stored + deduplicated + quarantined + rejected` holds in every state that anybody can read.  A crash
    before such a transaction leaves the event uncounted and without a fate: in the log, from where it is read again,
    or, if it never was in the log, unanswered, so that its sender still has it.  A crash after it leaves both, and
    what is done a second time finds the event's id, or its place in the log, accounted for.  Events between the log
    and the store are the `lag` of `Ingestion`; they are in no count yet.
    """

    @property
    def offset(self) -> int:
        """The place in the log up to which events are applied."""
        ...

    @property
    def last_turn(self) -> int:
        """The turn of the event applied last; 0 for none."""
        ...

    def apply(self, effects: Sequence[Effect], *, offset: int | None = None) -> Plan:
        """Carry out effects, count them, and move the offset: all of it in one transaction, or nothing.

        An event whose id was applied or came through the log before has no effect.  One that stands before the offset
        because the log is read again does not even count.

        Args:
            effects: What events do, in order.
            offset: Where the log is read on; `None` for events released from quarantine, of which those that no
                longer are released are passed over.

        Raises:
            Unavailable: The store cannot be written now.  Anything else means that one of these events never can be.
        """
        ...

    def set_aside(self, effects: Sequence[Effect]) -> Plan:
        """Quarantine what was received but never entered the log: conflicts, and events older than is kept.

        What quarantine has already is left out, and not counted here: the door counts what it answers itself.
        """
        ...

    def tally(self, source: str, *, deduplicated: int = 0, rejected: int = 0) -> None:
        """Count what the door answered itself: repetitions, of the log or of quarantine, and refusals by the rules.

        The door may gather these and count them now and then.  What a crash takes is missing as received and as
        answered alike.
        """
        ...

    def counts(self) -> Mapping[str, EventCounts]:
        """What became of every source's events."""
        ...

    def interactions_of(
        self,
        user_id: str,
        *,
        since_ms: int | None = None,
        after_turn: int | None = None,
        decay: Decay | None = None,
    ) -> Sequence[UserItem]:
        """What a user's events amount to, by item id.

        Args:
            user_id: Who.
            since_ms: Only of events that occurred at this moment or later.
            after_turn: Only of events applied after this turn; late events and released ones are among them.
            decay: How the weight of each event fades; unset, it does not.
        """
        ...

    def opposed_users(self) -> Sequence[str]:
        """Users whose events with some item amount to 0 or less, sorted: what speaks against it is not trained on."""
        ...

    def applied(self, after_turn: int, *, limit: int) -> Sequence[AppliedEvent]:
        """The events applied after a turn, in order, at most so many: what is trained on."""
        ...

    def meetings(self, after_turn: int, *, limit: int) -> Meetings:
        """The same, for who wants no more than who met what; read in a fraction of the time."""
        ...

    def changed_users(self, after_turn: int) -> Sequence[str]:
        """Users with events applied after a turn, sorted."""
        ...

    def quarantined(
        self, *, limit: int = 100, cursor: int = 0, reason: str | None = None
    ) -> Sequence[QuarantinedEvent]:
        """Events in quarantine, held or released, oldest first.

        Args:
            limit: At most so many.
            cursor: The last `quarantine_id` of the page before; 0 for the first page.
            reason: Only those set aside for this.
        """
        ...

    def quarantine_reasons(self) -> Mapping[str, int]:
        """How many events are in quarantine, held or released, by the reason they were last set aside for."""
        ...

    def quarantine_entry(self, quarantine_id: int) -> QuarantinedEvent | None:
        """One entry, whatever its state; `None` for an unknown one, and for a purged one, whose event is gone."""
        ...

    def released(self, *, limit: int) -> Sequence[QuarantinedEvent]:
        """Events that wait to be applied, oldest first."""
        ...

    def release(self, quarantine_ids: Collection[int]) -> int:
        """Let held events be applied, each once; how many these were.  Entries in any other state stay as they are."""
        ...

    def mend(self, quarantine_id: int, event: Event) -> bool:
        """Have another event applied in place of a held one, which is kept as it came; whether it was held."""
        ...

    def purge(self, quarantine_ids: Collection[int]) -> int:
        """Forget events for good; how many these were.  They count as rejected, and their ids stay known."""
        ...

    def prune(self, upto_turn: int, *, before_ms: int, limit: int = 200) -> int:
        """Forget the oldest applied events, and what they added to the interactions; how many these were.

        Their ids are forgotten with them: sent again, such an event is another one.

        Args:
            upto_turn: None of a later turn.
            before_ms: None behind the first that was received at this moment or later.
            limit: At most so many, so that nobody has to wait long for the store.
        """
        ...

    def rewind(self) -> None:
        """Have the log read again from its start: what was applied stays, and nothing is applied or counted twice."""
        ...


@dataclass(frozen=True, slots=True)
class Applied:
    """What a step did.

    Attributes:
        read: Events taken from the log or from what was released.
        stored: Of these, applied.
        deduplicated: Of these, here before.
        quarantined: Of these, set aside.
        users: Whose interactions changed, or may have in a step that failed; what is cached of them is out of date.
    """

    read: int = 0
    stored: int = 0
    deduplicated: int = 0
    quarantined: int = 0
    users: frozenset[str] = frozenset()

    def __add__(self, other: Applied) -> Applied:
        return Applied(
            self.read + other.read,
            self.stored + other.stored,
            self.deduplicated + other.deduplicated,
            self.quarantined + other.quarantined,
            self.users | other.users,
        )


@dataclass(frozen=True)
class Admission:
    """Whose events have an effect.

    Attributes:
        unknown_items: What becomes of an event whose item is unknown.
        known: Which of some items are known; every item, unless told otherwise.
    """

    unknown_items: UnknownItems = "quarantine"
    known: Known = field(default=frozenset)

    def unknown(self, item_ids: Collection[str]) -> Collection[str]:
        """Of some items those whose events are set aside."""
        return () if self.unknown_items == "accept" else set(item_ids).difference(self.known(item_ids))


class Ingestion:
    """Reads the log behind the store's offset and applies it.

    Args:
        log: Where events are durable.
        store: Where they have their effect.
        types: The types of event that have one, by name; an event of another is quarantined.
        admission: Whose events have it.
        batch: Events in one transaction.
        clock: Seconds that never go back.
        pause: Waits some seconds.
    """

    def __init__(
        self,
        log: EventLog,
        store: EventStore,
        types: Mapping[str, Weighed],
        *,
        admission: Admission | None = None,
        batch: int = BATCH,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._log = log
        self._store = store
        self._types = types
        self._admission = admission or Admission()
        self._batch = batch
        self._clock = clock
        self._pause = pause
        self._in_doubt: frozenset[str] = frozenset()

    @property
    def lag(self) -> int:
        """Events in the log that are not applied."""
        return max(0, self._log.last_sequence - self._store.offset)

    def step(self) -> Applied:
        """Apply one batch: of what was released from quarantine if there is any, else of the log.

        An event that breaks a rule, or that fails when it is applied alone, goes to quarantine with its reason; it is
        tried three times at most, and the others of its batch are applied.

        A step that failed may have had effects all the same: pieces that went before, or a transaction whose success
        nobody could tell us.  So the next that succeeds names the users of both.

        Raises:
            Unavailable: The log cannot be read or the store not be written now; the next step takes up from there.
            Misconfigured: `event_log_replaced` if the log ends before the place it was read to.
        """
        work = self._next()
        try:
            applied = self._settle(work, size=self._batch)
        except Exception:
            self._in_doubt |= users_of(work.logged)
            raise
        told, self._in_doubt = applied.users | self._in_doubt, frozenset()
        return replace(applied, users=told)

    def catch_up(self, deadline: float) -> Applied:
        """Step until nothing waits or the clock shows `deadline`, pausing while something is unavailable.

        Raises:
            Unavailable: It still was when the time was over.
            Misconfigured: As `step`.
        """
        total, pause = Applied(), _FIRST_PAUSE
        while self._clock() < deadline:
            try:
                applied = self.step()
            except Unavailable:
                if self._clock() + pause >= deadline:
                    raise
                self._pause(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            total, pause = total + applied, _FIRST_PAUSE
            if not applied.read:
                break
        return total

    def _next(self) -> Work:
        released = self._store.released(limit=self._batch)
        if released:
            return Work([_mended(entry) for entry in released], [entry.quarantine_id for entry in released])
        return Work(self._next_of_the_log())

    def _next_of_the_log(self) -> Sequence[LoggedEvent]:
        offset = self._store.offset
        logged = self._log.read(offset, limit=self._batch)
        if not logged and self._log.last_sequence < offset:
            raise Misconfigured(
                "event_log_replaced",
                f"The log ends at {self._log.last_sequence}, but was read up to {offset}: it is another log.",
                fix="Bring the log back that belongs to this database.",
            )
        return logged

    def _settle(self, work: Work, *, size: int) -> Applied:
        """Apply in pieces of a size, each piece in a transaction of its own."""
        total = Applied()
        for piece in work.pieces(size):
            total += self._try(piece)
        return total

    def _try(self, work: Work) -> Applied:
        try:
            return self._apply(work, self._effects(work))
        except Unavailable:
            raise
        except Exception as error:
            if len(work.logged) == 1:
                return self._apply(work, work.named([Effect(work.logged[0], reason=_reason(error))]))
            # A batch, then pieces of its root, then one by one: the fewest transactions with three tries for each.
            root = isqrt(self._batch)
            return self._settle(work, size=root if len(work.logged) > root else 1)

    def _effects(self, work: Work) -> Sequence[Effect]:
        unknown = self._admission.unknown(items_of(work.logged))
        return work.named(effects_of(work.logged, self._types, unknown_items=unknown))

    def _apply(self, work: Work, effects: Sequence[Effect]) -> Applied:
        plan = self._store.apply(effects, offset=work.offset)
        users = users_of(plan.stored.logged if isinstance(plan.stored, EffectColumns) else _logged(plan.stored))
        return Applied(len(work.logged), len(plan.stored), len(plan.repeated), len(plan.set_aside), users)


def _logged(effects: Sequence[Effect]) -> list[LoggedEvent]:
    return [effect.logged for effect in effects]


def _mended(entry: QuarantinedEvent) -> LoggedEvent:
    return entry.logged if entry.mended is None else replace(entry.logged, event=entry.mended)


def _reason(error: Exception) -> Reason:
    if isinstance(error, TacitError):
        return Reason(error.code, error.detail)
    # A driver's own words may quote what the user did.
    return Reason("event_unappliable", f"It cannot be applied: {type(error).__name__}.")
