"""What a generator of load sends: events, one by one or in batches, each like no other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

EVENTS = "/api/v1/events"
NOW_MS = 1_767_225_600_000
"""When events happen, unless told otherwise: 1 January 2026, in milliseconds."""

_MEDIA_TYPES = {"single": "application/json", "json": "application/json", "ndjson": "application/x-ndjson"}


@dataclass(frozen=True)
class Body:
    """What each request of a run holds.

    Attributes:
        form: `single` for one event, `json` for an array of them, `ndjson` for one a line.
        size: Events in each.
        suffix: Ends every event's id; another one for each run against one platform.
        users: How many do something.
        items: What they do it with; made-up ids, if none are given.
        at_ms: When.
    """

    form: str = "single"
    size: int = 1
    suffix: str = ""
    users: int = 100_000
    items: Sequence[str] = field(default_factory=tuple)
    at_ms: int = NOW_MS
    path: str = EVENTS

    @property
    def media_type(self) -> str:
        """What it is declared to be."""
        return _MEDIA_TYPES[self.form]


def bodies_of(body: Body, count: int, *, seed: int) -> Iterator[bytes]:
    """So many bodies: users at random, items by popularity, as JSON's own writer puts it."""
    random = np.random.default_rng(seed)
    items = list(body.items) or [f"i{number}" for number in range(20_000)]
    for _ in range(count):
        users = random.integers(0, body.users, body.size)
        places = (len(items) * random.random(body.size) ** 3).astype(int)
        events = [
            _event(body, f"{random.bytes(16).hex()}{body.suffix}", user_id=f"u{user}", item_id=items[item])
            for user, item in zip(users, places, strict=True)
        ]
        yield _written(body.form, events)


def _event(body: Body, event_id: str, *, user_id: str, item_id: str) -> dict[str, Any]:
    return {"event_id": event_id, "user_id": user_id, "item_id": item_id, "type": "play", "occurred_at": body.at_ms}


def _written(form: str, events: Sequence[dict[str, Any]]) -> bytes:
    if form == "single":
        return json.dumps(events[0]).encode()
    if form == "json":
        return json.dumps(events).encode()
    return b"\n".join(json.dumps(event).encode() for event in events)
