"""The shortest ways for lists and candidates: answers as on the long way, and none that somebody may not have."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from tacit.bootstrap.guarding import guard_desk
from tacit.entrypoints.api.turn_line import TurnLine
from tacit.entrypoints.api.turnstile import Turnstile
from tacit.monitoring import guard_metrics, metrics
from tests.attempts import ATTEMPTS
from tests.shortest_ways import LIST, LONG_WAY, RERANK, ROUTE, Running, raw, started, status_on
from tests.stages import wait_until


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with started(tmp_path_factory.mktemp("list-window") / "home") as running:
        yield running


@pytest.fixture(scope="module")
def reader(running: Running) -> str:
    return running.key(role="reader")


@pytest.fixture
def ready(running: Running, reader: str) -> Iterator[httpx2.Client]:
    """Somebody whose list lies ready, for whom it was given at least once."""
    with running.asking(reader) as client:
        wait_until(lambda: running.given_after(client)[1])
        yield client


def facts(response: httpx2.Response) -> tuple[int, dict[str, Any], dict[str, str]]:
    body = {**response.json(), "recommendation_id": ""}
    changing = {"date": "", "x-request-id": "", "ratelimit-remaining": "", "ratelimit-reset": ""}
    return response.status_code, body, {**dict(response.headers), **changing}


def test_both_ways_give_the_same_answer_and_each_its_own_name(running: Running, ready: httpx2.Client) -> None:
    short, was_ready = running.given_after(ready)
    long, was_too = running.given_after(ready, headers={"X-Another": "head"})
    head = ready.head(LIST)

    assert (was_ready, was_too) == (True, False)
    assert facts(short) == facts(long)
    assert short.json()["recommendation_id"] != long.json()["recommendation_id"]
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(short.content)))


@pytest.mark.parametrize(
    "path",
    [
        f"{LIST}?limit=3&exclude=i007",
        f"{LIST}?limit=0",
        "/api/v1/items/i001/similar?limit=4",
        "/api/v1/items/nobody%20has%20this/similar",
        "/api/v1/items/i001/similar?limit=4&colour=red",
    ],
)
def test_what_is_worked_out_at_once_is_what_the_long_way_gives(running: Running, reader: str, path: str) -> None:
    with running.asking(reader) as client:
        client.get(LIST), client.get("/api/v1/items/i002/similar")
        wait_until(lambda: running.given_after(client)[1])
        for _ in range(ATTEMPTS):
            short, was_at_once = running.given_after(client, path)
            if was_at_once:
                break
            time.sleep(1.0)  # on a busy machine answers may take so long that threads work them out for a while
        long, _ = running.given_after(client, path, headers={"X-Another": "head"})

    assert was_at_once
    assert without_ids(short) == without_ids(long)


@pytest.mark.parametrize(
    ("wish", "path", "status"),
    [
        ({"candidates": ["i003", "i010", "nothing", "i011"], "explain": 2}, RERANK, 200),
        ({"candidates": ["i003", "i010"], "filter_seen": True}, RERANK, 200),
        ({"candidates": ["i003", 7]}, RERANK, 422),
        ({"candidates": ["i003"], "colour": "red"}, RERANK, 422),
        ({"candidates": ["i003"]}, "/api/v1/users/nobody/rerank", 404),
    ],
)
def test_candidates_are_put_into_order_at_once_as_on_the_long_way(
    running: Running, wish: object, path: str, status: int
) -> None:
    with running.asking(running.key(role="reader")) as client:
        client.post(path, json=wish)  # what is known of a user may have to be read first
        first, was_at_once = running.reranked(client, wish, path, headers={"X-Another": "head"})
        before = len(running.asked_again)
        short, was_at_once_too = running.reranked(client, wish, path, headers={"X-Another": "head"})
        was_let_in = len(running.asked_again) - before
        long, was_too = running.reranked(client, wish, path, headers=LONG_WAY)

    assert (short.status_code, was_at_once, was_at_once_too, was_let_in, was_too) == (status, True, True, 1, False)
    assert without_ids(first) == without_ids(short) == without_ids(long)


def test_candidates_that_are_put_into_order_at_once_are_counted_shown_and_written_down(running: Running) -> None:
    names = {"route": "/api/v1/users/{user_id}/rerank", "method": "POST", "status": "200"}
    asked = running.counted(metrics.HTTP_REQUESTS, **names)
    with running.asking(running.key(role="reader")) as client:
        client.post(RERANK, json={"candidates": ["i003", "i010"]})
        before = len(running.asked_again)
        response, _ = running.reranked(
            client, {"candidates": ["i003", "i010"]}, headers={"X-Request-Id": "put-into-order"}
        )

    assert (len(running.asked_again) - before, response.headers["x-request-id"]) == (1, "put-into-order")
    wait_until(lambda: running.counted(metrics.HTTP_REQUESTS, **names) == asked + 2)
    name = response.json()["recommendation_id"]
    wait_until(lambda: name in [each.recommendation_id for each in running.app.exposures.recent(5)])
    wait_until(lambda: "put-into-order" in [each.request_id for each in running.app.accesses.latest(limit=9)])


def test_whoever_may_ask_no_more_is_refused_though_they_were_let_in_by_the_same_head(running: Running) -> None:
    limited, revoked = running.key(role="reader"), running.key(role="reader")
    with running.asking(limited) as client:
        found = [running.reranked(client, {"candidates": ["i003"]})[0] for _ in range(9)]
    with running.asking(revoked) as client:
        client.post(RERANK, json={"candidates": ["i003"]})
        running.app.keys.desk.revoke(revoked.split("_")[2], reason="", actor="ann")
        running.app.keys.ring.refresh()
        refused, _ = running.reranked(client, {"candidates": ["i003"]})

    assert [each.status_code for each in found] == [200] * 8 + [429]
    assert [int(each.headers["ratelimit-remaining"]) for each in found[:8]] == [*range(350, -1, -50)]
    assert refused.status_code == 401


def test_more_candidates_than_fit_between_two_requests_are_left_to_a_thread(running: Running) -> None:
    with running.asking(running.key(role="reader")) as client:
        many, was_at_once = running.reranked(client, {"candidates": [f"{place:050d}" for place in range(200)]})

    assert (many.status_code, was_at_once) == (200, False)


def test_who_may_not_have_a_users_candidates_put_into_order_may_not_at_once_either(running: Running) -> None:
    bound = running.key(scopes=["lists:read", "users:read"], user_id="u002")
    for key, status in ((bound, 404), (running.key(scopes=["events:write"]), 403)):
        with running.asking(key) as client:
            found = [running.reranked(client, {"candidates": ["i003"]})[0].status_code for _ in range(2)]
        assert found == [status] * 2


def without_ids(response: httpx2.Response) -> tuple[int, dict[str, Any], dict[str, str]]:
    status, body, headers = facts(response)
    return status, {**body, "request_id": ""}, headers


def test_a_request_keeps_its_name_and_one_that_has_none_is_given_one(running: Running, ready: httpx2.Client) -> None:
    named, was_ready = running.given_after(ready, headers={"X-Request-Id": "mine-1"})
    unsafe, was_too = running.given_after(ready, headers={"X-Request-Id": "no name"})
    unnamed, _ = running.given_after(ready)

    assert (was_ready, was_too) == (True, True)
    assert named.headers["x-request-id"] == "mine-1"
    assert len(unsafe.headers["x-request-id"]) == len(unnamed.headers["x-request-id"]) == 32


@pytest.mark.parametrize("more", [{}, {"X-Request-Id": "mine-2"}, {"tracestate": "a=b"}])
def test_a_trace_that_the_caller_keeps_leads_nobody_the_long_way(
    running: Running, ready: httpx2.Client, more: dict[str, str]
) -> None:
    for number in range(2):
        headers = {"traceparent": f"00-{number + 1:032x}-00f067aa0ba902b7-01", **more}
        response, was_ready = running.given_after(ready, headers=headers)

        assert (response.status_code, was_ready) == (200, True)
        assert response.headers["x-request-id"] == more.get("X-Request-Id", response.headers["x-request-id"])


def test_what_was_given_is_counted_shown_and_written_down(running: Running, reader: str, ready: httpx2.Client) -> None:
    names = {"route": ROUTE, "method": "GET"}
    wait_until(lambda: not running.lists.untold)
    asked, hits = (
        running.counted(metrics.HTTP_REQUESTS, **names, status="200"),
        running.counted(metrics.LIST_CACHE, outcome="hit"),
    )
    passed = running.counted(guard_metrics.LIMIT_CHECKS, tier="authenticated", outcome="passed")
    response, was_ready = running.given_after(ready, headers={"X-Request-Id": "written-down"})
    name = response.json()["recommendation_id"]

    assert was_ready
    wait_until(lambda: running.counted(metrics.HTTP_REQUESTS, **names, status="200") == asked + 1)
    wait_until(lambda: name in [each.recommendation_id for each in running.app.exposures.recent(5)])
    wait_until(
        lambda: [each for each in running.app.accesses.latest(limit=9) if each.request_id == "written-down"] != []
    )
    assert running.counted(metrics.LIST_CACHE, outcome="hit") == hits + 1
    assert running.counted(guard_metrics.LIMIT_CHECKS, tier="authenticated", outcome="passed") == passed + 1


def test_a_key_that_is_revoked_or_may_not_gets_nothing_that_lies_ready(running: Running, ready: httpx2.Client) -> None:
    revoked, writer = running.key(role="reader"), running.key(scopes=["events:write"])
    with running.asking(revoked) as client, running.asking(writer) as other:
        wait_until(lambda: running.given_after(client)[1])
        running.app.keys.desk.revoke(revoked.split("_")[2], reason="", actor="ann")
        running.app.keys.ring.refresh()
        refused, may_not = running.given_after(client)[0], [running.given_after(other)[0] for _ in range(2)]

    assert refused.status_code == 401
    assert [each.status_code for each in may_not] == [403, 403]


def test_who_is_bound_to_one_user_is_let_in_anew_each_time(running: Running, ready: httpx2.Client) -> None:
    bound = running.key(scopes=["lists:read", "users:read"], user_id="u001")
    with running.asking(bound) as client:
        own = [running.given_after(client) for _ in range(3)]
        other = client.get("/api/v1/users/u002/recommendations")

    assert [(response.status_code, was_ready) for response, was_ready in own] == [(200, False)] * 3
    assert other.status_code == 404


def test_a_limit_counts_on_and_the_request_beyond_it_is_refused(running: Running, ready: httpx2.Client) -> None:
    with running.asking(running.key(role="reader")) as client:
        client.get(LIST)
        found = [running.given_after(client) for _ in range(400)]

    left = [int(response.headers["ratelimit-remaining"]) for response, _ in found]
    assert left == [*range(398, -1, -1), 0]
    assert [response.status_code for response, _ in found[-2:]] == [200, 429]
    assert sum(was_ready for _, was_ready in found) > 300


def test_who_is_blocked_is_kept_out_from_the_next_request_on(running: Running, reader: str) -> None:
    with running.asking(reader, **{"X-Forwarded-For": "203.0.113.77"}) as client:
        wait_until(lambda: running.given_after(client)[1])
        block = guard_desk(running.app).block("203.0.113.77", seconds=60, reason="test", actor="ann")
        running.parts.guards.keeper.follow()
        refused, _ = running.given_after(client)
        guard_desk(running.app).lift(block.block_id, reason="test", actor="ann")

    assert (refused.status_code, refused.json()["code"]) == (403, "caller_blocked")


def test_an_item_that_is_hidden_is_in_no_list_that_lay_ready(running: Running, ready: httpx2.Client) -> None:
    before, _ = running.given_after(ready)
    hidden = before.json()["items"][0]["item_id"]
    with running.asking(running.key(role="writer")) as writer:
        answer = writer.put(f"/api/v1/users/u001/hidden/{hidden}")
    after, _ = running.given_after(ready)

    assert answer.status_code < 300, answer.text
    assert hidden not in [item["item_id"] for item in after.json()["items"]]


def test_a_connection_of_its_own_needs_no_introduction_where_another_with_the_same_head_had_one(
    running: Running, ready: httpx2.Client, reader: str
) -> None:
    with running.asking(reader) as another:
        first, was_ready = running.given_after(another)
    with running.asking(running.key(role="reader")) as somebody_else:
        other, was_ready_too = running.given_after(somebody_else)

    assert (first.status_code, was_ready) == (200, True)
    assert (other.status_code, was_ready_too) == (200, False)


@dataclass
class Line:
    """Everybody waits in it until they are called."""

    waiting: list[tuple[Any, Callable[[], object]]] = field(default_factory=list)

    def wait(self, connection: Any, answer: Callable[[], object]) -> None:
        self.waiting.append((connection, answer))

    def call_next(self) -> None:
        wait_until(lambda: bool(self.waiting))
        connection, answer = self.waiting.pop(0)
        connection.loop.call_soon_threadsafe(answer)


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    return everybody_waits(monkeypatch)


def everybody_waits(monkeypatch: pytest.MonkeyPatch) -> Line:
    line = Line()
    monkeypatch.setattr(TurnLine, "may_give", lambda *_: False)
    monkeypatch.setattr(Turnstile, "place_of", lambda *_: "in line")
    monkeypatch.setattr(Turnstile, "wait", lambda _, connection, answer: line.wait(connection, answer))
    return line


def test_an_answer_in_ones_turn_is_the_one_that_is_given_at_once(
    running: Running, ready: httpx2.Client, line: Line
) -> None:
    with ThreadPoolExecutor(1) as caller:
        later = caller.submit(ready.get, LIST)
        line.call_next()

    assert (later.result().status_code, later.result().headers["content-type"]) == (200, "application/json")
    assert later.result().json()["user_id"] == "u001"


def test_candidates_that_wait_in_the_line_are_put_into_order_in_their_turn(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running.asking(running.key(role="reader")) as client, ThreadPoolExecutor(1) as caller:
        first = client.post(RERANK, json={"candidates": ["i003", "i010"]})
        line = everybody_waits(monkeypatch)
        later = caller.submit(client.post, RERANK, json={"candidates": ["i003", "i010"]})
        line.call_next()

    assert facts(first) == facts(later.result())


def test_whoever_waits_is_heard_again_once_they_were_answered(
    running: Running, ready: httpx2.Client, reader: str, line: Line
) -> None:
    with raw(running, reader) as (connection, head):
        connection.sendall(head)
        wait_until(lambda: bool(line.waiting))
        connection.sendall(head)
        time.sleep(0.05)  # in which it would be heard, were anybody listening
        heard_meanwhile = len(line.waiting) > 1
        line.call_next()
        first = status_on(connection)
        line.call_next()

        assert (heard_meanwhile, first, status_on(connection)) == (False, 200, 200)


def test_a_key_that_is_revoked_while_its_owner_waits_gets_nothing(running: Running, line: Line) -> None:
    key = running.key(role="reader")
    with running.asking(key) as client, ThreadPoolExecutor(1) as caller:
        client.get(LIST)
        later = caller.submit(client.get, LIST)
        wait_until(lambda: bool(line.waiting))
        running.app.keys.desk.revoke(key.split("_")[2], reason="", actor="ann")
        running.app.keys.ring.refresh()
        line.call_next()

    assert later.result().status_code == 401


def test_whoever_leaves_while_they_wait_is_in_nobodys_way(
    running: Running, ready: httpx2.Client, reader: str, line: Line
) -> None:
    with raw(running, reader) as (connection, head):
        connection.sendall(head)
        wait_until(lambda: bool(line.waiting))
    line.call_next()

    with ThreadPoolExecutor(1) as caller:
        later = caller.submit(ready.get, LIST)
        line.call_next()

    assert later.result().status_code == 200
