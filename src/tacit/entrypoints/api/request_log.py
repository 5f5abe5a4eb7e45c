"""One line in the log for each request, as it is written most of all.

Every field of it is ours, or was looked at before (`door.request_id_of`): nothing is left to redact but what a sender
called the request, and the line is spelled as the log's own renderer would.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import structlog

from tacit.security.redaction import hidden_text

log = structlog.get_logger(__name__)

_OWN = 32
"""Characters of the names that we give; nothing that long without a break in it can be a secret in a form we know."""

Answered = tuple[float, str, str | None]
"""Seconds, name and trace of a request that was answered."""
Write = Callable[[Collection[str]], object]


@dataclass
class _Sink:
    write: Write | None = None


_sink = _Sink()


def write_to(write: Write | None) -> None:
    """Have lines written there, as JSON; `None` has them go the way of every other event.

    Args:
        write: Given some lines at a time, made as they are gone through: best by a thread that nobody waits for.
    """
    _sink.write = write


def note(
    *,
    method: str,
    route: str,
    status: int,
    code: str | None,
    seconds: float,
    request_id: str,
    trace_id: str | None = None,
) -> None:
    """Log a request that was answered.

    Args:
        method: One of HTTP's own.
        route: The route's template, not the path: who asked what about whom is not for the log.
        status: Of the answer.
        code: Of our error, if it was one.
        seconds: From the request's arrival.
        request_id: Its name.
        trace_id: Of the trace that it is part of, if it is traced.
    """
    note_all([(seconds, request_id, trace_id)], method=method, route=route, status=status, code=code)


def note_all(answered: Sequence[Answered], *, method: str, route: str, status: int, code: str | None = None) -> None:
    """Log requests that differ in nothing but their seconds, name and trace; what is given must not change later."""
    if _sink.write is None:
        _note_as_any(answered, method=method, route=route, status=status, code=code)
    else:
        _sink.write(_Lines(answered, (method, route, status, code), time.time_ns()))


@dataclass(frozen=True, slots=True)
class _Lines:
    """Lines of requests that were answered together, each made only when it is written."""

    answered: Sequence[Answered]
    said: tuple[str, str, int, str | None]
    at_ns: int

    def __len__(self) -> int:
        return len(self.answered)

    def __iter__(self) -> Iterator[str]:
        begins, ends = _constant(self.said), f'"level": "info", "timestamp": "{_moment(self.at_ns)}"}}\n'
        for seconds, request_id, trace_id in self.answered:
            yield (
                f'{{{begins}, "milliseconds": {round(seconds * 1_000, 2)}, "event": "request_answered", '
                f'"request_id": "{_shown(request_id)}", {"" if trace_id is None else _traced(trace_id)}{ends}'
            )

    def __contains__(self, line: object) -> bool:
        return any(each == line for each in self)


def _note_as_any(answered: Iterable[Answered], **said: object) -> None:
    """The same, as any other event is logged."""
    for seconds, request_id, trace_id in answered:
        traced = {} if trace_id is None else {"trace_id": trace_id}
        milliseconds = round(seconds * 1_000, 2)
        log.info("request_answered", **said, milliseconds=milliseconds, request_id=request_id, **traced)


def _shown(request_id: str) -> str:
    return request_id if len(request_id) == _OWN and request_id.isalnum() else hidden_text(request_id)


def _traced(trace_id: str) -> str:
    return f'"trace_id": "{trace_id}", '


@lru_cache(maxsize=4_096)
def _constant(said: tuple[str, str, int, str | None]) -> str:
    """What many lines begin with."""
    return json.dumps(dict(zip(("method", "route", "status", "code"), said, strict=True)))[1:-1]


def _moment(at_ns: int) -> str:
    seconds, nanoseconds = divmod(at_ns, 1_000_000_000)
    return f"{_second(seconds)}.{nanoseconds // 1_000:06d}Z"


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
