"""Events that come alone are taken in together, and still nobody waits for, or fails with, somebody else's request."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.routing import APIRoute

from tacit.adapters.memory_events import MemoryEventLog
from tacit.adapters.memory_store import MemoryEventStore
from tacit.data.event_rules import EventRules
from tacit.data.events import Event, Receipt
from tacit.data.intake import Intake
from tacit.entrypoints.api.checkpoints import PRINCIPAL
from tacit.entrypoints.api.event_lane import EventLane
from tacit.entrypoints.api.events import event_routes
from tacit.security.principals import LOCAL

SENDERS = 6


class Watched(MemoryEventLog):
    """A log before which something happens on each call."""

    def __init__(self, before: Callable[[Sequence[Event]], object]) -> None:
        super().__init__(clock=lambda: datetime.now(UTC))
        self._before = before

    def append(self, events: Sequence[Event], *, source: str = "api") -> Sequence[Receipt]:
        self._before(events)
        return super().append(events, source=source)


def lane_over(log: MemoryEventLog) -> EventLane:
    intake = Intake(
        log,
        EventRules.shipped("music"),
        count=lambda source, counts: None,
        clock=lambda: int(datetime.now(UTC).timestamp() * 1_000),
        new_id=lambda: "made-up",
        quarantine=MemoryEventStore().set_aside,
    )
    [route] = [each for each in event_routes(intake).routes if isinstance(each, APIRoute)]
    return EventLane(intake, route)


def play(number: int, **changes: Any) -> dict[str, Any]:
    return {"event_id": f"e{number}", "user_id": f"u{number}", "item_id": "i1", "type": "play", **changes}


async def sent(lane: EventLane, body: object, query: bytes = b"") -> int | str:
    """The status of an answer, or the name of what nobody expected."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/events",
        "query_string": query,
        "headers": [(b"content-type", b"application/json")],
        PRINCIPAL: LOCAL,
    }
    answered: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}

    async def send(message: Any) -> None:
        answered.append(message)

    try:
        await lane(scope, receive, send)
    except ValueError as error:
        return type(error).__name__
    return int(answered[0]["status"])


async def sent_at_once(lane: EventLane, bodies: Sequence[object], query: bytes = b"") -> list[int | str]:
    return await asyncio.gather(*(sent(lane, body, query) for body in bodies))


@pytest.mark.parametrize(
    ("body", "query"),
    [
        (lambda number: [play(number)], b""),
        (lambda number: {"events": [play(number)]}, b""),
        (play, b"assign_ids=true"),
    ],
)
def test_requests_that_are_not_one_event_wait_for_the_disk_beside_each_other(
    body: Callable[[int], object], query: bytes
) -> None:
    """Each waits until all of them do; one after the other, none would ever be answered."""
    together = threading.Barrier(SENDERS, timeout=5)
    lane = lane_over(Watched(lambda events: together.wait()))

    statuses = asyncio.run(sent_at_once(lane, [body(number) for number in range(SENDERS)], query))

    assert statuses == [202] * SENDERS


def test_while_no_thread_can_be_had_events_are_refused_and_later_ones_are_taken() -> None:
    lane = lane_over(Watched(lambda events: None))

    class Exhausted(ThreadPoolExecutor):
        def submit(self, *_: object, **__: object) -> Any:
            raise RuntimeError("can't start new thread")

    async def sent_meanwhile_and_after() -> list[int | str]:
        threads, lane.together._workers = lane.together._workers, Exhausted()
        meanwhile = [await asyncio.wait_for(sent(lane, play(number)), 5) for number in range(3)]
        lane.together._workers = threads
        return [*meanwhile, await asyncio.wait_for(sent(lane, play(9)), 5)]

    assert asyncio.run(sent_meanwhile_and_after()) == [503, 503, 503, 202]


def test_an_event_that_breaks_something_fails_alone_among_those_taken_in_with_it() -> None:
    calls: list[int] = []

    def breaks(events: Sequence[Event]) -> None:
        calls.append(len(events))
        if any(event.user_id == "u4" for event in events):
            raise ValueError("nobody expected this")

    statuses = asyncio.run(sent_at_once(lane_over(Watched(breaks)), [play(number) for number in range(SENDERS)]))

    assert statuses == [202, 202, 202, 202, "ValueError", 202]
    assert calls[:3] == [1, 1, SENDERS - 2], "they were not taken in together"
