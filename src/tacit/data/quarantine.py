"""Quarantine as somebody looks after it: what is there and why, mended, let go, or forgotten for good.

Nothing here has an effect on the interactions by itself.  What is released waits in the store, from where ingestion
applies it, each entry once: a release told twice, or interrupted anywhere, ends in the same state.  Every act and its
entry in the audit trail appear together.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from tacit.data.event_rules import EventRules
from tacit.data.event_validation import Problem, judged
from tacit.data.events import Event
from tacit.data.ingestion import EventStore, QuarantinedEvent
from tacit.errors import BadInput, NotFound, Refused

MAX_PAGE = 1_000
"""Most entries of one page."""

_CHUNK = 1_000
_SHOWN = 20


class Acts(Protocol):
    """Where acts are written down."""

    def record(self, action: str, *, actor: str, subject: str, at: str, facts: Mapping[str, object]) -> None:
        """Write down what somebody did."""
        ...


@dataclass(frozen=True, slots=True)
class QuarantinePage:
    """Some entries, and where the next page begins.

    Attributes:
        entries: Held or released ones, oldest first.
        next_cursor: The `cursor` of the next page; `None` on the last.
        reasons: How many there are in all, by reason.
    """

    entries: Sequence[QuarantinedEvent]
    next_cursor: int | None
    reasons: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which entries are meant: those of some numbers, or all that were set aside for one reason.

    Attributes:
        quarantine_ids: Their numbers.
        reason: The reason.

    Raises:
        BadInput: `field_missing` unless exactly one of both is given.
    """

    quarantine_ids: tuple[int, ...] = ()
    reason: str | None = None

    def __post_init__(self) -> None:
        if bool(self.quarantine_ids) == (self.reason is not None):
            raise BadInput(
                "field_missing",
                "It is not said which entries are meant.",
                field="ids",
                fix="Name entries by their numbers, or a reason, and not both.",
            )


class Quarantine:
    """What an operator may do with events that were set aside.

    Args:
        store: Where they are kept.
        rules: What a corrected event must keep to; the same as at the door.
        audit: Told of every act.
        clock: Tells the time as the audit trail writes it.
        transaction: Makes an act and its entry appear together.
    """

    def __init__(
        self,
        store: EventStore,
        rules: EventRules,
        *,
        audit: Acts,
        clock: Callable[[], str],
        transaction: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._store = store
        self._rules = rules
        self._audit = audit
        self._clock = clock
        self._transaction = transaction

    def page(self, *, limit: int = 100, cursor: int = 0, reason: str | None = None) -> QuarantinePage:
        """Entries behind a cursor, and how many there are for each reason.

        Raises:
            BadInput: `limit_range`.
        """
        if not 1 <= limit <= MAX_PAGE:
            raise BadInput("limit_range", f"The limit must be from 1 to {MAX_PAGE}.", field="limit")
        found = list(self._store.quarantined(limit=limit + 1, cursor=cursor, reason=reason))
        entries = found[:limit]
        next_cursor = entries[-1].quarantine_id if len(found) > limit else None
        return QuarantinePage(entries, next_cursor, self._store.quarantine_reasons())

    def entry(self, quarantine_id: int) -> QuarantinedEvent:
        """One entry, whatever became of it.

        Raises:
            NotFound: `quarantine_unknown`: there is none of this number, or it was purged.
        """
        found = self._store.quarantine_entry(quarantine_id)
        if found is None:
            raise _unknown([quarantine_id])
        return found

    def fix(
        self, quarantine_id: int, said: Mapping[str, object], *, actor: str, is_whole: bool = False
    ) -> QuarantinedEvent:
        """Have a corrected event applied in place of a held one, once that is released.

        The corrected event is judged as if it had come when the first one did; that one is kept as it came.  A second
        correction starts from the first.

        Args:
            quarantine_id: The entry.
            said: The event as it should have been sent, or the fields that change, `None` for one to leave out.
            actor: Who says so.
            is_whole: Whether `said` is all of the event.

        Raises:
            NotFound: `quarantine_unknown`.
            BadInput: What the rules say of the corrected event, or `quarantine_unchanged`.
            Refused: `quarantine_settled` if it is held no more.
        """
        entry = self.entry(quarantine_id)
        _check_held(entry)
        before = entry.mended or entry.logged.event
        raw = dict(said) if is_whole else _changed(as_sent(before), said)
        event = self._judged(raw, entry)
        if event == before:
            raise BadInput("quarantine_unchanged", "The correction changes nothing.", fix="Say what is to be changed.")
        with self._transaction():
            if not self._store.mend(quarantine_id, event):
                raise _settled(self.entry(quarantine_id))
            # The names alone: what the fields say is somebody's doing, and the trail is for ever.
            changed = sorted(name for name, value in as_sent(event).items() if as_sent(before).get(name) != value)
            gone = sorted(set(as_sent(before)) - set(as_sent(event)))
            self._record("quarantine_fixed", str(quarantine_id), actor=actor, facts={"fields": changed + gone})
        return self.entry(quarantine_id)

    def release(self, chosen: Chosen, *, actor: str) -> int:
        """Let held events be applied; how many these were.  One that is released or settled already stays as it is.

        Raises:
            NotFound: `quarantine_unknown`: one of them is not there; nothing was released then.
        """
        return self._act(chosen, self._store.release, "quarantine_released", actor=actor)

    def purge(self, chosen: Chosen, *, actor: str) -> int:
        """Forget what events said, for good; how many these were.  Their ids stay known, and they count as rejected.

        Raises:
            NotFound: `quarantine_unknown`: one of them is not there; nothing was purged then.
        """
        return self._act(chosen, self._store.purge, "quarantine_purged", actor=actor)

    def _act(self, chosen: Chosen, act: Callable[[Sequence[int]], int], action: str, *, actor: str) -> int:
        """Act on some entries at a time, so that nobody else has to wait long for the store."""
        done = 0
        for ids in self._chunks(chosen):
            with self._transaction():
                count = act(ids)
                if count:
                    facts = {"count": count, "entries": ids[:_SHOWN], **_because(chosen)}
                    subject = str(ids[0]) if len(ids) == 1 else f"{ids[0]}-{ids[-1]}"
                    self._record(action, subject, actor=actor, facts=facts)
            done += count
        return done

    def _chunks(self, chosen: Chosen) -> Iterator[list[int]]:
        if chosen.reason is not None:
            yield from self._of_reason(chosen.reason)
            return
        ids = sorted(set(chosen.quarantine_ids))
        if unknown := [each for each in ids if self._store.quarantine_entry(each) is None]:
            raise _unknown(unknown)
        yield from (ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK))

    def _of_reason(self, reason: str) -> Iterator[list[int]]:
        # What is set aside while we work is not meant: whoever asked has not seen it.
        cursor, left = 0, self._store.quarantine_reasons().get(reason, 0)
        while left > 0:
            entries = self._store.quarantined(limit=min(_CHUNK, left), cursor=cursor, reason=reason)
            if not entries:
                return
            cursor, left = entries[-1].quarantine_id, left - len(entries)
            yield [entry.quarantine_id for entry in entries]

    def _judged(self, raw: Mapping[str, object], entry: QuarantinedEvent) -> Event:
        first = entry.logged.event
        then_ms = entry.logged.received_at_ms if first.timed else first.occurred_at_ms
        verdict = judged(raw, self._rules, now_ms=then_ms)
        if isinstance(verdict, Problem):
            raise verdict.as_error()
        return verdict

    def _record(self, action: str, number: str, *, actor: str, facts: Mapping[str, object]) -> None:
        self._audit.record(action, actor=actor, subject=f"quarantine/{number}", at=self._clock(), facts=facts)


