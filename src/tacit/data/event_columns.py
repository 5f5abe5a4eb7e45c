"""Many events as columns, and one of them where it is asked for.

An object for each event, and another for each thing that is said of it on its way, cost more than all that is done with
them.  Whoever reads these as the sequences that they are sees no difference.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Self, SupportsIndex, TypeVar, overload

from tacit.data.events import Event, LoggedEvent, Receipt

T_co = TypeVar("T_co", covariant=True)


class Rows(Sequence[T_co]):
    """A sequence whose elements are made when they are asked for; equal to any other with the same elements."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    @abstractmethod
    def row(self, nth: int) -> T_co:
        """The element at a place, from 0."""

    @abstractmethod
    def part(self, taken: slice) -> Self:
        """Some of them."""

    @overload
    def __getitem__(self, nth: SupportsIndex) -> T_co: ...
    @overload
    def __getitem__(self, nth: slice) -> Self: ...

    def __getitem__(self, nth: SupportsIndex | slice) -> T_co | Self:
        if isinstance(nth, slice):
            return self.part(nth)
        place = nth.__index__()
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        return self.row(place % len(self))

    def __iter__(self) -> Iterator[T_co]:
        return map(self.row, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str | bytes):
            return NotImplemented
        return len(self) == len(other) and all(ours == theirs for ours, theirs in zip(self, other, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class EventColumns(Rows[Event]):
    """Events, by what they say; every column has a value for each, as `Event` describes it."""

    ids: list[str]
    users: list[str]
    items: list[str]
    types: list[str]
    values: list[float | None]
    times: list[int]
    links: list[str | None]
    properties: list[str]
    timed: list[bool]

    @classmethod
    def of(cls, events: Iterable[Event]) -> EventColumns:
        """Some events as columns; those that are columns already stay what they are."""
        if isinstance(events, EventColumns):
            return events
        held = list(events)
        return cls(
            [each.event_id for each in held],
            [each.user_id for each in held],
            [each.item_id for each in held],
            [each.type for each in held],
            [each.value for each in held],
            [each.occurred_at_ms for each in held],
            [each.recommendation_id for each in held],
            [each.properties for each in held],
            [each.timed for each in held],
        )

    @classmethod
    def joined(cls, parts: Sequence[EventColumns]) -> EventColumns:
        """Events one part after another."""
        if len(parts) == 1:
            return parts[0]
        columns = zip(*[part.columns() for part in parts], strict=True) if parts else [()] * 9
        return cls(*[list(chain.from_iterable(column)) for column in columns])

    def columns(self) -> tuple[list[object], ...]:
        """All columns, in the order of an event's attributes."""
        found = (self.ids, self.users, self.items, self.types, self.values, self.times, self.links, self.properties)
        return (*found, self.timed)  # type: ignore[return-value]

    def chosen(self, places: Iterable[int]) -> EventColumns:
        """Those at some places, from 0, in the order of these."""
        held = list(places)
        return EventColumns(*[[column[nth] for nth in held] for column in self.columns()])  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.ids)

    def row(self, nth: int) -> Event:
        return Event(
            self.ids[nth],
            self.users[nth],
            self.items[nth],
            self.types[nth],
            self.values[nth],
            self.times[nth],
            self.links[nth],
            self.properties[nth],
            self.timed[nth],
        )

    def part(self, taken: slice) -> EventColumns:
        return EventColumns(*[column[taken] for column in self.columns()])  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, eq=False)
class LoggedColumns(Rows[LoggedEvent]):
    """Events in the log, as columns.

    Attributes:
        places: The place of each, ascending.
        came_at_ms: When the log took each.
        sources: The way each came.
        events: What was sent.
    """

    places: Sequence[int]
    came_at_ms: list[int]
    sources: list[str]
    events: EventColumns

    @classmethod
    def taken(cls, events: EventColumns, *, first: int, received_at_ms: int, source: str) -> LoggedColumns:
        """Events that came together and stand one after another, from a place on."""
        size = len(events)
        return cls(range(first, first + size), [received_at_ms] * size, [source] * size, events)

    @classmethod
    def of(cls, logged: Sequence[LoggedEvent]) -> LoggedColumns:
        """Some events of the log as columns."""
        return cls(
            [each.sequence for each in logged],
            [each.received_at_ms for each in logged],
            [each.source for each in logged],
            EventColumns.of([each.event for each in logged]),
        )

    @classmethod
    def joined(cls, parts: Sequence[LoggedColumns]) -> LoggedColumns:
        """Events one part after another."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            list(chain.from_iterable(part.places for part in parts)),
            list(chain.from_iterable(part.came_at_ms for part in parts)),
            list(chain.from_iterable(part.sources for part in parts)),
            EventColumns.joined([part.events for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.places)

    def row(self, nth: int) -> LoggedEvent:
        return LoggedEvent(self.places[nth], self.came_at_ms[nth], self.sources[nth], self.events.row(nth))

    def part(self, taken: slice) -> LoggedColumns:
        return LoggedColumns(self.places[taken], self.came_at_ms[taken], self.sources[taken], self.events.part(taken))


def users_of(logged: Sequence[LoggedEvent]) -> frozenset[str]:
    """Who did something."""
    if isinstance(logged, LoggedColumns):
        return frozenset(logged.events.users)
    return frozenset(each.event.user_id for each in logged)


def items_of(logged: Sequence[LoggedEvent]) -> frozenset[str]:
    """With what something was done."""
    if isinstance(logged, LoggedColumns):
        return frozenset(logged.events.items)
    return frozenset(each.event.item_id for each in logged)


@dataclass(frozen=True, slots=True, eq=False)
class StoredFrom(Rows[Receipt]):
    """Receipts of events that were all kept, one after another.

    Attributes:
        first: The place of the first.
        size: How many they are.
    """

    first: int
    size: int

    def __len__(self) -> int:
        return self.size

    def row(self, nth: int) -> Receipt:
        return Receipt("stored", self.first + nth)

    def part(self, taken: slice) -> StoredFrom:
        chosen = range(self.size)[taken]
        if chosen.step != 1:
            raise ValueError("receipts are taken one after another")
        return StoredFrom(self.first + chosen.start, len(chosen))


PlainReader = Callable[[bytes, bool, int], EventColumns | None]
"""The events of a request's body: given it, whether it has a line for each, and the time in milliseconds since 1970.

`None` where one of them needs a closer look; what it takes is what the judgement of each would have taken."""
