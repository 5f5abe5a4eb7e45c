"""Deadlines, pools, admission and slow senders over real connections; events pass the same checkpoints."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from tacit.bootstrap import Serving, build, load_settings, serving
from tacit.entrypoints.api.app import create_app
from tacit.entrypoints.api.callers import OPEN_DOOR
from tacit.entrypoints.api.checkpoints import HEADERS, PRINCIPAL, Scope
from tacit.entrypoints.api.gatehouse import checkpoints_of
from tacit.entrypoints.api.guarding import requires
from tacit.errors import Unauthenticated
from tacit.monitoring import metrics as catalogue
from tacit.monitoring import overload_metrics
from tacit.security.principals import LOCAL
from tests.attempts import ATTEMPTS
from tests.integration.test_http_events import PATH, play
from tests.stages import listening, wait_until

HARD_SECONDS = 0.4
SETTINGS = {
    "serving.unknown_user": "popular",
    "events.unknown_items": "accept",
    "als.engine": "numpy",
    "overload.soft_ms": 100,
    "overload.hard_ms": int(HARD_SECONDS * 1_000),
    "overload.least_at_once": 2,
    "overload.most_at_once": 2,
    "overload.queue_ms": 10,
    "overload.operator_threads": 1,
    "overload.head_seconds": 0.5,
    "overload.body_idle_seconds": 0.5,
}
SLOW_BODY = (
    b"POST /api/v1/recommendations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: 9\r\n\r\n{"
)
NOISE = 0.35
"""What a busy machine may add to any of these times."""


class Guard:
    """Refuses who says that they are nobody, and remembers who came and went."""

    is_immediate = True

    def __init__(self) -> None:
        self.entered: list[str] = []
        self.left: list[int] = []

    async def enter(self, scope: Scope) -> None:
        if any(name == b"x-nobody" for name, _ in scope["headers"]):
            raise Unauthenticated("credentials_missing", "Say who you are.")
        scope[PRINCIPAL] = LOCAL
        scope[HEADERS] = {"X-Seen": scope["raw_path"].decode()}
        self.entered.append(scope["raw_path"].decode())

    def leave(self, scope: Scope, *, status: int, seconds: float) -> None:
        self.left.append(status)


@dataclass
class Running:
    client: httpx2.Client
    parts: Serving
    guard: Guard
    release: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def stuck(self, path: str, requests: int) -> Iterator[None]:
        """So many requests that hang until this is left."""
        self.release.clear()
        with ThreadPoolExecutor(requests) as callers:
            for _ in range(requests):
                callers.submit(httpx2.get, f"{self.client.base_url}{path}", timeout=10)
            try:
                yield
            finally:
                self.release.set()

    def measured(self, metric: Any, **labels: str) -> float:
        return self.parts.metrics.value(metric, **labels)


def hanging(release: threading.Event) -> APIRouter:
    routes = APIRouter(prefix="/api/v1", dependencies=[requires("lists:read")])

    @routes.get("/stuck")
    @routes.get("/charts/stuck")
    def stuck() -> Response:
        release.wait(5)
        return JSONResponse({})

    @routes.get("/charts/quick")
    def quick() -> Response:
        return JSONResponse({})

    return routes


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home, release, guard = tmp_path_factory.mktemp("home"), threading.Event(), Guard()
    with build(load_settings(flags={"home": home, **SETTINGS}, environ={})) as app, serving(app) as parts:
        api = create_app(
            parts.service,
            parts.pool,
            parts.metrics,
            version="0",
            intake=parts.intake,
            extra_routers=[hanging(release)],
            checkpoints=[*checkpoints_of(app, parts, OPEN_DOOR[0]), guard],
        )
        with listening(api) as client:
            yield Running(client, parts, guard, release)


@contextmanager
def connected(running: Running) -> Iterator[socket.socket]:
    address = running.client.base_url
    with socket.create_connection((address.host, address.port), timeout=10) as connection:
        yield connection


def answer(connection: socket.socket) -> tuple[int, dict[str, str], Any]:
    """The next answer on a connection."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65_536)
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    while len(body) < int(headers["content-length"]):
        body += connection.recv(65_536)
    return int(lines[0].split()[1]), headers, json.loads(body)


@pytest.mark.requirement("SERV-032")
def test_a_request_that_hangs_is_answered_at_its_deadline_or_at_an_earlier_one_of_its_sender(running: Running) -> None:
    running.release.clear()
    began = time.monotonic()
    late = running.client.get("/api/v1/charts/stuck")
    between = time.monotonic()
    sooner = running.client.get("/api/v1/charts/stuck", headers={"X-Request-Deadline-Ms": "50"})
    ended = time.monotonic()
    running.release.set()

    assert (late.status_code, late.json()["code"]) == (503, "deadline_exceeded")
    assert (sooner.status_code, sooner.json()["code"]) == (503, "deadline_exceeded")
    assert HARD_SECONDS <= between - began < HARD_SECONDS + NOISE
    assert ended - between < 0.05 + NOISE
    assert late.headers["retry-after"] == "1"
    assert running.measured(overload_metrics.DEADLINES_MISSED, priority="others") == 2


