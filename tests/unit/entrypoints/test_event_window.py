"""What the shortest way asks of the HTTP server: no more than every release has that we may be installed with."""

from __future__ import annotations

import asyncio
import logging
import math
from types import SimpleNamespace
from typing import Any

import pytest
from httptools import HttpRequestParser
from uvicorn.protocols.http.flow_control import FlowControl

from tacit.adapters.memory import MemoryMetricSink
from tacit.entrypoints.api.callers import OPEN_DOOR
from tacit.entrypoints.api.event_window import EventWindow, PlainRequest
from tacit.entrypoints.api.guarding import Requires
from tacit.errors import Unavailable

PATH = "/api/v1/events"


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

    def take(self, body: bytes, told: Any, *, until: float = math.inf) -> None:
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
    own.parser = HttpRequestParser(own)
    own.parser.feed_data(f"POST {PATH} HTTP/1.1\r\nHost: tacit\r\nContent-Length: 2\r\n\r\n".encode())
    return own


def window(answer: Any) -> EventWindow:
    return EventWindow(
        Together(answer),  # type: ignore[arg-type]
        MemoryMetricSink(),
        path=PATH,
        guard=Requires("events:write"),
        checkpoints=OPEN_DOOR,
    )


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
