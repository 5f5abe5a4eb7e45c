"""Events that come alone but at once are taken in together, and each sender is answered about its own."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from tacit.monitoring import metrics as catalogue
from tests.integration.test_http_events import PATH, Platform, platform, play, problem

SENDERS = 24


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with platform(tmp_path_factory.mktemp("home")) as running:
        yield running


def at_once(running: Platform, events: list[dict[str, Any]], query: str = "") -> list[httpx2.Response]:
    with ThreadPoolExecutor(SENDERS) as senders:
        return list(senders.map(lambda event: running.send(event, query), events))


def test_of_many_sent_at_once_each_is_answered_about_its_own(running: Platform) -> None:
    events = [play(value=-1) if at % 5 == 0 else play() for at in range(120)]

    answers = at_once(running, events)

    for at, (event, answer) in enumerate(zip(events, answers, strict=True)):
        if at % 5 == 0:
            assert problem(answer) == (422, "value_range")
            assert answer.json()["event_id"] == event["event_id"]
        else:
            assert answer.status_code == 202
            assert answer.json()["results"] == [{"index": 0, "event_id": event["event_id"], "outcome": "stored"}]


def test_one_event_sent_by_many_at_once_is_stored_once(running: Platform) -> None:
    event = play()

    statuses = [answer.status_code for answer in at_once(running, [event] * SENDERS)]

    assert sorted(statuses) == [200] * (SENDERS - 1) + [202]


def test_requests_of_every_kind_go_through_beside_each_other(running: Platform) -> None:
    bodies: list[Any] = []
    for _ in range(10):
        bodies += [play(), [play(), play()], {"events": [play()]}, "play", [], play(event_id=None)]

    statuses = [answer.status_code for answer in at_once(running, bodies)]

    assert statuses == [202, 202, 202, 422, 422, 422] * 10


def test_ids_are_assigned_only_to_whoever_asked(running: Platform) -> None:
    events = [play(event_id=None) for _ in range(SENDERS)]

    asked = at_once(running, events, "?assign_ids=true")
    ids = {answer.json()["results"][0]["event_id"] for answer in asked}

    assert [answer.status_code for answer in asked] == [202] * SENDERS
    assert len(ids) == SENDERS
    assert problem(running.send(play(event_id=None))) == (422, "field_missing")
    assert problem(running.send(play(), "?assign_ids=1"))[1] == "flag_invalid"


def test_another_spelling_of_the_address_and_another_method_lead_where_they_always_did(running: Platform) -> None:
    spelt = running.client.post("/api/v1/%65vents", json=play())
    asked = running.client.get(PATH)

    assert (spelt.status_code, spelt.json()["code"]) == (404, "route_unknown")
    assert (asked.status_code, asked.json()["code"], asked.headers["allow"]) == (405, "method_not_allowed", "POST")


def test_events_are_measured_under_the_name_of_their_route(running: Platform) -> None:
    def answered() -> float:
        return running.parts.metrics.value(catalogue.HTTP_REQUESTS, method="POST", route=PATH, status="202")

    before = answered()
    answer = running.client.post(PATH, json=play(), headers={"X-Request-Id": "abc"})

    assert answered() == before + 1
    assert answer.headers["x-request-id"] == "abc"
    assert answer.headers["cache-control"] == "no-store"
