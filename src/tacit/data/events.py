"""Events: what users do, as it is kept and applied; and where it is kept.

An event's way: the door parses it, `event_validation` judges it, an `EventLog` makes it durable, only then is it
acknowledged; `ingestion` applies the log to an `EventStore`, each event once, in the log's order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

SCHEMA_VERSION = 1
"""The version of the form in which events are sent and kept."""

Outcome = Literal["stored", "duplicate", "conflict"]
"""What became of an event at the log: kept now, kept before, or its id kept before with other content."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing a user did.

    Attributes:
        event_id: Names the event; sent again, it is the same event.
        user_id: Who.
        item_id: What with.
        type: What kind: one of the profile's event types.
        value: How much, where the type has an amount: stars, seconds, plays.
        occurred_at_ms: When, in milliseconds since 1970, UTC.
        recommendation_id: The answer that led to it, where the sender knows.
        properties: Further facts as canonical JSON text, `{}` for none.
        timed: Whether the sender said when; otherwise `occurred_at_ms` is when it was received, and another time when
            it is sent again.
    """

    event_id: str
    user_id: str
    item_id: str
    type: str
    value: float | None
    occurred_at_ms: int
    recommendation_id: str | None = None
    properties: str = "{}"
    timed: bool = True

    @property
    def said(self) -> tuple[str | float | None, ...]:
        """What the sender said; two events of one id that say the same are one."""
        return (
            self.event_id,
            self.user_id,
            self.item_id,
            self.type,
            None if self.value is None else self.value + 0.0,  # one form of each number: 1 is 1.0, -0.0 is 0.0
            self.occurred_at_ms if self.timed else None,
            self.recommendation_id,
            self.properties,
        )

    @property
    def digest(self) -> bytes:
        """Tells apart two events of one id that say different things: 16 bytes."""
        return hashlib.blake2b(repr(self.said).encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the log answers for one event.

    Attributes:
        outcome: What became of it.
        sequence: Its place in the log; for a duplicate or a conflict, that of the first event of its id.
    """

    outcome: Outcome
    sequence: int


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event in the log.

    Attributes:
        sequence: Its place: 1, 2, 3 … without gaps, in the order in which events became durable.
        received_at_ms: When the log took it, in milliseconds since 1970, UTC.
        source: The way it came: `api`, `client`, `import`, `kafka`.
        event: What was sent.
    """

    sequence: int
    received_at_ms: int
    source: str
    event: Event


@dataclass(frozen=True, slots=True)
class LogState:
    """How it stands with events.

    Attributes:
        refusal: The code with which they are refused now; `None` while they are taken.
        lag: How many are in the log and not applied; `None` while that is not known.
        hindrance: The code of what keeps the log from being applied; `None` while nothing does.
        is_space_low: Whether the disk is nearly full.
    """

    refusal: str | None = None
    lag: int | None = 0
    hindrance: str | None = None
    is_space_low: bool = False


class EventLog(Protocol):
    """The durable record of what was acknowledged; one writer, many readers."""

    def append(self, events: Sequence[Event], *, source: str = "api") -> Sequence[Receipt]:
        """Keep events; when this returns they outlive a loss of power.

        Called from many threads at once, whose events share a commit.  All of one call are kept or none.

        Args:
            events: In the order to be kept; the first of an id counts, within one call too.
            source: The way they came.

        Raises:
            Unavailable: `storage_full` while there is no space, `storage_unavailable` once the disk failed: nothing of
                this call may be acknowledged then, and whether it is kept is only known after recovery.
        """
        ...

    def read(self, after: int, *, limit: int) -> Sequence[LoggedEvent]:
        """The events behind a place, in order, at most so many."""
        ...

    @property
    def last_sequence(self) -> int:
        """The place of the last event; 0 for none."""
        ...

    def prune(self, upto: int, *, before_ms: int) -> None:
        """Have the oldest events removed, soon; their ids are forgotten with them.

        Places are never given out again, and the last event stays.

        Args:
            upto: None behind this place.
            before_ms: None behind the first that was received at this moment or later.
        """
        ...

    def close(self) -> None:
        """Commit what waits, and let go of the file."""
        ...
