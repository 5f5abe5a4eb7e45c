"""The client before a server that is busy, slow, forgetful or gone: what is tried again, told and given back."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import Any

import pytest

from tacit.client import (
    AsyncTacitClient,
    DeliveryRules,
    Event,
    Preferences,
    Report,
    RetryRules,
    TacitClient,
    Undelivered,
)
from tacit.errors import TacitError, Unavailable
from tests.event_servers import Told, told_server

QUICK = RetryRules(base_seconds=0.01, longest_seconds=0.05)
ITEM = {"item_id": "i1", "title": "T", "categories": [], "tags": [], "listeners": 1}


def refusal(client: TacitClient) -> TacitError:
    """What asking for an item is answered with."""
    with pytest.raises(TacitError) as refused:
        client.item("i1")
    return refused.value


def test_a_busy_platform_is_asked_again_when_it_says() -> None:
    busy = Told(503, b'{"code": "storage_unavailable", "detail": "Later."}', {"Retry-After": "1"})
    with told_server(busy, Told(200, json.dumps(ITEM).encode())) as server, TacitClient(server.address) as client:
        began = time.monotonic()
        found = client.item("i1")
        took = time.monotonic() - began

    assert found.title == "T"
    assert 1.0 <= took < 5.0
    assert len(server.asked) == 2


def test_a_platform_that_stays_busy_is_given_up_with_its_own_words() -> None:
    busy = Told(503, b'{"code": "model_not_loaded", "detail": "No version."}')
    with told_server(busy) as server, TacitClient(server.address, retries=QUICK) as client:
        last = refusal(client)

    assert last.code == "model_not_loaded"
    assert len(server.asked) == 4


@pytest.mark.parametrize("status", [400, 404, 422, 500])
def test_what_is_refused_is_asked_once(status: int) -> None:
    with told_server(Told(status)) as server, TacitClient(server.address, retries=QUICK) as client:
        error = refusal(client)

    assert error.code == f"http_{status}"
    assert len(server.asked) == 1


def test_a_slow_platform_costs_a_timeout_for_each_try() -> None:
    over = threading.Event()
    slow = Told(200, json.dumps(ITEM).encode(), after=lambda: over.wait(10))
    rules = RetryRules(tries=2, base_seconds=0.01)
    with told_server(slow) as server, TacitClient(server.address, timeout=0.1, retries=rules) as client:
        began = time.monotonic()
        with pytest.raises(Unavailable) as late:
            client.item("i1")
        took = time.monotonic() - began
        over.set()

    assert late.value.code == "timeout"
    assert 0.2 <= took < 5


def test_an_answer_that_trickles_in_is_given_up_by_both_clients() -> None:
    drip = Told(200, json.dumps(ITEM).encode(), pause=0.05)
    rules = RetryRules(tries=1)

    async def ask(address: str) -> str:
        async with AsyncTacitClient(address, timeout=0.3, retries=rules) as client:
            with pytest.raises(Unavailable) as late:
                await client.item("i1")
            return late.value.code

    with told_server(drip) as server:
        began = time.monotonic()
        with TacitClient(server.address, timeout=0.3, retries=rules) as client:
            first = refusal(client).code
        second = asyncio.run(ask(server.address))
        took = time.monotonic() - began

    assert (first, second) == ("timeout", "timeout")
    assert took < 5.0


def test_events_whose_acknowledgement_is_lost_are_sent_again_under_their_names() -> None:
    over = threading.Event()

    with (
        told_server(
            Told(202, after=lambda: over.wait(10)),
            Told(503, headers={"Retry-After": "0"}),
            Told(202, b'{"results": [{"outcome": "duplicate"}, {"outcome": "stored"}]}'),
        ) as server,
        TacitClient(server.address, timeout=0.1, retries=QUICK) as client,
    ):
        client.send_many([Event("u", "i", "play"), Event("u", "i", "play")])
        report = client.flush(10)
        over.set()

    bodies = [body for _, _, body in server.asked]
    assert (report.stored, report.duplicates, report.is_complete) == (1, 1, True)
    assert len(bodies) == 3
    assert len(set(bodies)) == 1


def test_a_full_buffer_refuses_and_room_may_be_waited_for() -> None:
    over = threading.Event()
    stored = b'{"results": [{"outcome": "stored"}, {"outcome": "stored"}]}'
    rules = DeliveryRules(capacity=2, batch=2, linger_seconds=60)
    with told_server(Told(202, stored, after=lambda: over.wait(10))) as server:
        client = TacitClient(server.address, delivery=rules)
        with client:
            events = [Event("u", "i", "play") for _ in range(4)]
            left = client.send_many(events)
            with pytest.raises(Unavailable) as full:
                client.send(events[2], wait=0.05)
            threading.Timer(0.1, over.set).start()
            rest = client.send_many(left, wait=5)
            report = client.flush()

    assert (left, full.value.code, rest) == (tuple(events[2:]), "buffer_full", ())
    assert report.stored == 4


def test_what_cannot_be_sent_in_time_is_given_back() -> None:
    with told_server(Told(503)) as server:
        told: list[Undelivered] = []
        client = TacitClient(server.address, retries=QUICK, on_dropped=told.append)
        events = [Event("u", "i", "play") for _ in range(3)]
        client.send_many(events)
        waiting = client.flush(0.1)
        last = client.close(0.1)

    assert waiting.unsent == last.unsent == tuple(events)
    assert [(each.event, each.fate, each.code) for each in told] == [
        (event, "undelivered", "client_closed") for event in events
    ]


def test_the_same_is_given_back_to_an_event_loop() -> None:
    async def send(address: str) -> tuple[Report, list[Undelivered]]:
        told: list[Undelivered] = []
        client = AsyncTacitClient(address, retries=QUICK, on_dropped=told.append, delivery=DeliveryRules(capacity=2))
        left = await client.send_many([Event("u", "i", "play") for _ in range(3)], wait=0.05)
        assert len(left) == 1
        return await client.close(0.1), told

    with told_server(Told(503)) as server:
        report, told = asyncio.run(send(server.address))

    assert (len(report.unsent), [each.code for each in told]) == (2, ["client_closed"] * 2)


WRITES: list[tuple[str, str, Any, dict[str, Any]]] = [
    (
        "PUT",
        "/api/v1/items/i%2F1",
        lambda client: client.put_item("i/1", title="T", categories=("a",), expires_at=5),
        {"title": "T", "categories": ["a"], "tags": None, "labels": None, "available": True, "expires_at": 5},
    ),
    ("PATCH", "/api/v1/items/i1", lambda client: client.patch_item("i1", available=False), {"available": False}),
    ("PATCH", "/api/v1/items/i1", lambda client: client.patch_item("i1", title=None), {"title": None}),
    (
        "PUT",
        "/api/v1/users/ann",
        lambda client: client.put_user("ann", labels={"a": 1}),
        {"labels": {"a": 1}, "preferences": None},
    ),
    (
        "POST",
        "/api/v1/users/ann/preferences",
        lambda client: client.set_preferences("ann", Preferences(moods=("calm",))),
        {"items": [], "categories": [], "moods": ["calm"]},
    ),
]


@pytest.mark.parametrize(("method", "path", "ask", "body"), WRITES)
def test_what_is_said_of_items_and_users_is_sent_as_named(
    method: str, path: str, ask: Any, body: dict[str, Any]
) -> None:
    chosen = {"items": [], "categories": [], "moods": ["calm"]}
    user = {"user_id": "ann", "labels": {}, "preferences": chosen, "interactions": 0, "updated_at": None}
    answer = json.dumps({**ITEM, **user, **chosen}).encode()
    with told_server(Told(200, answer)) as server, TacitClient(server.address) as client:
        ask(client)

    assert [(found[0], found[1], json.loads(found[2])) for found in server.asked] == [(method, path, body)]


def test_an_item_is_removed_without_a_word() -> None:
    with told_server(Told(204)) as server, TacitClient(server.address) as client:
        client.delete_item("i1")

    assert server.asked == [("DELETE", "/api/v1/items/i1", b"")]
