"""Taking events in: each has one fate, none is told of one that is not durable, and the counts are exact."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.adapters.memory_events import MemoryEventLog
from tacit.adapters.memory_store import MemoryEventStore
from tacit.data.event_effects import EventCounts, Plan
from tacit.data.event_rules import EventRules
from tacit.data.event_validation import Problem
from tacit.data.events import Event, Receipt
from tacit.data.ingestion import Admission, Ingestion
from tacit.data.intake import Intake, Taken
from tacit.errors import BadInput, Unavailable
from tests.conservation import TYPES, unbalanced

NOW_MS = 1_790_000_000_000
LONG_AGO = 1_000_000_000_000


def moment() -> datetime:
    return datetime.fromtimestamp(NOW_MS / 1_000, UTC)


class Picky(MemoryEventLog):
    """A log that cannot hold one item, and fails when told to."""

    is_broken = False

    def append(self, events: Sequence[Event], *, source: str = "api") -> Sequence[Receipt]:
        if self.is_broken:
            raise Unavailable("storage_full", "There is no space left.")
        if any(event.item_id == "unstorable" for event in events):
            raise BadInput("event_unstorable", "An event cannot be stored.")
        return super().append(events, source=source)


class Ward:
    """An intake over a log and a store in memory, and what it told."""

    def __init__(self) -> None:
        self.log, self.store = Picky(clock=moment), MemoryEventStore()
        self.counts = EventCounts()
        self.now_ms, self._ids = NOW_MS, count(1)
        self.is_quarantine_broken = False
        self.intake = Intake(
            self.log,
            EventRules.shipped("music"),
            count=self._count,
            clock=lambda: self.now_ms,
            new_id=lambda: f"own-{next(self._ids)}",
            quarantine=self._quarantine,
        )

    def take(self, *raws: object, assign_ids: bool = False) -> tuple[Taken, ...]:
        return self.intake.take(raws, source="api", assign_ids=assign_ids)

    def fates(self, *raws: object) -> list[str]:
        return [each.fate for each in self.take(*raws)]

    def _count(self, source: str, counts: EventCounts) -> None:
        assert source == "api"
        self.counts += counts

    def _quarantine(self, effects: Any) -> Plan:
        if self.is_quarantine_broken:
            raise Unavailable("database_busy", "Somebody else writes.")
        return self.store.set_aside(effects)


def play(event_id: str = "e1", **changes: object) -> dict[str, object]:
    return {"event_id": event_id, "user_id": "ann", "item_id": "i1", "type": "play", **changes}


def test_what_is_told_stored_is_in_the_log_and_what_is_not_is_not() -> None:
    ward = Ward()

    assert ward.fates(play("e1"), play("e2", type="nothing"), play("e3")) == ["stored", "rejected", "stored"]
    assert [logged.event.event_id for logged in ward.log.read(0, limit=10)] == ["e1", "e3"]


def test_an_event_without_a_time_is_the_same_whenever_it_is_sent_again() -> None:
    ward = Ward()
    ward.take(play())
    ward.now_ms += 60_000

    assert ward.fates(play()) == ["duplicate"]
    assert ward.fates(play(value=2)) == ["quarantined"]
    assert ward.log.read(0, limit=1)[0].event.occurred_at_ms == NOW_MS


def test_a_conflict_without_a_time_is_quarantined_once_however_often_it_is_sent() -> None:
    ward = Ward()
    ward.take(play())
    for _ in range(3):
        ward.now_ms += 1
        assert ward.fates(play(value=2)) == ["quarantined"]

    assert len(ward.store.quarantined()) == 1
    assert ward.counts == EventCounts(received=4, stored=1, deduplicated=2, quarantined=1)


def test_what_is_too_old_is_kept_in_quarantine_with_its_reason() -> None:
    ward = Ward()
    (taken,) = ward.take(play(occurred_at=LONG_AGO))
    (kept,) = ward.store.quarantined()

    assert (taken.fate, taken.event_id, ward.log.last_sequence) == ("quarantined", "e1", 0)
    assert (kept.reason.code, kept.logged.event.occurred_at_ms) == ("timestamp_range", LONG_AGO)


def test_without_a_quarantine_the_sender_keeps_what_belongs_there() -> None:
    ward = Ward()
    ward.is_quarantine_broken = True
    old, fresh = ward.take(play("e1", occurred_at=LONG_AGO), play("e2"))

    assert (old.fate, old.problem.code if old.problem else "") == ("rejected", "quarantine_unavailable")
    assert (fresh.fate, ward.counts) == ("stored", EventCounts(2, 1, 0, 0, 1))


def test_while_the_log_takes_nothing_nothing_has_a_fate() -> None:
    ward = Ward()
    ward.log.is_broken = True
    with pytest.raises(Unavailable):
        ward.take(play("e1"), play("e2", occurred_at=LONG_AGO), play("e3", type="nothing"))

    assert (ward.counts, ward.store.quarantined()) == (EventCounts(), [])


def test_an_event_that_the_log_cannot_hold_costs_none_of_the_others() -> None:
    ward = Ward()

    assert ward.fates(play("e1"), play("e2", item_id="unstorable"), play("e3")) == ["stored", "rejected", "stored"]


def test_an_event_that_could_not_be_read_keeps_its_place_and_reason() -> None:
    unread = Problem("json_invalid", "It is not JSON.")
    taken = Ward().take(play(), unread)

    assert (taken[1].fate, taken[1].problem, taken[1].event_id) == ("rejected", unread, None)


def test_an_id_is_given_only_where_that_is_asked_for() -> None:
    ward = Ward()
    raw = {"user_id": "ann", "item_id": "i1", "type": "play"}
    named = [ward.take(raw, assign_ids=True)[0].event_id for _ in range(2)]

    assert named == ["own-1", "own-2"]
    assert ward.fates(raw) == ["rejected"]


sent = st.fixed_dictionaries(
    {
        "event_id": st.sampled_from(["e1", "e2", "e3", ""]),
        "user_id": st.just("ann"),
        "item_id": st.sampled_from(["i1", "unstorable"]),
        "type": st.sampled_from(["play", "nothing"]),
    },
    optional={"value": st.sampled_from([1, 2, -1]), "occurred_at": st.sampled_from([NOW_MS, LONG_AGO])},
)


@given(st.lists(st.tuples(st.lists(sent, min_size=1, max_size=6), st.booleans(), st.booleans()), max_size=8))
def test_whatever_is_sent_every_event_is_counted_under_exactly_one_fate(calls: list[Any]) -> None:
    ward, answered = Ward(), 0
    for raws, ward.log.is_broken, ward.is_quarantine_broken in calls:
        ward.now_ms += 1
        try:
            taken = ward.take(*raws)
        except Unavailable:
            continue
        answered += len(taken)
        assert len(taken) == len(raws)
        assert all((each.problem is None) == (each.fate in ("stored", "duplicate")) for each in taken)

    assert (ward.counts.received, ward.counts.missing) == (answered, 0)
    assert ward.counts.stored == ward.log.last_sequence
    store = replayed(ward)
    assert store.counts().get("api", EventCounts()) == ward.counts
    assert unbalanced(store) == []


def replayed(ward: Ward) -> MemoryEventStore:
    """The store once the log is applied, and the door's own counts have reached it."""
    ingestion = Ingestion(ward.log, ward.store, TYPES, admission=Admission("accept"))
    while ingestion.step().read:
        pass
    ward.store.tally("api", deduplicated=ward.counts.deduplicated, rejected=ward.counts.rejected)
    return ward.store