def test_operators_who_are_all_stuck_are_in_nobody_elses_way(running: Running) -> None:
    with running.stuck("/api/v1/stuck", 2):
        wait_until(lambda: running.measured(overload_metrics.AT_WORK, pool="operators") == 2)
        assert running.client.get("/api/v1/charts/quick").status_code == 200
        refused = running.client.get("/api/v1/stuck")
        assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    wait_until(lambda: running.measured(overload_metrics.AT_WORK, pool="operators") == 0)


@pytest.mark.requirement("SERV-029")
def test_whoever_is_turned_away_hears_it_at_once_and_keeps_their_connection(running: Running) -> None:
    with running.stuck("/api/v1/charts/stuck", 1), running.stuck("/api/v1/charts/stuck?", 1):
        wait_until(lambda: running.measured(overload_metrics.AT_WORK, pool="answers") >= 1)
        others = "/api/v1/charts/quick"
        wait_until(lambda: running.client.get(others).status_code == 503)
        with connected(running) as connection:
            for number in range(3):
                asked = f"GET {others} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Request-Id: mine-{number}\r\n\r\n"
                connection.sendall(asked.encode())
                status, headers, problem = answer(connection)
                assert (status, problem["code"], problem["request_id"]) == (503, "overloaded", f"mine-{number}")
                assert headers["x-request-id"] == f"mine-{number}"
                assert headers["retry-after"] in ("1", "2")
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert answer(connection)[0] == 200
        shed = {"method": "OTHER", "route": "(none)", "status": "503"}
        # The first of them wait in line for a moment; once that is of no use, they are refused at their head.
        wait_until(
            lambda: (
                running.client.get(others).status_code == 503 and running.measured(catalogue.HTTP_REQUESTS, **shed) >= 3
            )
        )
    wait_until(lambda: running.client.get("/api/v1/charts/quick").status_code == 200)


def test_an_event_passes_the_checkpoints_on_the_short_way_as_on_the_long_one(running: Running) -> None:
    guard = running.guard
    for _ in range(ATTEMPTS):  # a flush of the disk may take longer than the deadline here
        guard.entered.clear()
        guard.left.clear()
        short = running.client.post(PATH, json=play())
        long = running.client.post(PATH, json=play(), headers={"Content-Type": "application/json; charset=utf-8"})
        batch = running.client.post(PATH, json=[play(), play()])
        if guard.left == [202] * 3:
            break

    assert [each.status_code for each in (short, long, batch)] == [202, 202, 202]
    assert {each.headers["x-seen"] for each in (short, long, batch)} == {PATH}
    assert guard.entered == [PATH] * 3  # also that which went from one way to the other
    assert guard.left == [202] * 3
    assert running.measured(overload_metrics.AT_WORK, pool="vital") == 0


def test_an_event_is_refused_on_the_short_way_in_the_same_words_and_the_next_is_taken(running: Running) -> None:
    nobody = {"X-Nobody": "1", "X-Request-Id": "mine"}
    short = running.client.post(PATH, json=play(), headers=nobody)
    long = running.client.post(PATH, json=play(), headers={**nobody, "Content-Type": "application/json; charset=utf-8"})
    assert (short.status_code, short.json()) == (long.status_code, long.json())
    assert short.status_code == 401
    assert {**short.headers, "date": ""} == {**long.headers, "date": ""}
    assert running.client.post(PATH, json=play()).status_code == 202
    assert running.measured(overload_metrics.AT_WORK, pool="vital") == 0


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"GET /livez HTTP/1.1\r\nHost: ta", "head"),
        (SLOW_BODY, "body"),
    ],
)
def test_who_sends_too_slowly_is_told_and_hung_up_on(running: Running, sent: bytes, reason: str) -> None:
    before = running.measured(overload_metrics.SLOW_CONNECTIONS, reason=reason)
    with connected(running) as connection:
        connection.sendall(sent)
        status, headers, problem = answer(connection)
        assert (status, problem["code"], headers["connection"]) == (408, "request_too_slow", "close")
        assert connection.recv(1) == b""
    assert running.measured(overload_metrics.SLOW_CONNECTIONS, reason=reason) == before + 1
    assert running.measured(overload_metrics.AT_WORK, pool="answers") == 0


def test_a_sender_that_leaves_is_counted_and_gives_its_room_back(running: Running) -> None:
    before = running.measured(overload_metrics.CLIENTS_LEFT)
    running.release.clear()
    with connected(running) as connection:
        connection.sendall(b"GET /api/v1/charts/stuck HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        wait_until(lambda: running.measured(overload_metrics.AT_WORK, pool="answers") == 1)
    wait_until(lambda: running.measured(overload_metrics.CLIENTS_LEFT) == before + 1)
    running.release.set()
    wait_until(lambda: running.measured(overload_metrics.AT_WORK, pool="answers") == 0)
