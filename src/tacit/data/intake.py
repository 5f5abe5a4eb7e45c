"""Taking events in: judged, made durable, and only then answered.

The log comes first.  What may not enter it is set aside or refused, and nothing is told of any event before its fate is
as durable as the answer says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from tacit.data.event_columns import PlainReader, Rows, StoredFrom
from tacit.data.event_effects import Effect, EventCounts, Plan, Reason
from tacit.data.event_fields import checked_id
from tacit.data.event_rules import EventRules
from tacit.data.event_validation import Judgement, Problem, conflicting, judged_batch
from tacit.data.events import Event, EventLog, LoggedEvent, LogState, Receipt
from tacit.data.plain_events import none_is_plain
from tacit.errors import BadInput, TacitError, Unavailable

Fate = Literal["stored", "duplicate", "quarantined", "rejected"]
"""What became of an event that was sent; only of a rejected one nothing is kept."""

Count = Callable[[str, EventCounts], None]
"""Told of a source and what became of the events of one call, once each call is over."""

Quarantine = Callable[[Sequence[Effect]], Plan]
"""Keeps events durably for somebody to look at, or raises; `EventStore.set_aside` is one."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one event.

    Attributes:
        fate: That.
        event_id: Its id, where it has one that an event can have.
        problem: Why it was not stored, where it was not.
    """

    fate: Fate
    event_id: str | None
    problem: Problem | None = None


@dataclass(frozen=True, slots=True, eq=False)
class StoredTogether(Rows[Taken]):
    """What became of events of which every one was stored.

    Attributes:
        ids: Their ids.
    """

    ids: Sequence[str]

    def __len__(self) -> int:
        return len(self.ids)

    def row(self, nth: int) -> Taken:
        return Taken("stored", self.ids[nth])

    def part(self, taken: slice) -> StoredTogether:
        return StoredTogether(self.ids[taken])


class EventDoor(Protocol):
    """Where events come in, whether or not they are taken: an `Intake`, or `EventsElsewhere`.

    Attributes:
        state: Tells how it stands with events, at once.
    """

    state: Callable[[], LogState]

    def take(self, raws: Sequence[object], *, source: str, assign_ids: bool = False) -> Sequence[Taken]:
        """What became of each event, in its order."""
        ...

    def take_plain(self, body: bytes, *, is_lines: bool, source: str) -> Sequence[Taken] | None:
        """The same of a body that holds plain events alone; `None` of any other, of which nothing was taken."""
        ...


class EventsElsewhere:
    """Takes no events, because another process of the home does: nothing is judged, kept or counted here."""

    def __init__(self) -> None:
        self.state: Callable[[], LogState] = LogState

    def take(self, raws: Sequence[object], *, source: str, assign_ids: bool = False) -> Sequence[Taken]:
        """Nothing becomes of any.

        Raises:
            Unavailable: `events_elsewhere`, always.
        """
        raise Unavailable(
            "events_elsewhere",
            "This process only answers; another one of this home takes events.",
            fix="Send them to the process that serves with serving.role = all.",
        )

    def take_plain(self, body: bytes, *, is_lines: bool, source: str) -> Sequence[Taken] | None:
        """Leaves every body to be read, so that what is wrong with it is said first."""
        return None


class Intake:
    """Takes events from every way in.

    Args:
        log: Where they become durable.
        rules: What they must keep to.
        count: Told what became of them.
        clock: Tells the time, in milliseconds since 1970, UTC.
        new_id: Names events that come without an id, where that is allowed.
        quarantine: Keeps what is set aside.
        plain: Reads what needs no closer look.
        state: Tells how it stands with events, at once.
    """

    def __init__(
        self,
        log: EventLog,
        rules: EventRules,
        *,
        count: Count,
        clock: Callable[[], int],
        new_id: Callable[[], str],
        quarantine: Quarantine,
        plain: PlainReader = none_is_plain,
        state: Callable[[], LogState] = LogState,
    ) -> None:
        self._log = log
        self._rules = rules
        self._count = count
        self._clock = clock
        self._new_id = new_id
        self._quarantine = quarantine
        self._plain = plain
        self.state = state

    def take(self, raws: Sequence[object], *, source: str, assign_ids: bool = False) -> Sequence[Taken]:
        """What became of each event, in its order; the events of a call are stored all or none.

        An event that is quarantined is durably so.  One that ought to be, but cannot be now, is rejected as
        `quarantine_unavailable`.

        Args:
            raws: JSON values, as parsed, or why one could not be read.
            source: The way they came.
            assign_ids: Whether an event without an id is given one; sent again, it is another event.

        Raises:
            BadInput: `batch_size`.
            Unavailable: The log takes no events now.  None of these has a fate, nor is counted; sent again, what the
                log kept nevertheless is a duplicate.
        """
        now_ms = self._clock()
        judgements = judged_batch(raws, self._rules, now_ms=now_ms, assign_id=self._new_id if assign_ids else None)
        receipts = self._entered([each for each in judgements if isinstance(each, Event)], source)
        return self._told(raws, judgements, receipts, source=source, now_ms=now_ms)

    def take_plain(self, body: bytes, *, is_lines: bool, source: str) -> Sequence[Taken] | None:
        """What became of each event of a body, judged and stored as `take` would; `None` where one is not plain.

        Raises:
            Unavailable: As `take`.
        """
        now_ms = self._clock()
        events = self._plain(body, is_lines, now_ms)
        if events is None:
            return None
        receipts = self._entered(events, source)
        if isinstance(receipts, StoredFrom):
            self._count(source, EventCounts(len(events), len(events)))
            return StoredTogether(events.ids)
        return self._told(events, events, receipts, source=source, now_ms=now_ms)

    def _told(
        self,
        raws: Sequence[object],
        judgements: Sequence[Judgement],
        receipts: Sequence[Receipt | BadInput],
        *,
        source: str,
        now_ms: int,
    ) -> Sequence[Taken]:
        """What is told of each event, once quarantine holds what belongs there, and it is counted."""
        answers = iter(receipts)
        found = [_taken(raw, judgement, answers) for raw, judgement in zip(raws, judgements, strict=True)]
        taken, repeated = self._set_aside(found, source, now_ms=now_ms)
        self._count(source, _counts(taken, repeated=repeated))
        return taken

    def _entered(self, events: Sequence[Event], source: str) -> Sequence[Receipt | BadInput]:
        """What the log says of each event."""
        if not events:
            return []
        try:
            return self._log.append(events, source=source)
        except BadInput as error:
            # One that the log cannot hold costs the others nothing but time.
            return [error] if len(events) == 1 else [self._entered([each], source)[0] for each in events]

    def _set_aside(self, taken: Sequence[Taken], source: str, *, now_ms: int) -> tuple[tuple[Taken, ...], int]:
        """The same, once quarantine holds what belongs there; and how much of that it held before."""
        kept = [each.problem for each in taken if each.fate == "quarantined" and each.problem is not None]
        if not kept:
            return tuple(taken), 0
        try:
            plan = self._quarantine([_effect(problem, source, now_ms=now_ms) for problem in kept])
        except TacitError:
            return tuple(_unkept(each) if each.fate == "quarantined" else each for each in taken), 0
        return tuple(taken), len(plan.repeated)


def _taken(raw: object, judgement: Judgement, receipts: Iterator[Receipt | BadInput]) -> Taken:
    if isinstance(judgement, Problem):
        return Taken("quarantined" if judgement.quarantine else "rejected", _id_of(raw, judgement), judgement)
    receipt = next(receipts)
    if isinstance(receipt, BadInput):
        return Taken("rejected", judgement.event_id, Problem.of(receipt))
    if receipt.outcome == "conflict":
        return Taken("quarantined", judgement.event_id, conflicting(judgement))
    return Taken(receipt.outcome, judgement.event_id)


def _id_of(raw: object, problem: Problem) -> str | None:
    """The id of an event that may not enter, if the id itself is in order."""
    if problem.event is not None:
        return problem.event.event_id
    if not isinstance(raw, Mapping):
        return None
    try:
        return checked_id(raw.get("event_id"), "event_id")
    except BadInput:
        return None


def _effect(problem: Problem, source: str, *, now_ms: int) -> Effect:
    if problem.event is None:
        raise ValueError("a problem without its event cannot be kept")
    reason = Reason(problem.code, problem.detail)
    # In the log it never was, hence the place 0.
    return Effect(LoggedEvent(0, now_ms, source, problem.event), reason=reason)


def _unkept(taken: Taken) -> Taken:
    """What was to be set aside, but cannot be now."""
    about = "" if taken.problem is None else f" ({taken.problem.code})"
    problem = Problem(
        "quarantine_unavailable",
        f"The event may not enter{about}, and quarantine cannot keep it now.",
        fix="Keep it, and send it again later.",
    )
    return replace(taken, fate="rejected", problem=problem)


def _counts(taken: Sequence[Taken], *, repeated: int) -> EventCounts:
    """The fates added up.  What is sent again to quarantine is told the same, but counts as the repetition it is."""
    fates = Counter(each.fate for each in taken)
    fates["quarantined"] -= repeated
    fates["duplicate"] += repeated
    return EventCounts(len(taken), fates["stored"], fates["duplicate"], fates["quarantined"], fates["rejected"])