def as_sent(event: Event) -> dict[str, object]:
    """An event in the form in which it may be sent; what was not said is not there."""
    said: dict[str, object] = {
        "event_id": event.event_id,
        "user_id": event.user_id,
        "item_id": event.item_id,
        "type": event.type,
    }
    if event.value is not None:
        said["value"] = event.value if math.isfinite(event.value) else str(event.value)
    if event.timed:
        said["occurred_at"] = event.occurred_at_ms
    if event.recommendation_id is not None:
        said["recommendation_id"] = event.recommendation_id
    if event.properties != "{}":
        said["properties"] = _parsed(event.properties)
    return said


def _parsed(properties: str) -> object:
    try:
        return json.loads(properties)
    except ValueError:
        # Here are the events that something was wrong with; they are shown as they are.
        return properties


def described(entry: QuarantinedEvent) -> dict[str, object]:
    """An entry and where it comes from, as plain values."""
    return {
        "quarantine_id": entry.quarantine_id,
        "state": entry.state,
        "reason": entry.reason.code,
        "detail": entry.reason.detail,
        "tries": entry.tries,
        "source": entry.logged.source,
        "sequence": entry.logged.sequence or None,
        "received_at_ms": entry.logged.received_at_ms,
        "event": as_sent(entry.logged.event),
        "mended": None if entry.mended is None else as_sent(entry.mended),
    }


def _changed(said: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    both = {**said, **changes}
    return {name: value for name, value in both.items() if value is not None or name not in changes}


def _because(chosen: Chosen) -> dict[str, object]:
    return {} if chosen.reason is None else {"reason": chosen.reason}


def _check_held(entry: QuarantinedEvent) -> None:
    if entry.state != "held":
        raise _settled(entry)


def _settled(entry: QuarantinedEvent) -> Refused:
    return Refused(
        "quarantine_settled",
        f"Entry {entry.quarantine_id} is {entry.state}; only a held one can be changed.",
        field="quarantine_id",
        fix="Send a corrected event of another id instead.",
    )


def _unknown(quarantine_ids: Sequence[int]) -> NotFound:
    shown = ", ".join(str(each) for each in quarantine_ids[:_SHOWN])
    return NotFound(
        "quarantine_unknown",
        f"Quarantine has no {'entry' if len(quarantine_ids) == 1 else 'entries'} {shown}.",
        field="quarantine_id",
        fix="List quarantine for the numbers there are; what was purged is gone.",
        context={"unknown": list(quarantine_ids[:_SHOWN])},
    )
