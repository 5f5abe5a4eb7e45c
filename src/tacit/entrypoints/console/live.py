"""Pages that go on telling: bounded streams of server-sent events, each ended when the server leaves.

A stream is made of *sources*.  Each is asked every two seconds, in a thread of the streams' own, and answers with what
is new.  A stream lives for five minutes at most: a browser comes back by itself, is asked again who it is, and says by
`Last-Event-ID` what it had.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from fastapi import Request, Response
from starlette.types import Message, Receive, Scope, Send

from tacit.bootstrap.overload import keeping_to
from tacit.entrypoints.api.callers import principal_of
from tacit.entrypoints.api.pools import Pool
from tacit.errors import TacitError, Unavailable
from tacit.serving.budgets import Budget, spending

log = structlog.get_logger(__name__)

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass(frozen=True)
class Told:
    """One event of a stream.

    Attributes:
        event: `part` (a fragment of the page), `figures` (points of charts), `log`, `trouble`.
        facts: What it says.
        name: The `Last-Event-ID` of whoever has heard it; only one source of a stream names its events.
    """

    event: str
    facts: object
    name: str | None = None

    def raw(self) -> bytes:
        named = "" if self.name is None else f"id: {self.name}\n"
        # JSON has no line breaks of its own, so that one line holds it.
        return f"event: {self.event}\n{named}data: {json.dumps(self.facts, separators=(',', ':'))}\n\n".encode()


Source = Callable[[str], Sequence[Told]]
"""Tells what is new to somebody whose last named event was this one; asked in a thread, once at a time."""


@dataclass
class Part:
    """A source: a fragment of the page by the id of its element, sent again whenever it reads otherwise.

    Attributes:
        element_id: The element whose place it takes.
        render: Renders the whole element.
    """

    element_id: str
    render: Callable[[], str]
    _last: str = ""

    def __call__(self, last: str) -> Sequence[Told]:
        text = self.render()
        if text == self._last:
            return ()
        self._last = text
        return [Told("part", {"id": self.element_id, "html": text})]


@dataclass(frozen=True)
class StreamRules:
    """What streams may cost.

    Attributes:
        most: Open at once.
        of_one: Open at once for one caller.
        every: Seconds between two looks.
        beat: Seconds after which silence is broken, so that nobody between us takes it for dead.
        longest: Seconds that one lives.
    """

    most: int = 48
    of_one: int = 12
    every: float = 2.0
    beat: float = 15.0
    longest: float = 300.0


@dataclass
class Streams:
    """All streams of a process."""

    rules: StreamRules = field(default_factory=StreamRules)

    def __post_init__(self) -> None:
        self._open: dict[str, int] = {}
        self._lock = threading.Lock()
        self._pool = Pool("streams", threads=4, bound=4 * self.rules.most, keeping=keeping_to)

    @property
    def count(self) -> int:
        """How many are open."""
        return sum(self._open.values())

    def stream(self, request: Request, *sources: Source) -> Response:
        """An answer that goes on telling.

        Raises:
            Unavailable: `streams_full`.
        """
        whose = principal_of(request).name
        with self._lock:
            if self.count >= self.rules.most or self._open.get(whose, 0) >= self.rules.of_one:
                raise _full()
        return _Stream(self, request, sources, whose=whose)

    @contextmanager
    def place(self, whose: str) -> Iterator[None]:
        """Hold a place for as long as this is entered."""
        with self._lock:
            self._open[whose] = self._open.get(whose, 0) + 1
        try:
            yield
        finally:
            with self._lock:
                self._open[whose] -= 1
                if not self._open[whose]:
                    del self._open[whose]

    async def read(self, source: Source, last: str) -> Sequence[Told]:
        """What a source has to tell; where it fails, that."""
        try:
            with spending(Budget(until=time.monotonic() + 5.0)):
                found: Sequence[Told] = await self._pool.run(source, last)
        except TacitError as error:
            return [Told("trouble", {"detail": error.detail})]
        except Exception:
            log.exception("stream_failed")
            return [Told("trouble", {"detail": "What is shown here could not be read anew."})]
        return found


class _Stream(Response):
    """One of them, as an answer."""

    media_type = "text/event-stream"

    def __init__(self, streams: Streams, request: Request, sources: Sequence[Source], *, whose: str) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._streams, self._sources, self._whose = streams, sources, whose
        self._last = request.headers.get("last-event-id", "")[:200]
        self._state = request.app.state
        self._beaten_at = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(_left(receive))
        try:
            with self._streams.place(self._whose):
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                await self._send(send, b"retry: 2000\n\n")
                await self._tell(send, gone)
            if not gone.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()

    async def _tell(self, send: Send, gone: asyncio.Future[None]) -> None:
        rules = self._streams.rules
        until = time.monotonic() + rules.longest
        while time.monotonic() < until and not self._is_over(gone):
            for source in self._sources:
                for told in await self._streams.read(source, self._last):
                    self._last = told.name or self._last
                    await self._send(send, told.raw())
            if time.monotonic() - self._beaten_at >= rules.beat:
                await self._send(send, b": still here\n\n")
            await self._rest(gone, rules.every)

    async def _rest(self, gone: asyncio.Future[None], seconds: float) -> None:
        """Wait until the next look; less where there is to be none."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._is_over(gone):
            await asyncio.wait({gone}, timeout=min(0.2, max(0.01, until - time.monotonic())))

    def _is_over(self, gone: asyncio.Future[None]) -> bool:
        return gone.done() or bool(getattr(self._state, "is_leaving", False))

    async def _send(self, send: Send, body: bytes) -> None:
        self._beaten_at = time.monotonic()
        message: Message = {"type": "http.response.body", "body": body, "more_body": True}
        await send(message)


async def _left(receive: Receive) -> None:
    """Until whoever asked has left: after the end of a request nothing comes but that."""
    if (await receive())["type"] != "http.disconnect":
        await receive()


def _full() -> Unavailable:
    error = Unavailable(
        "streams_full",
        "As many pages are followed live as may be.",
        fix="Close pages of the console that nobody looks at; this one shows what was so when it was loaded.",
    )
    error.retry_after = 30.0
    return error
