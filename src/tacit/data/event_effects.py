"""What events do to the store, decided from values alone, so that every store decides alike.

The effects of events commute: sums, counts and latest times come out the same in whatever order they arrive.  Weights
are kept as whole millionths for that reason; fractions added in another order end in another last digit.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from tacit.data.event_columns import LoggedColumns, Rows
from tacit.data.events import Event, LoggedEvent

MILLIONTHS = 1_000_000
"""A weight of 1."""

DAY_MS = 86_400_000

RATING = "rating"
"""The type of event whose value is an opinion of the item; the latest of a user on an item counts."""

WATCH_TIME = "watch_time"
"""The type of event whose value is how many seconds an item was watched or heard."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an event may not have its effect.

    Attributes:
        code: Stable name: `entity_unknown`, `event_conflict`, `event_unappliable`, …
        detail: One sentence for a person, without the values at fault.
    """

    code: str
    detail: str


CONFLICT = Reason("event_conflict", "An event of this id that says something else came first.")


@dataclass(frozen=True, slots=True)
class Effect:
    """What one event is to do.

    Attributes:
        logged: The event; of sequence 0 if it was set aside at the door and never in the log.
        weight: What it adds to the interaction, in millionths.
        reason: Why it is set aside instead; `None` for an event that is applied.
        quarantine_id: Its entry in quarantine, if it was released from there.
    """

    logged: LoggedEvent
    weight: int = 0
    reason: Reason | None = None
    quarantine_id: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class EffectColumns(Rows[Effect]):
    """Effects of events of the log that are all applied.

    Attributes:
        logged: The events.
        weights: What each adds to its interaction, in millionths.
    """

    logged: LoggedColumns
    weights: list[int]

    def __len__(self) -> int:
        return len(self.weights)

    def row(self, nth: int) -> Effect:
        return Effect(self.logged.row(nth), self.weights[nth])

    def part(self, taken: slice) -> EffectColumns:
        return EffectColumns(self.logged.part(taken), self.weights[taken])


@dataclass(frozen=True, slots=True)
class EventCounts:
    """What became of the events of one source; `received = stored + deduplicated + quarantined + rejected`, always.

    Attributes:
        received: Everything that was sent and has a fate.
        stored: Applied, each once.
        deduplicated: Events that were here before.
        quarantined: In quarantine now, those released but not yet applied included.
        rejected: Refused at the door, or purged from quarantine.
    """

    received: int = 0
    stored: int = 0
    deduplicated: int = 0
    quarantined: int = 0
    rejected: int = 0

    @property
    def missing(self) -> int:
        """Events without a fate, or below zero with two; anything but 0 is an alarm."""
        return self.received - self.stored - self.deduplicated - self.quarantined - self.rejected

    def __add__(self, other: EventCounts) -> EventCounts:
        return EventCounts(
            self.received + other.received,
            self.stored + other.stored,
            self.deduplicated + other.deduplicated,
            self.quarantined + other.quarantined,
            self.rejected + other.rejected,
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What a store does with some effects, in one transaction.

    Attributes:
        stored: Those that are applied, in order.
        repeated: Those that were here before.
        set_aside: Those that go to quarantine, or stay there, each with its reason.
        is_release: Whether they come from quarantine and are counted there already.
        is_of_the_door: Whether they never were in the log, so that the door counts the repetitions itself.
    """

    stored: Sequence[Effect] = ()
    repeated: tuple[Effect, ...] = ()
    set_aside: tuple[Effect, ...] = ()
    is_release: bool = False
    is_of_the_door: bool = False

    def changes(self) -> Mapping[str, EventCounts]:
        """What each source's counts change by; every change keeps the sum."""
        stored, aside = _by_source(self.stored), _by_source(self.set_aside)
        repeated = _by_source(() if self.is_of_the_door else self.repeated)
        changes = {}
        for source in stored | repeated | aside:
            applied, passed, kept = stored[source], repeated[source], aside[source]
            if self.is_release:
                changes[source] = EventCounts(0, applied, passed, -applied - passed)
            else:
                changes[source] = EventCounts(applied + passed + kept, applied, passed, kept)
        return changes


def _by_source(effects: Iterable[Effect]) -> Counter[str]:
    if isinstance(effects, EffectColumns):
        return Counter(effects.logged.sources)
    return Counter(effect.logged.source for effect in effects)


def planned(
    effects: Sequence[Effect], known: Mapping[str, Event | None], *, counted_to: int = 0, is_release: bool = False
) -> Plan:
    """Sort effects by what becomes of them.

    Of several events of one id the first counts.  An event of the log that was accounted for before, because the log
    is read again, does nothing at all; it is not received twice.

    Args:
        effects: In order.
        known: The events of their ids that are here already; `None` for one whose content was purged.
        counted_to: The place in the log up to which events are accounted for.
        is_release: Whether they come from quarantine.
    """
    if isinstance(effects, EffectColumns) and not is_release and _are_new(effects, known, counted_to):
        return Plan(effects)
    seen = dict(known)
    stored: list[Effect] = []
    repeated: list[Effect] = []
    set_aside: list[Effect] = []
    for effect in effects:
        event = effect.logged.event
        if event.event_id not in seen:
            # An event that stays in quarantine says nothing about another of its id that is released with it.
            if effect.reason is None or not is_release:
                seen[event.event_id] = event
            (stored if effect.reason is None else set_aside).append(effect)
            continue
        is_new = effect.logged.sequence > counted_to
        first = seen[event.event_id]
        if is_release or (is_new and (first is None or first.said == event.said)):
            repeated.append(effect)
        elif is_new:
            set_aside.append(replace(effect, reason=CONFLICT))
    return Plan(tuple(stored), tuple(repeated), tuple(set_aside), is_release)


