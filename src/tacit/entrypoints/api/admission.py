"""Who is let in: a deadline for everybody, and no more questions at work than are answered soon.

Refused is what is missed least, first, and at once: whoever waits for an answer that comes too late has kept another
from theirs.  The line is short, and shorter while it never empties (CoDel's idea, as in Maurer, Fail at Scale, ACM
Queue 13(8), 2015): a long one makes everybody late and serves nobody more.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from functools import partial

from tacit.entrypoints.api.admission_rules import AdmissionRules
from tacit.entrypoints.api.checkpoints import BUDGET, DEADLINE, PRIORITY, ROOM, Again, Scope, freely
from tacit.entrypoints.api.concurrency_limit import AdaptiveLimit
from tacit.entrypoints.api.loop_lag import EVERY_SECONDS
from tacit.entrypoints.api.pools import Pool
from tacit.entrypoints.api.priorities import POOLS, Priority, RequestClass, class_of
from tacit.entrypoints.api.waiting_line import Occupied, Strain, Ticket
from tacit.errors import BadInput, Unavailable
from tacit.monitoring import overload_metrics as catalogue
from tacit.monitoring.interfaces import MetricSink
from tacit.serving.budgets import Budget, Pressure
from tacit.serving.memory_ladder import CRITICAL, DEGRADED

DEADLINE_HEADER = b"x-request-deadline-ms"
_JOBS = "/api/v1/training"
_STANDING_SECONDS = 0.1
_STANDING_WAIT = 0.015
_LATE_SECONDS = 0.05
"""From which on what the event loop delayed says nothing of how much is at work."""
_RETRY_SECONDS: tuple[float, float, float] = (1.0, 1.0, 2.0)


class Admission:
    """A `Checkpoint` that lets in what there is room for; an event never waits there.  For one event loop.

    Args:
        rules: What is let in.
        metrics: Told of what was refused, and how scarce room is.
        clock: Passing time in seconds, `time.monotonic` outside tests.

    Attributes:
        rules: What is let in.
    """

    is_immediate = True

    def __init__(
        self, rules: AdmissionRules, metrics: MetricSink, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rules = rules
        self._memory_step = 0
        self._clock = clock
        self._limit = AdaptiveLimit(least=rules.least, most=rules.most, clock=clock)
        self._bounds = dict(rules.bounds)
        self._at_work = dict.fromkeys(POOLS, 0)
        self._line: deque[Ticket] = deque()
        self._line_since = 0.0
        self._refused = dict.fromkeys(Priority, 0)
        self._strain = Strain(clock)
        self._lateness: Callable[[], float] = lambda: 0.0
        self._is_loop_behind: Callable[[], bool] = lambda: False
        _watch(self, metrics)

    def pools(self) -> dict[str, Pool]:
        """Threads for each class of work, to be made once."""
        # Who gave up is let out, and leaves a thread behind: those of questions are bounded by their number alone.
        bounds = {"answers": 2 * self.rules.most, **self._bounds}
        return {
            name: Pool(name, threads=threads, bound=bounds[name], keeping=self.rules.keeping)
            for name, threads in self.rules.threads
        }

    def memory_is(self, step: int) -> None:
        """Hear where on the memory ladder we are."""
        self._memory_step = step

    def heed(self, lateness: Callable[[], float], *, is_standing: Callable[[], bool] = lambda: False) -> None:
        """Have it known from now on by how many seconds the event loop is late, and whether its own line stays."""
        self._lateness, self._is_loop_behind = lateness, is_standing

    @property
    def pressure(self) -> Pressure:
        """How scarce room for questions is."""
        return self._strain.pressure

    @property
    def refused(self) -> int:
        """How many requests were refused so far."""
        return sum(self._refused.values())

    def at_work(self, pool: str) -> int:
        """How many requests of a pool are at work."""
        return self._at_work[pool]

    def refused_of(self, priority: Priority) -> int:
        """How many requests of a priority were refused so far."""
        return self._refused[priority]

    @property
    def limit(self) -> int:
        """How many questions may be at work now."""
        return self._limit.now

    async def enter(self, scope: Scope) -> None:
        """Let a request in, perhaps after a short while.

        Raises:
            BadInput: `deadline_invalid`.
            Unavailable: `overloaded`, `memory_short`.
        """
        kind = class_of(scope["method"], path_of(scope))
        scope[PRIORITY] = kind.priority
        budget = self._budget(_asked_seconds(scope["headers"]))
        if self._is_short_of_memory(kind, scope):
            self._refused[kind.priority] += 1
            raise _memory_short()
        if kind.pool == "answers":
            await self._come_in(kind.priority)
            budget.pressure = self._strain.pressure
        elif self._has_room(kind):
            self._at_work[kind.pool] += 1
        else:
            raise self._refusal(kind.priority)
        scope[BUDGET], scope[DEADLINE] = budget, budget.until
        scope[ROOM] = Occupied(self._at_work, kind.pool, began=self._clock(), freed=self._call_next)

    def lasting(self, scope: Scope) -> Again | None:
        """What lies ready takes no room, and is given whoever else must wait."""
        return freely

    def room_at_once(self) -> Budget | None:
        """What a question answered in the event loop's own turn may cost; `None` where it is not to be answered there.

        It takes no room from others but time of the loop, and less of that than letting it wait, also where others
        wait: handed to threads, what is too much already would cost twice.  For whom there is no room in the loop's own
        line was refused before (`turn_line`).
        """
        if self._memory_step >= CRITICAL:
            return None
        budget = self._budget(float("inf"))
        # Lists are shorter before any is refused.
        budget.pressure = 1 if self._is_loop_behind() else self._strain.pressure
        return budget

    def leave(self, scope: Scope, *, status: int, seconds: float) -> None:
        """Give the request's room to the next."""
        room: Occupied | None = scope.pop(ROOM, None)
        if room is None:
            return
        if room.pool == "answers" and status and status < 499:
            seconds, at_work = self._clock() - room.began - room.out_seconds, self._at_work["answers"] + room.is_out
            self._limit.ended(seconds, at_work, is_late=self._lateness() > _LATE_SECONDS)
        room.step_out()

    def turns_away(self, method: str, path: str) -> Priority | None:
        """The priority of a request that would be refused if it entered now, which it then must not: it is counted."""
        kind = class_of(method, path)
        if kind.pool == "answers":
            is_refused = self._verdict(kind.priority) == "refuse"
            if is_refused:
                self._strain.told(waited=True, refused=True)
        else:
            is_refused = not self._has_room(kind)
        if not is_refused:
            return None
        self._refused[kind.priority] += 1
        return kind.priority

    def refused_at_its_head(self, priority: Priority, questions: int = 1) -> None:
        """Count questions that were refused because the event loop's own line was too long.

        Others are not held to be pressed by it: whoever is answered in the loop takes no room from them, and room that
        was taken for scarce would have them answered by threads, which costs more.
        """
        self._refused[priority] += questions

    @property
    def retry_seconds(self) -> float:
        """When whoever is refused now had better ask again."""
        return _RETRY_SECONDS[self._strain.pressure]

    def _budget(self, asked: float) -> Budget:
        now, rules = self._clock(), self.rules
        return Budget(
            soft_until=now + min(rules.soft_seconds, asked),
            until=now + min(rules.hard_seconds, asked),
            reduced_limit=rules.reduced_limit,
        )

    def _is_short_of_memory(self, kind: RequestClass, scope: Scope) -> bool:
        if self._memory_step < CRITICAL:
            return False
        path = path_of(scope)
        if scope["method"] == "POST" and path.startswith(_JOBS) and not path.endswith("/cancel"):
            return True
        return self._memory_step >= DEGRADED and kind.priority is Priority.OTHERS

    def _has_room(self, kind: RequestClass) -> bool:
        """Whether a pool other than that of questions has room; under pressure one request of each still has."""
        if kind.pool == "health":
            return True
        bound = self._bounds[kind.pool]
        is_scarce = kind.priority > Priority.LISTS and (self._strain.pressure or self._memory_step >= DEGRADED)
        return self._at_work[kind.pool] < (1 if is_scarce else bound)

    def _verdict(self, priority: Priority) -> str:
        """`in` (taking the room), `wait` or `refuse`, as a question of some priority would fare now."""
        limit = self._limit.now
        own = limit if priority <= Priority.LISTS else max(1, limit * 3 // 4)
        if self._at_work["answers"] < own and not self._line:
            return "in"
        if self._is_standing():
            longest = max(1, limit // 4) if priority <= Priority.LISTS else 0
        else:
            longest = self.rules.most if priority <= Priority.LISTS else self.rules.most // 2
        return "wait" if self.rules.queue_seconds and len(self._line) < longest else "refuse"

    def _is_standing(self) -> bool:
        """Whether the line is one that never empties, so that it serves nobody more by being long."""
        if self._strain.pressure > 1:
            return True
        return bool(self._line) and self._clock() - self._line_since > _STANDING_SECONDS + self._stood_still()

    def _stood_still(self) -> float:
        """For how long the event loop may have, just now; nobody could have left the line meanwhile."""
        late = self._lateness()
        return late + EVERY_SECONDS if late > _LATE_SECONDS else 0.0

    async def _come_in(self, priority: Priority) -> None:
        """Take room for a question, perhaps after a wait in the line.

        Raises:
            Unavailable: `overloaded`.
        """
        verdict = self._verdict(priority)
        if verdict == "in":
            self._at_work["answers"] += 1
        is_let_in = verdict == "in" or (verdict == "wait" and await self._called())
        self._strain.told(waited=verdict != "in", refused=not is_let_in)
        if not is_let_in:
            raise self._refusal(priority)

    async def _called(self) -> bool:
        """Whether there was room in time; then it is taken."""
        longest = min(self.rules.queue_seconds, _STANDING_WAIT) if self._is_standing() else self.rules.queue_seconds
        if not self._line:
            self._line_since = self._clock()
        ticket = Ticket(asyncio.get_running_loop().create_future(), longest)
        self._line.append(ticket)
        try:
            return await ticket.called
        except BaseException:
            if ticket.called.done() and not ticket.called.cancelled() and ticket.called.result():
                self._give_back()
            raise
        finally:
            ticket.end()
            self._call_next()

    def _give_back(self) -> None:
        self._at_work["answers"] -= 1
        self._call_next()

    def _call_next(self) -> None:
        """Have those at the head of the line come in as far as there is room; those who gave up leave it."""
        while self._line and (self._line[0].is_over or self._at_work["answers"] < self._limit.now):
            if self._line.popleft().tell(True):
                self._at_work["answers"] += 1

    def _refusal(self, priority: Priority) -> Unavailable:
        self._refused[priority] += 1
        error = Unavailable("overloaded", "More is asked than can be answered now.", fix="Ask again in a moment.")
        error.retry_after = self.retry_seconds
        return error


def path_of(scope: Scope) -> str:
    """The path as sent, without its query."""
    raw: bytes | None = scope.get("raw_path")
    return str(scope["path"]) if raw is None else raw.decode("latin-1")


def _asked_seconds(headers: list[tuple[bytes, bytes]]) -> float:
    """How long the sender says that it waits; for ever, where it does not say.

    Raises:
        BadInput: `deadline_invalid`.
    """
    for name, value in headers:
        if name == DEADLINE_HEADER:
            if not (value.isdigit() and 0 < len(value) < 10 and int(value) > 0):
                raise BadInput(
                    "deadline_invalid",
                    "X-Request-Deadline-Ms is no whole number of milliseconds above 0.",
                    field="X-Request-Deadline-Ms",
                    fix="Send digits alone, 250 for a quarter of a second; it may shorten our own deadline.",
                )
            return int(value) / 1_000
    return float("inf")


def _memory_short() -> Unavailable:
    detail = "The memory is nearly all in use, so this is not begun now."
    error = Unavailable("memory_short", detail, fix="Ask again later, or give the installation more memory.")
    error.retry_after = 30.0
    return error


def _watch(admission: Admission, metrics: MetricSink) -> None:
    for pool in POOLS:
        metrics.watch(catalogue.AT_WORK, partial(admission.at_work, pool), pool=pool)
    for priority in Priority:
        metrics.watch(catalogue.SHED, partial(admission.refused_of, priority), priority=priority.name.lower())
    metrics.watch(catalogue.CONCURRENCY_LIMIT, lambda: float(admission.limit))
    metrics.watch(catalogue.PRESSURE, lambda: float(admission.pressure))
