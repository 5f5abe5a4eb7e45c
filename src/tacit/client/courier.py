"""What becomes of events between a caller and the platform: gathered, bounded, tried again, accounted for.

No I/O, no thread and no lock here: a thread, or a task, asks what to send next and says what came of it.
"""

from __future__ import annotations

import random as chance
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from tacit.client import answers
from tacit.client.answers import Reply
from tacit.client.lines import MAX_BODY_BYTES, line_of
from tacit.client.options import DeliveryRules, Random, RetryRules
from tacit.client.values import Event, Fate, Report, Undelivered
from tacit.errors import Refused, TacitError, Unavailable

_FATES = frozenset(get_args(Fate)) - {"undelivered"}


@dataclass(frozen=True, slots=True)
class Queued:
    """An event that waits.

    Attributes:
        place: 1, 2, 3 …: the order in which events were taken, and are sent.
        line: The event as it is sent, the same at every try.
        at: When it was taken, in seconds of the courier's clock.
    """

    place: int
    event: Event
    line: bytes
    at: float


@dataclass(frozen=True, slots=True)
class Batch:
    """Events that are sent together."""

    queued: tuple[Queued, ...]

    @property
    def body(self) -> bytes:
        return b"\n".join(each.line for each in self.queued)


class Courier:
    """Delivers events in the order taken, one batch at a time, so that one user's events arrive in order.

    Every event taken ends in one way: `stored` or `duplicate`, dropped and told, or given back as unsent.

    Args:
        rules: How events are gathered, kept and given up.
        retries: How long to wait after a failure.
        clock: Tells passing time in seconds; a change of the computer's clock does not matter.
        random: Draws.
    """

    def __init__(
        self,
        rules: DeliveryRules,
        retries: RetryRules,
        *,
        clock: Callable[[], float] = time.monotonic,
        random: Random = chance.random,
    ) -> None:
        self._rules, self._retries = rules, retries
        self._clock, self._random = clock, random
        self._waiting: deque[Queued] = deque()
        self._bytes = 0
        self._under_way: Batch | None = None
        self._failures = 0
        self._not_before = 0.0
        self._hurry_to = 0
        self._stored = self._duplicates = self._dropped_count = 0
        self._dropped: deque[Undelivered] = deque(maxlen=rules.kept_dropped)
        self._untold: list[Undelivered] = []
        self.last_place = 0
        """The place of the event taken last; 0 before the first."""

    @property
    def first_unsettled(self) -> int:
        """The place of the first event that nobody has answered for; one behind the last if there is none."""
        if self._under_way is not None:
            return self._under_way.queued[0].place
        return self._waiting[0].place if self._waiting else self.last_place + 1

    def add(self, event: Event) -> None:
        """Take an event.

        Raises:
            BadInput: It could not even be sent.
            Unavailable: `buffer_full`; the caller still has it.
        """
        line = line_of(event)
        held = len(self._waiting) + (len(self._under_way.queued) if self._under_way else 0)
        if held >= self._rules.capacity or self._bytes + len(line) > self._rules.capacity_bytes:
            detail = f"{held} events of {self._bytes} bytes wait to be sent."
            fix = "Send it later, or drop it: the platform is away, or slower than what is sent."
            raise Unavailable("buffer_full", detail, fix=fix, context={"waiting": held})
        self.last_place += 1
        self._bytes += len(line)
        self._waiting.append(Queued(self.last_place, event, line, self._clock()))

    def hurry(self) -> None:
        """Let no event taken so far wait for company."""
        self._hurry_to = self.last_place

    def next_wait(self) -> float | None:
        """Seconds until there is something to send; `None` if that takes another event."""
        moment = self._not_before
        if self._under_way is None:
            if not self._waiting:
                return None
            first = self._waiting[0]
            if first.place > self._hurry_to and not self._is_enough():
                moment = max(moment, first.at + self._rules.linger_seconds)
        return max(0.0, moment - self._clock())

    def take(self) -> Batch | None:
        """What to send now: the batch that failed before, or the next; `None` if it is not time."""
        if self.next_wait() != 0.0:
            return None
        if self._under_way is None:
            self._under_way = self._next_batch()
        return self._under_way

    def answered(self, reply: Reply) -> None:
        """The platform has answered the batch that was taken."""
        if not reply.is_success:
            is_final = reply.status < 500 and reply.status not in answers.KEPT
            self.failed(answers.error_of(reply), asked=answers.asked_wait(reply), is_final=is_final)
            return
        try:
            results = answers.read(reply, lambda body: self._results(body["results"]))
        except Unavailable as error:
            self.failed(error)
            return
        for queued, result in zip(self._settled(), results, strict=True):
            self._count(queued, result)

    def failed(self, error: TacitError, *, asked: float | None = None, is_final: bool = False) -> None:
        """The batch that was taken did not arrive, or nobody knows whether it did.

        Args:
            error: What happened.
            asked: How long the platform asks one to wait.
            is_final: Whether it would be the same next time: then its events are dropped.
        """
        if is_final:
            for queued in self._settled():
                self._drop(queued, "undelivered", error)
            return
        self._failures += 1
        self._not_before = self._clock() + self._retries.wait_after(self._failures, asked=asked, random=self._random)
        self._give_up_old(error)

    def told(self) -> list[Undelivered]:
        """What was dropped since this was asked last."""
        told, self._untold = self._untold, []
        return told

    def report(self) -> Report:
        """What became of events since this was asked last, and what waits."""
        made = Report(self._stored, self._duplicates, tuple(self._dropped), self._dropped_count, self._unsent())
        self._stored = self._duplicates = self._dropped_count = 0
        self._dropped.clear()
        return made

    def abandon(self) -> Report:
        """The last report: what waits is told as undelivered, and forgotten."""
        made = self.report()
        error = Refused("client_closed", "The client was closed before it could be sent.")
        for event in made.unsent:
            self._untold.append(_undelivered(event, "undelivered", error))
        self._waiting.clear()
        self._under_way, self._bytes = None, 0
        return made

    def _unsent(self) -> tuple[Event, ...]:
        queued = (*(self._under_way.queued if self._under_way else ()), *self._waiting)
        return tuple(each.event for each in queued)

    def _is_enough(self) -> bool:
        return len(self._waiting) >= self._rules.batch or self._bytes >= MAX_BODY_BYTES

    def _next_batch(self) -> Batch:
        taken: list[Queued] = []
        size = 0
        while self._waiting and len(taken) < self._rules.batch:
            size += len(self._waiting[0].line) + 1
            if taken and size > MAX_BODY_BYTES:
                break
            taken.append(self._waiting.popleft())
        return Batch(tuple(taken))

    def _results(self, results: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """One result for each event of the batch, of outcomes that we know.

        Raises:
            ValueError: They are not.
        """
        batch = self._under_way
        outcomes = {str(each["outcome"]) for each in results}
        if batch is None or len(results) != len(batch.queued) or not outcomes <= {"stored", "duplicate", *_FATES}:
            raise ValueError("not an outcome for each event")
        return results

    def _count(self, queued: Queued, result: Mapping[str, Any]) -> None:
        match result["outcome"]:
            case "stored":
                self._stored += 1
            case "duplicate":
                self._duplicates += 1
            case fate:
                code, detail = str(result.get("code", "unknown")), str(result.get("detail", ""))
                error = Refused(code, detail, field=result.get("field"), fix=result.get("fix"))
                self._drop(queued, fate, error)

    def _settled(self) -> tuple[Queued, ...]:
        """The events under way, which are under way no more."""
        batch, self._under_way, self._failures = self._under_way, None, 0
        queued = () if batch is None else batch.queued
        self._bytes -= sum(len(each.line) for each in queued)
        return queued

    def _give_up_old(self, error: TacitError) -> None:
        """Drop what has been under way for too long; what is left is tried again."""
        batch, oldest = self._under_way, self._clock() - self._rules.give_up_seconds
        if batch is None or batch.queued[0].at > oldest:
            return
        detail = f"It could not be sent in {self._rules.give_up_seconds:g} seconds: {error.detail}"
        for queued in batch.queued:
            if queued.at <= oldest:
                self._bytes -= len(queued.line)
                self._drop(queued, "undelivered", Unavailable("gave_up", detail, fix=error.fix))
        left = tuple(queued for queued in batch.queued if queued.at > oldest)
        self._under_way = Batch(left) if left else None

    def _drop(self, queued: Queued, fate: Fate, error: TacitError) -> None:
        told = _undelivered(queued.event, fate, error)
        self._dropped_count += 1
        self._dropped.append(told)
        self._untold.append(told)


def _undelivered(event: Event, fate: Fate, error: TacitError) -> Undelivered:
    return Undelivered(event, fate, error.code, error.detail, error.field, error.fix)
