"""Events of requests that are followed: when they were appended to the log, and when they were applied."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

from tacit.data.applying import Steps
from tacit.data.events import Event, EventLog, LoggedEvent, Receipt
from tacit.data.ingestion import Applied
from tacit.monitoring.tracing import Place, places, step

_MOST_AWAITED = 1_000
"""Requests whose events are not applied yet; the oldest is no longer waited for."""


class Awaited:
    """Events of requests that are followed, until they are applied."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, tuple[Place, ...]]] = deque(maxlen=_MOST_AWAITED)

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, sequence: int, found: Sequence[Place]) -> None:
        """Wait for what is at a place of the log; that it is applied is a part of each whole request."""
        self._waiting.append((sequence, tuple([Place(each.trace, each.trace.span_id) for each in found])))

    def applied(self, upto: int, *, started_ns: int, ended_ns: int) -> None:
        """Say that the log was applied up to a place."""
        for _ in range(len(self._waiting)):
            sequence, found = self._waiting.popleft()
            if sequence > upto:
                self._waiting.append((sequence, found))
                continue
            for place in found:
                place.add("apply", started_ns, ended_ns)


class FollowedLog:
    """An `EventLog` that is followed.

    Args:
        log: It.
        awaited: Told of what is appended by requests that are followed.
    """

    def __init__(self, log: EventLog, awaited: Awaited) -> None:
        self._log, self._awaited = log, awaited

    def append(self, events: Sequence[Event], *, source: str = "api") -> Sequence[Receipt]:
        found = places()
        if not found:
            return self._log.append(events, source=source)
        with step("append to the log"):
            receipts = self._log.append(events, source=source)
        last = max((each.sequence for each in receipts if each.outcome == "stored"), default=0)
        if last:
            self._awaited.add(last, found)
        return receipts

    def read(self, after: int, *, limit: int) -> Sequence[LoggedEvent]:
        return self._log.read(after, limit=limit)

    @property
    def last_sequence(self) -> int:
        return self._log.last_sequence

    def prune(self, upto: int, *, before_ms: int) -> None:
        self._log.prune(upto, before_ms=before_ms)

    def close(self) -> None:
        self._log.close()


class FollowedSteps:
    """The `Steps` of a follower, timed where events of a request that is followed are among them.

    Args:
        steps: They.
        awaited: Knows whose events wait.
        offset: Tells up to which place the log is applied.
    """

    def __init__(self, steps: Steps, awaited: Awaited, offset: Callable[[], int]) -> None:
        self._steps, self._awaited, self._offset = steps, awaited, offset

    def step(self) -> Applied:
        return self._timed(self._steps.step)

    def catch_up(self, deadline: float) -> Applied:
        return self._timed(lambda: self._steps.catch_up(deadline))

    def _timed(self, apply: Callable[[], Applied]) -> Applied:
        started_ns = time.time_ns()
        applied = apply()
        if self._awaited and applied.read:
            self._awaited.applied(self._offset(), started_ns=started_ns, ended_ns=time.time_ns())
        return applied
