"""A generator of load in the open: requests leave when they are due, whatever became of those before them.

A generator that waits for an answer before it sends the next request asks a server that stalls for nothing until it is
well again, and reports that all was well (coordinated omission).  Here the times at which requests are due are drawn
before the first is sent, none is ever left out, and a request's latency is counted from when it was due, not from when
a connection was free to carry it.

It speaks just enough HTTP/1.1 for that: kept connections, one request on each at a time, bodies of a declared length.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._bodies import Body, bodies_of
from benchmarks._machine import core_seconds
from benchmarks._meter import Meter

Seconds = NDArray[np.float64]

UNANSWERED = 0
"""The status of a request that got no answer: none came in time, or the connection broke."""

_PERCENTILES = {"p50_ms": 50.0, "p90_ms": 90.0, "p99_ms": 99.0, "p999_ms": 99.9, "max_ms": 100.0}
_BREATH = 0.2
"""Seconds between the drawing of the schedule and its start."""


def schedule(rate: float, seconds: float, *, kind: str, seed: int) -> Seconds:
    """When requests are due, in seconds from the start: `kind` is `constant`, or `poisson` for random ones.

    Args:
        rate: Of requests, a second.
        seconds: How long; none is due at its end or later.
        kind: How they lie.
        seed: Of the random ones.
    """
    if kind == "constant":
        return np.arange(round(rate * seconds)) / rate
    random = np.random.default_rng(seed)
    # Enough of them nearly surely; what is missing in the rare other case is drawn on.
    due = np.cumsum(random.exponential(1 / rate, round(rate * seconds * 1.2) + 20))
    while due[-1] < seconds:
        due = np.append(due, due[-1] + np.cumsum(random.exponential(1 / rate, 100)))
    return due[due < seconds]


def percentiles(seconds: Seconds) -> dict[str, float | None]:
    """Middle, tail and worst in milliseconds, each that of a request there was; none where that was never answered."""
    if not len(seconds):
        return dict.fromkeys(_PERCENTILES)
    found = np.percentile(seconds, list(_PERCENTILES.values()), method="higher") * 1e3
    return {name: float(each) if np.isfinite(each) else None for name, each in zip(_PERCENTILES, found, strict=True)}


def most_waiting(due: Seconds, finished: Seconds) -> int:
    """The most requests that were due and unanswered at one time; what never ended is infinitely late."""
    moments = np.r_[due, finished[np.isfinite(finished)]]
    changes = np.r_[np.ones(len(due), int), -np.ones(int(np.isfinite(finished).sum()), int)]
    order = np.lexsort((changes, moments))  # at one moment, first those that end
    return int(np.cumsum(changes[order]).max(initial=0))


@dataclass(frozen=True)
class Offer:
    """What is sent to a server.

    Attributes:
        host: Where to.
        port: Where to.
        rate: Requests a second.
        seconds: How long they are counted.
        warm_seconds: How long before that they are sent without being counted.
        connections: How many are kept open.
        kind: How the times lie; see `schedule`.
        body: What each request holds.
        seed: Of times and bodies.
        patience: Seconds after the last was due at which the rest counts as unanswered.
        core: The core that the generator keeps to; any, if none is given.
        server_core: The one that the server keeps to, if it does.
        paths: What is asked for, the first most often, `{number}` filled in; without any, each request is a POST of a
            body.
    """

    host: str
    port: int
    rate: float
    seconds: float
    body: Body
    warm_seconds: float = 2.0
    connections: int = 64
    kind: str = "poisson"
    seed: int = 1
    patience: float = 10.0
    core: int | None = None
    server_core: int | None = None
    paths: Sequence[str] = ()


@dataclass
class Times:
    """When each request was due, sent and answered, in seconds from the start, and with which status."""

    due: Seconds
    sent: Seconds = field(init=False)
    finished: Seconds = field(init=False)
    status: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.sent = np.full(len(self.due), np.inf)
        self.finished = np.full(len(self.due), np.inf)
        self.status = np.full(len(self.due), UNANSWERED)

    @property
    def waited(self) -> Seconds:
        """Seconds from when each was due until it was answered."""
        return self.finished - self.due

    @property
    def served(self) -> Seconds:
        """Seconds from when each answered one was sent: what a generator that waits for answers would have reported."""
        answered = self.status != UNANSWERED
        return self.finished[answered] - self.sent[answered]

    def counted(self, since: float) -> Times:
        """Those that were due at a time or later."""
        kept = self.due >= since
        part = Times(self.due[kept])
        part.sent, part.finished, part.status = self.sent[kept], self.finished[kept], self.status[kept]
        return part


def offered(meter: Meter, *, offer: Mapping[str, Any], threads: int = 1) -> dict[str, Any]:
    """Send a schedule of requests to a server, from a process of its own.

    Returns:
        What `told` says, requests `acknowledged_in_all` and `unanswered_in_all` with those before it counted, the
        `generator_share` of its core that sending took, the `late_ms` by which requests left later than they could
        have, and for how long the server's core was busy meanwhile (`server_core_s`).
    """
    plan = Offer(**{**offer, "body": Body(**offer["body"])})
    if plan.core is not None:
        os.sched_setaffinity(0, {plan.core})
    due = schedule(plan.rate, plan.warm_seconds + plan.seconds, kind=plan.kind, seed=plan.seed)
    requests = _questions(plan, len(due)) if plan.paths else _posts(plan, len(due))
    sender = _Sender(plan, Times(due), requests)
    gc.collect()
    gc.disable()  # nobody is read while it looks for cycles, and it would be taken for the server's slowness
    before = core_seconds(plan.server_core)
    with meter.running():
        asyncio.run(sender.run())
    after = core_seconds(plan.server_core)
    gc.enable()
    found = told(sender.times.counted(plan.warm_seconds), per_request=plan.body.size, seconds=plan.seconds)
    return {
        **found,
        "acknowledged_in_all": int((sender.times.status // 100 == 2).sum()),
        "unanswered_in_all": int((sender.times.status == UNANSWERED).sum()),
        "generator_share": meter.cpu / meter.wall,
        "late_ms": percentiles(np.array(sender.late)),
        "server_core_s": None if before is None or after is None else after - before,
    }


def told(times: Times, *, per_request: int, seconds: float) -> dict[str, Any]:
    """What a run showed.

    Args:
        times: Of the requests that count.
        per_request: Events in each.
        seconds: In which they were due.
    """
    answered = times.status != UNANSWERED
    good = times.status // 100 == 2
    # Until the last answer: what was answered after the end of the schedule was not answered within it.
    began = float(times.due.min()) if len(times.due) else 0.0
    ended = max(float(times.finished[answered].max(initial=0.0)) - began, seconds)
    return {
        "offered_per_s": len(times.due) * per_request / seconds,
        "acknowledged_per_s": int(good.sum()) * per_request / ended,
        "requests": len(times.due),
        "statuses": {str(status): int(count) for status, count in sorted(Counter(times.status.tolist()).items())},
        "errors": int((~good).sum()),
        "ack": percentiles(times.waited),
        "from_sending": percentiles(times.served),
        "most_waiting": most_waiting(times.due, times.finished),
        "waited_by_status": waited_by_status(times),
        "by_second": by_second(times),
    }


def waited_by_status(times: Times) -> dict[str, dict[str, float | None]]:
    """How long was waited for each kind of answer."""
    kinds = sorted(set(times.status.tolist()) - {UNANSWERED})
    return {str(status): percentiles(times.waited[times.status == status]) for status in kinds}


def by_second(times: Times) -> list[dict[str, float | None]]:
    """What became of the requests that were due in each second of a run."""
    seconds = np.floor(times.due - times.due.min(initial=0.0)).astype(int)
    good = times.status // 100 == 2
    return [
        {
            "offered": int((seconds == each).sum()),
            "good": int((good & (seconds == each)).sum()),
            "p99_ms": percentiles(times.waited[good & (seconds == each)])["p99_ms"],
        }
        for each in range(int(seconds.max(initial=-1)) + 1)
    ]


def _posts(plan: Offer, count: int) -> list[bytes]:
    return [_request(plan, body) for body in bodies_of(plan.body, count, seed=plan.seed)]


def _questions(plan: Offer, count: int) -> list[bytes]:
    """So many GETs: the first paths by far the most often, as some users come more often than others.

    `{number}` becomes a number of its own for each request, so that no answer was given before.
    """
    known = [f"GET {path} HTTP/1.1\r\nhost: {plan.host}:{plan.port}\r\n\r\n".encode() for path in plan.paths]
    places = len(known) * np.random.default_rng(plan.seed).random(count) ** 3
    chosen = enumerate(places.astype(int).tolist())
    return [known[place].replace(b"{number}", b"%d" % number) for number, place in chosen]


def _request(plan: Offer, body: bytes) -> bytes:
    head = (
        f"POST {plan.body.path} HTTP/1.1\r\nhost: {plan.host}:{plan.port}\r\ncontent-type: {plan.body.media_type}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Sender:
    """Sends requests when they are due, over whichever connection is free; those that find none wait in line."""

    def __init__(self, plan: Offer, times: Times, requests: Sequence[bytes]) -> None:
        self.times, self.late = times, []  # type: tuple[Times, list[float]]
        self._plan, self._requests = plan, requests
        self._free: deque[_Connection] = deque()
        self._waiting: deque[int] = deque()
        self._left = len(requests)
        self._start = 0.0
        self._over = asyncio.Event()
        self._is_over = False
        self._open: set[_Connection] = set()

    async def run(self) -> None:
        for _ in range(self._plan.connections):
            await self.connect()
        self._start = time.perf_counter() + _BREATH
        for number, due in enumerate(self.times.due.tolist()):
            ahead = self._start + due - time.perf_counter()
            if ahead > 0:
                await asyncio.sleep(ahead)
            self._send_or_queue(number)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), self._plan.patience)
        self._is_over = True
        for connection in self._open:
            connection.close()
        await asyncio.sleep(0)  # in which they do

    async def connect(self) -> None:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: _Connection(self), self._plan.host, self._plan.port)
        self._open.add(connection)
        self.is_free(connection)

    def is_free(self, connection: _Connection) -> None:
        """Give a connection the request that has waited longest, if any does."""
        if self._waiting:
            self._send(connection, self._waiting.popleft())
        else:
            self._free.append(connection)

    def answered(self, number: int, status: int) -> None:
        # A connection that breaks at once answers nobody fast: what has no answer is never finished.
        if status != UNANSWERED:
            self.times.finished[number] = time.perf_counter() - self._start
        self.times.status[number] = status
        self._left -= 1
        if not self._left:
            self._over.set()

    def broke(self, connection: _Connection) -> None:
        """A connection ended: whatever it carried has no answer, and another takes its place."""
        if self._is_over:
            return
        self._open.discard(connection)
        if connection in self._free:
            self._free.remove(connection)
        if not self._over.is_set():
            asyncio.get_running_loop().create_task(self.connect())

    def _send_or_queue(self, number: int) -> None:
        if self._free:
            # What could be sent at once, and was sent late nevertheless, is late by the generator's own fault.
            self.late.append(max(0.0, time.perf_counter() - self._start - self.times.due[number]))
            self._send(self._free.popleft(), number)
        else:
            self._waiting.append(number)

    def _send(self, connection: _Connection, number: int) -> None:
        self.times.sent[number] = time.perf_counter() - self._start
        connection.send(self._requests[number], number)


class _Connection(asyncio.Protocol):
    def __init__(self, sender: _Sender) -> None:
        self._sender = sender
        self._carried: int | None = None
        self._received = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def send(self, request: bytes, number: int) -> None:
        self._carried, self._received = number, b""
        self._transport.write(request)

    def close(self) -> None:
        self._carried = None
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._received += data
        answer = status_of(self._received)
        if answer is not None and self._carried is not None:
            number, self._carried = self._carried, None
            self._sender.answered(number, answer)
            self._sender.is_free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._carried is not None:
            self._sender.answered(self._carried, UNANSWERED)
        self._sender.broke(self)


def status_of(received: bytes) -> int | None:
    """The status of an answer once all of it is there."""
    head, ended, body = received.partition(b"\r\n\r\n")
    if not ended:
        return None
    declared = next(_values(head.lower(), b"content-length"), b"0")
    return int(head[9:12]) if len(body) >= int(declared) else None


def _values(head: bytes, name: bytes) -> Iterator[bytes]:
    for line in head.split(b"\r\n")[1:]:
        found, _, value = line.partition(b":")
        if found == name:
            yield value.strip()
