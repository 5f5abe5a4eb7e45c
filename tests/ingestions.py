"""What the tests of ingestion set up: a log that repeats itself, a store that breaks, types of event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tacit.adapters.sql.engine import open_database
from tacit.adapters.sql.events import SqlEventStore
from tacit.data.event_effects import Effect, Plan
from tacit.data.events import Event, EventLog, LoggedEvent
from tacit.data.ingestion import Admission, Applied, EventStore, Ingestion
from tacit.errors import Unavailable

MOMENT = 1_767_355_200_000


@dataclass(frozen=True)
class PerPiece:
    """A type of event of which each piece of its value weighs the same."""

    weight: float

    def weight_of(self, value: float | None) -> float:
        return self.weight * (1 if value is None else value)


@dataclass(frozen=True)
class Cursed:
    """A type of event whose weight nobody can tell."""

    def weight_of(self, value: float | None) -> float:
        raise ArithmeticError(f"ann's secret {value}")


TYPES = {"play": PerPiece(0.1), "rating": PerPiece(0.7), "skip": PerPiece(-0.3), "curse": Cursed()}
CATALOGUE = frozenset({"i1", "i2"})


class Tape:
    """A log that takes everything, repetitions too, as a bus would deliver it."""

    def __init__(self, logged: Iterable[LoggedEvent]) -> None:
        self._logged = list(logged)

    def read(self, after: int, *, limit: int) -> Sequence[LoggedEvent]:
        return self._logged[after : after + limit]

    @property
    def last_sequence(self) -> int:
        return len(self._logged)


class PowerCut(BaseException):
    """The end of a process, which no `except Exception` sees."""


class Fragile:
    """A store of which every use may end as told, and which cannot hold the events of some users."""

    def __init__(self, store: EventStore, fates: Iterable[str] = ()) -> None:
        self._store = store
        self._fates = iter(fates)
        self.tries: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def apply(self, effects: Sequence[Effect], *, offset: int | None = None) -> Plan:
        fate = next(self._fates, "well")
        if fate == "busy":
            raise Unavailable("database_busy", "Somebody else writes.")
        if fate == "cut before":
            raise PowerCut
        self.tries.update(effect.logged.event.event_id for effect in effects)
        if any(effect.logged.event.user_id == "unstorable" and effect.reason is None for effect in effects):
            raise ValueError("unstorable")
        plan = self._store.apply(effects, offset=offset)
        if fate == "cut after":
            raise PowerCut
        if fate == "unheard":
            raise Unavailable("database_timeout", "Nobody heard whether it was committed.")
        return plan


def event(number: int, **changes: Any) -> Event:
    return replace(Event(f"e{number}", "ann", "i1", "play", None, MOMENT + number), **changes)


def tape(events: Iterable[Event], *, sources: Sequence[str] = ("api",)) -> Tape:
    return Tape(
        LoggedEvent(sequence, MOMENT, sources[sequence % len(sources)], each)
        for sequence, each in enumerate(events, start=1)
    )


def ingestion(
    log: Any,
    store: Any,
    *,
    known: Callable[[Collection[str]], Collection[str]] = CATALOGUE.intersection,
    **options: Any,
) -> Ingestion:
    return Ingestion(log, store, TYPES, admission=Admission(known=known), **options)


def steps_into(log: EventLog, url: str) -> Ingestion:
    """What applies a log to a database, whatever the items are."""
    store = SqlEventStore(open_database(url))
    return Ingestion(log, store, TYPES, admission=Admission("accept"))


def run_out(steps: Ingestion) -> Applied:
    """Step until nothing is left."""
    total = Applied()
    while (applied := steps.step()).read:
        total += applied
    return total
