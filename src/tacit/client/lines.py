"""Events as they are sent, a line each, so that one that cannot be read spoils no other (pure)."""

from __future__ import annotations

import json
import math
from datetime import datetime

from tacit.client.values import Event
from tacit.errors import BadInput

MAX_LINE_BYTES = 100_000
"""Longer than any event that the platform takes; it tells about shorter ones itself."""

MAX_BODY_BYTES = 900_000
"""What is sent at once, at most: less than the megabyte that the platform, and what stands before it, usually take."""


def line_of(event: Event) -> bytes:
    """An event as a line of JSON; fields that say nothing are left out.

    Raises:
        BadInput: `type`, `timestamp_zone`, `not_json`, `event_too_large`: it could not even be sent.
    """
    for name in ("event_id", "user_id", "item_id", "type"):
        _check_text(name, getattr(event, name))
    facts = {
        "event_id": event.event_id,
        "user_id": event.user_id,
        "item_id": event.item_id,
        "type": event.type,
        "value": event.value,
        "occurred_at": _moment(event.occurred_at),
        "recommendation_id": event.recommendation_id,
        "properties": None if event.properties is None else dict(event.properties),
    }
    line = _encoded({name: value for name, value in facts.items() if value is not None})
    if len(line) > MAX_LINE_BYTES:
        fix = f"Leave some of its properties out; the most is {MAX_LINE_BYTES}."
        raise BadInput("event_too_large", f"The event has {len(line)} bytes.", field="properties", fix=fix)
    return line


def _moment(value: datetime | int | None) -> str | int | None:
    if not isinstance(value, datetime):
        return value
    if value.utcoffset() is None:
        fix = "Use datetime.now(UTC), or give milliseconds since 1970."
        raise BadInput("timestamp_zone", "occurred_at has no zone.", field="occurred_at", fix=fix)
    return value.isoformat()


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise BadInput("type", f"{name} is {type(value).__name__}; it must be text.", field=name)


def _encoded(facts: dict[str, object]) -> bytes:
    value = facts.get("value")
    if isinstance(value, float) and not math.isfinite(value):
        raise BadInput("number_not_finite", f"value is {value}; JSON has no such number.", field="value")
    try:
        return json.dumps(facts, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as problem:
        raise BadInput("not_json", f"The event cannot be said in JSON: {str(problem)[:200]}.") from problem
