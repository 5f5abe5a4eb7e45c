"""What the shortest way asks of the HTTP server: no more than every release has that we may be installed with."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.routing import APIRoute
from httptools import HttpRequestParser
from starlette.responses import JSONResponse
from uvicorn.protocols.http.flow_control import FlowControl

from tacit.adapters.memory import MemoryMetricSink
from tacit.entrypoints.api.callers import OPEN_DOOR, REFUSAL
from tacit.entrypoints.api.checkpoints import PRINCIPAL, Checkpoint, Scope
from tacit.entrypoints.api.event_window import EventWindow, PlainRequest
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.guards import guard_checkpoints
from tacit.errors import Unavailable
from tacit.security.addresses import networks_of
from tacit.security.credentials import credentials_invalid
from tacit.security.principals import LOCAL, NOBODY
from tests.guard_posts import PEER, Post

PATH = "/api/v1/events"
ROUTE = APIRoute(PATH, lambda: None, methods=["POST"], dependencies=[requires("events:write")])


class Transport:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        self.written += data

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Together:
    """Answers each request at once."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def take(self, body: bytes, told: Any, *, until: float, trace: Any) -> None:
        told(self.answer)


def connection(loop: asyncio.AbstractEventLoop, app: Any) -> Any:
    """One whose parser has just read the headers of an event."""
    own: Any = SimpleNamespace(
        app=app,
        cycle=None,
        loop=loop,
        tasks=set(),
        transport=Transport(),
        scope={"type": "http", "headers": []},
        server_state=SimpleNamespace(default_headers=[]),
        url=PATH.encode(),
        headers=[(b"host", b"tacit"), (b"content-type", b"application/json"), (b"content-length", b"2")],
        logger=logging.getLogger("test"),
        access_logger=logging.getLogger("test"),
        access_log=False,
        on_response_complete=lambda: None,
    )
    own.flow = FlowControl(own.transport)
    own.expect_100_continue = False
    own.parser = HttpRequestParser(own)
    own.parser.feed_data(f"POST {PATH} HTTP/1.1\r\nHost: tacit\r\nContent-Length: 2\r\n\r\n".encode())
    return own


def window(answer: Any, checkpoints: Sequence[Checkpoint] = OPEN_DOOR) -> EventWindow:
    return EventWindow(Together(answer), metrics=MemoryMetricSink(), route=ROUTE, checkpoints=checkpoints)  # type: ignore[arg-type]


def read(asked: PlainRequest | None) -> None:
    """Have it told, as the server does, that all of its body is there."""
    assert asked is not None
    asked.body += b"{}"
    asked.more_body = False
    asked.message_event.set()


def test_a_request_that_is_left_to_the_application_is_answered_by_it_with_what_was_read() -> None:
    bodies = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        bodies.append((scope["path"], (await receive())["body"]))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def left() -> bytes:
        own = connection(asyncio.get_running_loop(), app)
        own.cycle = window(None).asked(own)
        read(own.cycle)
        await asyncio.gather(*own.tasks)
        written: bytes = own.transport.written
        return written

    assert asyncio.run(left()).startswith(b"HTTP/1.1 204")
    assert bodies == [(PATH, b"{}")]


@pytest.mark.parametrize("is_reading", [True, False])
def test_whoever_does_not_read_the_answers_goes_the_way_on_which_they_are_waited_for(is_reading: bool) -> None:
    async def asked() -> PlainRequest | None:
        own = connection(asyncio.get_running_loop(), None)
        if not is_reading:
            own.flow.pause_writing()
        return window(Unavailable("overloaded", "Too much.")).asked(own)

    assert (asyncio.run(asked()) is not None) is is_reading


class Caller:
    """Stands where somebody finds out who asks: whoever is at this machine, or somebody with a bad key."""

    is_immediate = True

    def __init__(self, *, is_known: bool) -> None:
        self._is_known = is_known

    async def enter(self, scope: Scope) -> None:
        scope[PRINCIPAL] = LOCAL if self._is_known else NOBODY
        if not self._is_known:
            scope[REFUSAL] = credentials_invalid()

    def leave(self, scope: Scope, *, status: int, seconds: float) -> None:
        """Nothing is to be done."""


def answered(post: Post, count: int, *, is_known: bool) -> list[int]:
    """The statuses of some requests, each with an event, one after the other."""

    async def statuses() -> list[int]:
        first, last = guard_checkpoints(post.guards)
        own_window = window(JSONResponse({}, 202), [*first, Caller(is_known=is_known), *last])
        found = []
        for _ in range(count):
            own = connection(asyncio.get_running_loop(), None)
            own.scope["client"] = (PEER, 4_711)
            read(own_window.asked(own))
            found.append(int(own.transport.written.split()[1]))
        return found

    return asyncio.run(statuses())


@pytest.mark.parametrize(("access", "rows"), [("all", 1), ("personal", 0)])
def test_an_event_leaves_a_row_where_all_calls_do(access: str, rows: int) -> None:
    post = Post(access=access)

    assert answered(post, 1, is_known=True) == [202]
    assert [(each.kind, each.route, each.status, each.user_id) for each in post.accesses] == [
        ("event", PATH, 202, None)
    ] * rows
    assert all(len(each.body_digest) == 64 and len(each.request_id) == 32 for each in post.accesses)


def test_whoever_tries_keys_with_events_is_kept_out_like_anybody_who_tries_keys() -> None:
    post = Post(block_after=5)
    statuses = answered(post, 7, is_known=False)

    assert statuses == [401] * 5 + [403] * 2
    assert [each.decision for each in post.accesses] == ["refused"] * 5
    assert '"code":"credentials_invalid"' in post.accesses[0].facts


def test_events_come_from_anywhere_where_operators_ask_from_one_network() -> None:
    assert answered(Post(operators_from=networks_of(["192.0.2.0/24"])), 1, is_known=True) == [202]
