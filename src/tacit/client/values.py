"""What a client sends and receives, as frozen values."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Fate = Literal["quarantined", "rejected", "undelivered"]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that somebody did.

    An event is named, and timed, when it is made: however often this one is sent, it counts once.

    Attributes:
        user_id: Who.
        item_id: What with.
        type: What kind: one of the platform's event types.
        value: How much, where the type has an amount: stars, seconds.
        occurred_at: When, with a zone, or in milliseconds since 1970.  Unset, it is now; unless `event_id` is given,
            for whoever makes the event again under that name could not give it the same time again: then it is when
            the platform receives it.
        recommendation_id: The answer that led to it.
        properties: Further facts, as JSON knows them.
        event_id: Its name; a random one unless given.
    """

    user_id: str
    item_id: str
    type: str
    value: float | None = None
    occurred_at: datetime | int | None = None
    recommendation_id: str | None = None
    properties: Mapping[str, Any] | None = None
    event_id: str = ""

    def __post_init__(self) -> None:
        if self.event_id:
            return
        object.__setattr__(self, "event_id", uuid.uuid4().hex)
        if self.occurred_at is None:
            object.__setattr__(self, "occurred_at", time.time_ns() // 1_000_000)


@dataclass(frozen=True, slots=True)
class Undelivered:
    """An event that was taken to be sent and has no effect, and why.

    Attributes:
        event: The event, to be mended or sent again.
        fate: `quarantined`: the platform keeps it for somebody to look at.  `rejected`: the platform does not keep it.
            `undelivered`: nobody knows; sent again under its name, it counts once at most.
        code: Why: the platform's code of the problem, `gave_up`, or `client_closed`.
        detail: The same for a person.
        field: The field that is at fault, where one is.
        fix: What to do about it, where that is known.
    """

    event: Event
    fate: Fate
    code: str
    detail: str
    field: str | None = None
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What became of events, of those settled since the report before, and of those still waiting.

    Attributes:
        stored: Events that are durable now.
        duplicates: Events that were durable before.
        dropped: Events that have no effect; the latest, if there were more than a client keeps.
        dropped_count: How many those were.
        unsent: Events that nobody has answered for: still waiting after `flush`, given back to the caller by `close`.
    """

    stored: int
    duplicates: int
    dropped: tuple[Undelivered, ...]
    dropped_count: int
    unsent: tuple[Event, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every event counts."""
        return not self.dropped_count and not self.unsent


@dataclass(frozen=True, slots=True)
class Reason:
    """An item of the user's own history that speaks for a recommendation.

    Attributes:
        share: How much of all that speaks for it comes from this item, in (0, 1].
    """

    item_id: str
    title: str
    share: float


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One item of an answer.

    Attributes:
        score: What the list is ordered by; comparable within one answer only.
        because: The items of the user's own history that speak for it, the strongest first.
    """

    item_id: str
    title: str
    categories: tuple[str, ...]
    score: float
    because: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Recommendations:
    """A list for somebody.

    Attributes:
        recommendation_id: Names the answer; an event that it led to should carry it.
        model_version: The version it comes from.
        source: The step that produced it: `personal`, `blended`, `similar`, `category`, `popular`, or one to come.
        degraded: Whether a step that should have answered failed.
        items: The best first.
        user_id: Whom it is for, where that is known.
        unknown_items: Liked items that are not in the catalogue.
    """

    recommendation_id: str
    model_version: str
    source: str
    degraded: bool
    items: tuple[Recommendation, ...]
    user_id: str | None
    unknown_items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """An item as it is now.

    Attributes:
        listeners: How many users met it.
        available: Whether it may be shown.
        labels: Further facts.
        expires_at: When it may no longer be shown; `None` for never.
        updated_at: When something was last said of it; `None` if nothing was.
    """

    item_id: str
    title: str
    categories: tuple[str, ...]
    tags: tuple[str, ...]
    listeners: int
    available: bool = True
    labels: Mapping[str, Any] = field(default_factory=dict)
    expires_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a user chose when asked."""

    items: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    moods: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class User:
    """What is known of a user.

    Attributes:
        labels: Facts.
        preferences: What they chose when asked.
        interactions: With how many items the version that answers has seen them.
        updated_at: When something was last said of them; `None` if nothing was.
    """

    user_id: str
    labels: Mapping[str, Any]
    preferences: Preferences
    interactions: int
    updated_at: datetime | None
