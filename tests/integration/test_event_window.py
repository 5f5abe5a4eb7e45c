"""The shortest way in for single events: what HTTP allows on a connection, and the same answers as on the long way."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tacit.entrypoints.api.event_window import plain_request_id
from tacit.monitoring import metrics as catalogue
from tests.integration.test_http_events import PATH, Platform, platform, play
from tests.stages import wait_until

LONG_WAY = {"Content-Type": "application/json; charset=utf-8"}
"""Says the same as what is sent otherwise, in more words than the short way reads."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with platform(tmp_path_factory.mktemp("home")) as running:
        yield running


@contextmanager
def connected(running: Platform) -> Iterator[socket.socket]:
    address = running.client.base_url
    with socket.create_connection((address.host, address.port), timeout=10) as connection:
        yield connection


def request(body: object, *headers: str, path: str = PATH) -> bytes:
    content = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: tacit", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, f"Content-Length: {len(content)}", "", ""]).encode() + content


def answers(connection: socket.socket, count: int) -> list[tuple[int, dict[str, str], Any]]:
    """So many answers, each with its status, headers and body."""
    found = []
    with connection.makefile("rb") as stream:
        for _ in range(count):
            status = int(stream.readline().split()[1])
            pairs = (line.decode().strip().partition(": ") for line in iter(stream.readline, b"\r\n"))
            headers = {name.lower(): value for name, _, value in pairs}
            found.append((status, headers, json.loads(stream.read(int(headers["content-length"])))))
    return found


def answered(running: Platform, status: int) -> float:
    return running.parts.metrics.value(catalogue.HTTP_REQUESTS, method="POST", route=PATH, status=str(status))


@pytest.mark.parametrize(
    "body",
    [
        {"event_id": "again"},
        {"event_id": "wrong", "value": -1},
        {"event_id": None},
        {"event_id": 'odd "quoted" \\ é\u2028'},
        {"event_id": "strange", "colour": "red"},
        {"event_id": "unknown", "type": "plya"},
    ],
)
def test_both_ways_give_the_same_answer_to_the_same_event(running: Platform, body: dict[str, Any]) -> None:
    event = play(**body) | {"user_id": "ann"}
    running.client.post(PATH, json=event)  # whatever becomes of it, the two that follow find it alike

    short = running.client.post(PATH, json=event, headers={"X-Request-Id": "abc"})
    long = running.client.post(PATH, content=json.dumps(event), headers={**LONG_WAY, "X-Request-Id": "abc"})

    assert (short.status_code, short.json()) == (long.status_code, long.json())
    assert {**short.headers, "date": ""} == {**long.headers, "date": ""}


def test_a_batch_a_broken_body_and_an_event_take_their_turns_on_one_connection(running: Platform) -> None:
    sent = [request(play()), request([play(), play()]), request("play"), request({"events": []}), request(play())]
    with connected(running) as connection:
        connection.sendall(b"".join(sent))
        found = answers(connection, len(sent))

    assert [status for status, _, _ in found] == [202, 202, 422, 422, 202]
    assert [len(body.get("results", ())) for _, _, body in found] == [1, 2, 0, 0, 1]


def test_a_request_that_comes_in_pieces_is_answered_once_it_is_whole(running: Platform) -> None:
    sent = request(play())
    with connected(running) as connection:
        for start in range(0, len(sent), 40):
            connection.sendall(sent[start : start + 40])
        [(status, headers, body)] = answers(connection, 1)

    assert (status, body["stored"], headers["x-content-type-options"]) == (202, 1, "nosniff")
    assert len(headers["x-request-id"]) == 32


def test_whoever_asks_for_the_end_of_the_connection_gets_it(running: Platform) -> None:
    with connected(running) as connection:
        connection.sendall(request(play(), "Connection: close"))
        [(status, headers, _)] = answers(connection, 1)

        assert (status, headers["connection"]) == (202, "close")
        assert connection.recv(1) == b""


def test_a_sender_that_leaves_in_the_middle_of_an_event_is_counted_and_nothing_is_stored(running: Platform) -> None:
    event, before = play(), answered(running, 499)
    with connected(running) as connection:
        connection.sendall(request(event)[:-5])

    wait_until(lambda: answered(running, 499) == before + 1)
    assert running.client.post(PATH, json=event).status_code == 202


def test_a_sender_that_leaves_before_the_answer_has_its_event_stored_all_the_same(running: Platform) -> None:
    event = play()
    with connected(running) as connection:
        connection.sendall(request(event))

    wait_until(lambda: running.client.post(PATH, json=event).status_code == 200)


def test_events_on_their_way_when_the_server_stops_are_answered(tmp_path_factory: pytest.TempPathFactory) -> None:
    statuses: list[int] = []
    with platform(tmp_path_factory.mktemp("home")) as running:
        is_sending = threading.Event()

        def send() -> None:
            with connected(running) as connection:
                while True:
                    connection.sendall(request(play()))
                    [(status, headers, _)] = answers(connection, 1)
                    statuses.append(status)
                    is_sending.set()
                    if headers.get("connection") == "close":
                        return

        sending = threading.Thread(target=send)
        sending.start()
        assert is_sending.wait(10)
    sending.join(10)

    assert not sending.is_alive()
    assert set(statuses) == {202}


PLAIN = [(b"host", b"tacit:80"), (b"content-type", b"application/json"), (b"content-length", b"80")]


@pytest.mark.parametrize(
    "headers",
    [
        [*PLAIN, (b"expect", b"100-continue")],
        [*PLAIN, (b"content-encoding", b"gzip")],
        [*PLAIN, (b"transfer-encoding", b"chunked")],
        [*PLAIN, (b"upgrade", b"h2c")],
        [*PLAIN, (b"host", b"tacit")],
        [*PLAIN, (b"content-length", b"80")],
        [*PLAIN, (b"cookie", b"x" * 70_000)],
        PLAIN[1:],
        PLAIN[:-1],
        [*PLAIN[:-1], (b"content-length", b"4097")],
        [*PLAIN[:-1], (b"content-length", b"0")],
        [*PLAIN[:-1], (b"content-length", b"+1")],
        [(b"host", b"a/b"), *PLAIN[1:]],
        [PLAIN[0], (b"content-type", b"application/x-ndjson"), PLAIN[2]],
    ],
)
def test_a_request_that_asks_for_more_goes_the_long_way(headers: list[tuple[bytes, bytes]]) -> None:
    assert plain_request_id(PLAIN) is not None
    assert plain_request_id(headers) is None


def test_a_request_keeps_the_id_it_came_with_if_that_is_a_safe_one() -> None:
    assert plain_request_id([*PLAIN, (b"x-request-id", b"a.b-1"), (b"accept", b"*/*")]) == "a.b-1"
    assert plain_request_id([*PLAIN, (b"x-request-id", b"a b")]) not in (None, "a b")
