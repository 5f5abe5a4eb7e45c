"""May an event enter? One judgement of what was sent, the same for every way in and every store (pure).

An event is an object with the fields of `FIELDS` and no other.  `event_id`, `user_id`, `item_id` and `type` must be
there, and `value` where its type asks for it; `null` stands for absence where a field may be absent, and is of the
wrong type elsewhere.  What each field may hold is said in `event_fields`, how much and how old in `event_rules`.

The first rule broken is the one told: the version of the form, fields nobody knows, then field by field as in `FIELDS`,
and last the age of an event that is otherwise in order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from tacit.data.event_fields import amount, canonical_properties, checked_id, needed, time_ms, type_rule, wrong_type
from tacit.data.event_rules import EventRules
from tacit.data.events import SCHEMA_VERSION, Event
from tacit.data.validation import escaped
from tacit.errors import BadInput

FIELDS = (
    "event_id", "user_id", "item_id", "type", "value", "occurred_at", "recommendation_id", "properties",
    "schema_version",
)  # fmt: skip
"""What an event may say, in the order in which it is judged; the version comes first."""

MAX_BATCH = 500
"""Most events of one batch."""

_KNOWN = frozenset(FIELDS)
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an event may not enter.

    Attributes:
        code: One of `event_fields.CODES`.
        detail: One sentence for a person, with no more than 64 characters of what was sent.
        field: The field at fault.
        fix: What to do about it.
        context: Further facts for a program.
        quarantine: Whether it is kept for somebody to look at; otherwise the sender still has it.
        event: The event as it would be kept there.
    """

    code: str
    detail: str
    field: str | None = None
    fix: str | None = None
    context: Mapping[str, object] | None = None
    quarantine: bool = False
    event: Event | None = None

    @classmethod
    def of(cls, error: BadInput) -> Problem:
        """What an error says, where one bad event fails nothing but itself."""
        return cls(error.code, error.detail, field=error.field, fix=error.fix, context=error.context)

    def as_error(self) -> BadInput:
        """The same as an error, for where one bad event fails the whole call."""
        return BadInput(self.code, self.detail, field=self.field, fix=self.fix, context=self.context)


Judgement = Event | Problem
"""What becomes of what was sent."""


def judged_batch(
    raws: Sequence[object], rules: EventRules, *, now_ms: int, assign_id: Callable[[], str] | None = None
) -> tuple[Judgement, ...]:
    """What becomes of each event of a batch, in its order; a bad one takes none of the others with it.

    Raises:
        BadInput: `batch_size`.
    """
    check_size(len(raws))
    return tuple(judged(raw, rules, now_ms=now_ms, assign_id=assign_id) for raw in raws)


def check_size(size: int) -> None:
    """Raises `batch_size` unless a batch may have so many events."""
    if not 1 <= size <= MAX_BATCH:
        raise BadInput(
            "batch_size",
            f"The batch has {size} events; it must have 1 to {MAX_BATCH}.",
            fix="Send them in several batches." if size else "Send at least one event.",
            context={"size": size, "largest": MAX_BATCH},
        )


def judged(raw: object, rules: EventRules, *, now_ms: int, assign_id: Callable[[], str] | None = None) -> Judgement:
    """The event that was sent, or why it may not enter.

    Args:
        raw: A JSON value, as parsed, or why there is none.
        rules: What it must keep to.
        now_ms: When it was received, in milliseconds since 1970, UTC.
        assign_id: Names an event that was sent without an id, where that is allowed; such an event that is sent again
            is another event.
    """
    if isinstance(raw, Problem):
        return raw
    try:
        event = _event(_known_fields(raw), rules, now_ms=now_ms, assign_id=assign_id)
    except BadInput as error:
        return Problem.of(error)
    if rules.oldest_days is not None and event.occurred_at_ms < now_ms - rules.oldest_days * _DAY_MS:
        return _too_old(event, rules.oldest_days)
    return event


def conflicting(event: Event) -> Problem:
    """What is said of an event whose id the log knows from an event that said something else."""
    return Problem(
        "event_conflict",
        f"Another event has the id '{escaped(event.event_id)}'; the first one counts.",
        field="event_id",
        fix="Give every event an id of its own, and send the same event again unchanged.",
        quarantine=True,
        event=event,
    )


def _event(raw: Mapping[str, object], rules: EventRules, *, now_ms: int, assign_id: Callable[[], str] | None) -> Event:
    event_id = _event_id(raw, assign_id)
    user_id = checked_id(needed(raw, "user_id"), "user_id")
    item_id = checked_id(needed(raw, "item_id"), "item_id")
    name, rule = type_rule(needed(raw, "type"), rules)
    link, moment = raw.get("recommendation_id"), raw.get("occurred_at")
    # By position: names would cost as much as two of the checks.
    return Event(
        event_id,
        user_id,
        item_id,
        name,
        amount(raw, name, rule),
        time_ms(moment, rules, now_ms=now_ms),
        None if link is None else checked_id(link, "recommendation_id"),
        canonical_properties(raw.get("properties")),
        moment is not None,
    )


def _event_id(raw: Mapping[str, object], assign_id: Callable[[], str] | None) -> str:
    if assign_id is not None and raw.get("event_id") is None:
        return assign_id()
    return checked_id(needed(raw, "event_id"), "event_id")


def _known_fields(raw: object) -> Mapping[str, object]:
    """What was sent, if it is an object of this version whose fields are all known."""
    if type(raw) is not dict and not isinstance(raw, Mapping):
        raise wrong_type(raw, "event", "an object")
    if "schema_version" in raw:
        _check_version(raw["schema_version"])
    if not _KNOWN.issuperset(raw):
        raise _unknown_field(next(name for name in raw if name not in _KNOWN))
    return raw


def _check_version(version: object) -> None:
    if version is None:
        return
    if type(version) is not int:
        raise wrong_type(version, "schema_version", "a whole number")
    if version != SCHEMA_VERSION:
        raise BadInput(
            "schema_version",
            "The event is in a version of the form that this platform does not know.",
            field="schema_version",
            fix=f"Send version {SCHEMA_VERSION}, or leave the field out.",
            context={"supported": [SCHEMA_VERSION]},
        )


def _unknown_field(name: object) -> BadInput:
    if not isinstance(name, str):
        return wrong_type(name, "event", "an object whose names are text")
    near = get_close_matches(name[:64].casefold(), FIELDS, n=3)
    return BadInput(
        "field_unknown",
        f"An event has no field '{escaped(name)}'.",
        field=escaped(name),
        fix=f"Did you mean {' or '.join(near)}?" if near else "Leave it out, or put it into properties.",
        context={"near": near, "known": list(FIELDS)},
    )


def _too_old(event: Event, oldest_days: int) -> Problem:
    return Problem(
        "timestamp_range",
        f"The event is older than {oldest_days} days, the age at which events are removed.",
        field="occurred_at",
        fix="Import history as files; events are for what happens now.",
        context={"oldest_days": oldest_days},
        quarantine=True,
        event=event,
    )