def _are_new(effects: EffectColumns, known: Mapping[str, Event | None], counted_to: int) -> bool:
    """Whether no event was here before, nor comes twice."""
    ids = effects.logged.events.ids
    return len(set(ids)) == len(ids) and known.keys().isdisjoint(ids) and effects.logged.places[0] > counted_to


def planned_aside(effects: Iterable[Effect], kept: Collection[Event]) -> Plan:
    """Sort what the door sets aside: what quarantine has already, as it is sent again, is a repetition.

    Those are counted by the door, as every repetition is that never enters the log.
    """
    seen = {event.said for event in kept}
    repeated: list[Effect] = []
    set_aside: list[Effect] = []
    for effect in effects:
        (repeated if effect.logged.event.said in seen else set_aside).append(effect)
        seen.add(effect.logged.event.said)
    return Plan(repeated=tuple(repeated), set_aside=tuple(set_aside), is_of_the_door=True)


@dataclass(frozen=True, slots=True)
class AppliedEvent:
    """An event that had its effect.

    Attributes:
        turn: When it was applied: 1, 2, 3 … in the order of applying, in which a released event comes last.
        logged: The event.
        weight: What it added to the interaction, in millionths.
    """

    turn: int
    logged: LoggedEvent
    weight: int


@dataclass(frozen=True, slots=True)
class Meetings:
    """Who met what in applied events, and what was said by it; columns of one length.

    Attributes:
        turns: When each event was applied, ascending.
        users: Who.
        items: What.
        times: When it occurred, in milliseconds since 1970, UTC.
        weights: What it added to the interaction, in millionths.
    """

    turns: Sequence[int] = ()
    users: Sequence[str] = ()
    items: Sequence[str] = ()
    times: Sequence[int] = ()
    weights: Sequence[int] = ()

    @classmethod
    def of(cls, applied: Iterable[AppliedEvent]) -> Meetings:
        """Those of some events."""
        held = list(applied)
        events = [each.logged.event for each in held]
        return cls(
            tuple(each.turn for each in held),
            tuple(event.user_id for event in events),
            tuple(event.item_id for event in events),
            tuple(event.occurred_at_ms for event in events),
            tuple(each.weight for each in held),
        )


def prunable(applied: Iterable[AppliedEvent], upto_turn: int, *, before_ms: int) -> Sequence[AppliedEvent]:
    """Of events in order those that may be forgotten: up to a turn, and to the first that is not old enough."""
    return list(takewhile(lambda each: each.turn <= upto_turn and each.logged.received_at_ms < before_ms, applied))


@dataclass(frozen=True, slots=True)
class UserItem:
    """What a user's events with one item amount to.

    Attributes:
        item_id: The item.
        weight: The sum of their weights, below zero for a user who dislikes it.
        count: How many events.
        last_ms: When the latest occurred, in milliseconds since 1970, UTC.
        rating: The value of the rating that occurred last; `None` where there is none.
    """

    item_id: str
    weight: float
    count: int
    last_ms: int
    rating: float | None = None


@dataclass(frozen=True, slots=True)
class Decay:
    """How the weight of events fades: each one's halves with every half-life that passed since it occurred.

    Attributes:
        half_life_days: The half-life, above 0.
        now_ms: The moment weights are wanted for; an event that claims to be later has not faded.
    """

    half_life_days: float
    now_ms: int

    def left_of(self, occurred_at_ms: int) -> float:
        """The share of its weight that an event has still."""
        return math.exp2(-max(0, self.now_ms - occurred_at_ms) / (self.half_life_days * DAY_MS))


def summed(applied: Iterable[AppliedEvent], decay: Decay | None = None) -> Sequence[UserItem]:
    """One user's events as interactions, by item id."""
    by_item: dict[str, list[AppliedEvent]] = {}
    for each in applied:
        by_item.setdefault(each.logged.event.item_id, []).append(each)
    return [_user_item(item_id, by_item[item_id], decay) for item_id in sorted(by_item)]


def _user_item(item_id: str, applied: Sequence[AppliedEvent], decay: Decay | None) -> UserItem:
    last_ms = max(each.logged.event.occurred_at_ms for each in applied)
    ratings = [rated for each in applied if (rated := rated_at(each.logged)) is not None]
    rating = max(ratings)[2] if ratings else None
    return UserItem(item_id, _weight_of(applied, decay) / MILLIONTHS, len(applied), last_ms, rating)


def _weight_of(applied: Sequence[AppliedEvent], decay: Decay | None) -> float:
    if decay is None:
        return sum(each.weight for each in applied)
    # Added exactly, so that the order in which events came does not show.
    return math.fsum(each.weight * decay.left_of(each.logged.event.occurred_at_ms) for each in applied)


def rated_at(logged: LoggedEvent) -> tuple[int, int, float] | None:
    """When a rating was given, its place in the log for two at one moment, and what it says."""
    event = logged.event
    if event.type != RATING or event.value is None:
        return None
    return event.occurred_at_ms, logged.sequence, event.value


def watch_seconds(event: Event) -> float:
    """How long an event says that its item was watched; 0 for one that says nothing of it."""
    return float(event.value) if event.type == WATCH_TIME and event.value is not None else 0.0
