"""Which events a platform takes: their types, what each says, and how old or early one may be (pure).

What the source documents say of it, and what they leave to us:

* They keep inactive users for two years, which is the age limit of an event here, and speak of plays, ratings, watch
  and listen time.
* They name no weights.  Those here are ours: one play, view, enrolment or rating, the interaction that a profile's
  history is imported as, weighs 1; everything else is said beside it.
* The bounds of an amount follow the bad-input catalogue: no negative count or time, no day of more than 24 hours, no
  count that only a robot reaches.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Literal

from tacit.data.events import Event
from tacit.data.validation import escaped
from tacit.errors import Misconfigured

Presence = Literal["none", "optional", "required"]

MAX_WEIGHT = 1_000.0
"""Largest weight of a type, for or against."""
MAX_PLAYS = 10_000.0
"""Most plays that one event may report."""
DAY_SECONDS = 86_400.0
YEAR_2000_MS = 946_684_800_000
"""1 January 2000, UTC: what claims to be older names its time wrongly."""

_TYPE_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True, slots=True)
class TypeRule:
    """What one type of event says, and the amount it may carry.

    Attributes:
        weight: What one such event says for its item, or below 0 against it; one play weighs 1.
        value: Whether it carries an amount.
        lowest: Smallest amount.
        highest: Largest amount.
        whole: Whether the amount counts something.
        per: The amount that weighs `weight`; `None` where the amount changes no weight.

    Raises:
        Misconfigured: `limit_out_of_range`.
    """

    weight: float
    value: Presence = "none"
    lowest: float = 0.0
    highest: float = 0.0
    whole: bool = False
    per: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and 0 < abs(self.weight) <= MAX_WEIGHT):
            raise _out_of_range("weight", f"It must not be 0, nor further from it than {MAX_WEIGHT:g}.")
        if not (math.isfinite(self.highest) and 0 <= self.lowest <= self.highest):
            raise _out_of_range("highest", "It must be a number and at least `lowest`, which is 0 or more.")
        if self.per is not None and not 0 < self.per < math.inf:
            raise _out_of_range("per", "It must be a number above 0.")

    def weight_of(self, value: float | None) -> float:
        """What one event with this amount weighs; without one, it weighs `weight`."""
        return self.weight if value is None or self.per is None else self.weight * value / self.per


@dataclass(frozen=True, slots=True)
class EventRules:
    """What an event must keep to.

    Attributes:
        types: The types there are, by name; an event of another is refused.
        oldest_days: Age above which an event is quarantined; `None` keeps every age.
        future_hours: How far ahead of now one may lie.
        earliest_ms: The time before which one is refused, in milliseconds since 1970, UTC.

    Raises:
        Misconfigured: `limit_out_of_range`, `event_type_invalid`.
    """

    types: Mapping[str, TypeRule]
    oldest_days: int | None = 730
    future_hours: int = 24
    earliest_ms: int = YEAR_2000_MS

    def __post_init__(self) -> None:
        if self.oldest_days is not None and self.oldest_days < 1:
            raise _out_of_range("oldest_days", "It must be at least 1.")
        if self.future_hours < 0:
            raise _out_of_range("future_hours", "It must not be negative.")
        for name in self.types:
            _check_type_name(name)
        object.__setattr__(self, "types", MappingProxyType(dict(self.types)))

    @classmethod
    def shipped(cls, profile: str) -> EventRules:
        """The rules of a shipped profile.

        Raises:
            Misconfigured: `profile_unknown`.
        """
        if profile not in _SHIPPED:
            near = get_close_matches(profile[:64].casefold(), _SHIPPED, n=1)
            raise Misconfigured(
                "profile_unknown",
                f"There are no event types for the profile '{escaped(profile)}'.",
                field="profile",
                fix=f"Did you mean '{near[0]}'?" if near else f"There are {', '.join(_SHIPPED)}.",
            )
        return cls(_SHIPPED[profile])

    def weight_of(self, event: Event) -> float:
        """What an event says for its item, or below 0 against it; 0 where its type is no longer one of these."""
        rule = self.types.get(event.type)
        return 0.0 if rule is None else rule.weight_of(event.value)


def _check_type_name(name: str) -> None:
    if not _TYPE_NAME.fullmatch(name):
        raise Misconfigured(
            "event_type_invalid",
            f"'{escaped(name)}' cannot name a type of event.",
            field="types",
            fix="Use 1 to 32 small letters, digits and underscores, the first a letter.",
        )


def _out_of_range(field: str, detail: str) -> Misconfigured:
    return Misconfigured("limit_out_of_range", detail, field=field, fix="Set it within that range.")


def _stars(weight: float) -> TypeRule:
    # As in an import: a rating says that somebody chose the item; its stars are kept, and change no weight.
    return TypeRule(weight, "required", lowest=0.5, highest=5.0)


def _seconds(weight: float, *, per: float) -> TypeRule:
    return TypeRule(weight, "required", lowest=0.0, highest=DAY_SECONDS, per=per)


_SHIPPED: Mapping[str, Mapping[str, TypeRule]] = {
    "music": {
        "play": TypeRule(1.0, "optional", lowest=1.0, highest=MAX_PLAYS, whole=True, per=1.0),
        "complete": TypeRule(0.5),
        "watch_time": _seconds(1.0, per=240.0),
        "view": TypeRule(0.2),
        "rating": _stars(1.0),
        "like": TypeRule(3.0),
        "skip": TypeRule(-0.5),
        "dislike": TypeRule(-3.0),
    },
    "lectures": {
        "enrol": TypeRule(1.0),
        "complete": TypeRule(2.0),
        "watch_time": _seconds(0.5, per=3_600.0),
        "view": TypeRule(0.2),
        "rating": _stars(1.0),
        "like": TypeRule(2.0),
        "skip": TypeRule(-0.2),
        "dislike": TypeRule(-2.0),
    },
    "movies": {
        "view": TypeRule(1.0),
        "play": TypeRule(1.0, "optional", lowest=1.0, highest=MAX_PLAYS, whole=True, per=1.0),
        "complete": TypeRule(1.0),
        "watch_time": _seconds(0.5, per=3_600.0),
        "rating": _stars(1.0),
        "like": TypeRule(2.0),
        "skip": TypeRule(-0.5),
        "dislike": TypeRule(-2.0),
    },
}
