"""Where a request's time goes, for the few that are followed: which those are, and the spans of each.

Whoever does a step that has a name says so with `step`; for a request that nobody follows that costs a look at a
variable.  Nothing here knows who collects spans.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol

Fact = str | int | float | bool

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_SAMPLED = 1
_NOT_FOLLOWED = nullcontext()


@dataclass(frozen=True, slots=True)
class Span:
    """A request, or one step of it, once it is over.

    Attributes:
        name: What was done.
        trace_id: Names the trace: 32 hexadecimal digits.
        span_id: Names the span: 16.
        parent_id: The span that it is part of; `None` where nothing that we were told of is around it.
        started_ns: When it began, in nanoseconds since 1970, UTC.
        ended_ns: When it ended.
        facts: What else is known of it; never whom it was about.
        is_request: Whether it is a whole request, as it came in.
        is_failed: Whether it came to grief.
    """

    name: str
    trace_id: str
    span_id: str
    parent_id: str | None
    started_ns: int
    ended_ns: int
    facts: Mapping[str, Fact] = field(default_factory=dict)
    is_request: bool = False
    is_failed: bool = False


class SpanSink(Protocol):
    """Where spans go."""

    def give(self, spans: Sequence[Span]) -> None:
        """Take some; never waits, and gives up on what it has no room for."""
        ...


@dataclass(frozen=True, slots=True)
class Parent:
    """What a caller says of the trace that its request is part of, as W3C Trace Context has it."""

    trace_id: str
    span_id: str
    is_sampled: bool


def parent_of(traceparent: str) -> Parent | None:
    """The parent that a header `traceparent` names; `None` if it says nothing that can be understood."""
    match = _PARENT.fullmatch(traceparent)
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == "ff" or (version == "00" and more) or not (trace_id.strip("0") and span_id.strip("0")):
        return None
    return Parent(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))


class Trace:
    """A request that is followed, as long as it lasts.

    Args:
        sink: Where its spans go, all together once it is over.
        parent: What its caller said.

    Attributes:
        trace_id: Names the trace.
        span_id: Names the request's own span.
    """

    __slots__ = ("_lock", "_parent", "_sink", "_spans", "_started_ns", "span_id", "trace_id")

    def __init__(self, sink: SpanSink, parent: Parent | None = None) -> None:
        self._sink, self._parent = sink, parent
        self.trace_id = _new_id(128) if parent is None else parent.trace_id
        self.span_id = _new_id(64)
        self._lock = threading.Lock()
        self._spans: list[Span] | None = []
        self._started_ns = time.time_ns()

    def add(self, span: Span) -> None:
        """Take a step of it; one that ends later than the request goes its way alone."""
        with self._lock:
            if self._spans is not None:
                self._spans.append(span)
                return
        self._sink.give([span])

    def end(
        self,
        name: str,
        facts: Mapping[str, Fact],
        *,
        seconds: float | None = None,
        is_failed: bool = False,
    ) -> None:
        """The request is over.

        Args:
            name: What it was.
            facts: What else is known of it.
            seconds: How long it took, where that is more than has passed since it was found out to be followed.
            is_failed: Whether it is our fault that it came to nothing.
        """
        ended_ns = time.time_ns()
        started_ns = self._started_ns if seconds is None else min(self._started_ns, ended_ns - int(seconds * 1e9))
        parent_id = None if self._parent is None else self._parent.span_id
        own = Span(name, self.trace_id, self.span_id, parent_id, started_ns, ended_ns, facts, True, is_failed)
        with self._lock:
            steps, self._spans = self._spans or [], None
        self._sink.give([own, *steps])


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a trace something is done."""

    trace: Trace
    span_id: str

    def add(self, name: str, started_ns: int, ended_ns: int, *, span_id: str = "", is_failed: bool = False) -> None:
        """Add a step that is over."""
        trace, own = self.trace, span_id or _new_id(64)
        trace.add(Span(name, trace.trace_id, own, self.span_id, started_ns, ended_ns, is_failed=is_failed))


_places: ContextVar[tuple[Place, ...]] = ContextVar("tacit_places", default=())


def places() -> tuple[Place, ...]:
    """Where what is done now is followed: nowhere mostly, in several traces where several requests share the work."""
    return _places.get()


def step(name: str) -> AbstractContextManager[object]:
    """Say that a step is done meanwhile."""
    found = _places.get()
    return _Step(name, found) if found else _NOT_FOLLOWED


@contextmanager
def following(traces: Sequence[Trace]) -> Iterator[None]:
    """Have the steps that are done meanwhile, also in threads that are given this context, be those of some traces."""
    token = _places.set(tuple([Place(each, each.span_id) for each in traces]))
    try:
        yield
    finally:
        _places.reset(token)


class _Step:
    __slots__ = ("_ids", "_name", "_places", "_started_ns", "_token")

    def __init__(self, name: str, found: tuple[Place, ...]) -> None:
        self._name, self._places = name, found

    def __enter__(self) -> None:
        self._ids = [_new_id(64) for _ in self._places]
        within = zip(self._places, self._ids, strict=True)
        self._token = _places.set(tuple([Place(place.trace, own) for place, own in within]))
        self._started_ns = time.time_ns()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        ended_ns = time.time_ns()
        _places.reset(self._token)
        for place, own in zip(self._places, self._ids, strict=True):
            place.add(self._name, self._started_ns, ended_ns, span_id=own, is_failed=kind is not None)


class Tracer:
    """Decides which requests are followed.

    A caller that follows a request itself is joined, so that its trace goes on here; but only so often, since whoever
    may ask anything could otherwise have everything followed.  A caller that says that it does not is believed as well.

    Args:
        sink: Where spans go.
        share: Which share of the others is followed.
        joined_per_second: How many are joined each second; what is beyond that is left to chance.
        chance: Gives a number from 0 up to 1.
        clock: Passing time in seconds.
    """

    def __init__(
        self,
        sink: SpanSink,
        *,
        share: float,
        joined_per_second: float,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sink, self._share, self._chance = sink, share, chance
        self._rate, self._clock = joined_per_second, clock
        self._most = max(1.0, joined_per_second) if joined_per_second else 0.0
        self._left, self._at = self._most, clock()
        self._lock = threading.Lock()

    def begin(self, traceparent: str | None = None) -> Trace | None:
        """The trace of a request that has come, if it is followed.

        Args:
            traceparent: What the request says of a trace that it is part of.
        """
        parent = None if traceparent is None else parent_of(traceparent)
        if parent is not None:
            if not parent.is_sampled:
                return None
            if self._may_join():
                return Trace(self._sink, parent)
        return Trace(self._sink, parent) if self._chance() < self._share else None

    def _may_join(self) -> bool:
        with self._lock:
            now = self._clock()
            self._left = min(self._most, self._left + (now - self._at) * self._rate)
            self._at = now
            if self._left < 1:
                return False
            self._left -= 1
            return True


def _new_id(bits: int) -> str:
    # Chance is enough: an id opens nothing.  The one that names nothing is as good as impossible, and made odd anyway.
    return f"{random.getrandbits(bits) | 1:0{bits // 4}x}"
