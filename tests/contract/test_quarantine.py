"""Quarantine looked after, over every store: seen, mended, released exactly once, purged, each act written down."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tacit.adapters.memory import MemoryAuditTrail
from tacit.adapters.memory_store import MemoryEventStore
from tacit.adapters.sql.audit import SqlAuditTrail
from tacit.adapters.sql.engine import Database, open_database
from tacit.adapters.sql.events import SqlEventStore
from tacit.data.event_effects import Reason
from tacit.data.event_rules import EventRules
from tacit.data.ingestion import EventStore
from tacit.data.quarantine import Chosen, Quarantine, as_sent, described
from tacit.errors import BadInput, NotFound, Refused
from tacit.security.audit import AuditEntry, AuditRecorder, AuditTrail
from tests.event_stores import MOMENT, UNKNOWN, effect, from_the_door, held, play
from tests.ingestions import CATALOGUE, Fragile, PowerCut, Tape, ingestion, run_out, tape

RULES = EventRules.shipped("music")
OTHER = Reason("event_unappliable", "It cannot be applied: ArithmeticError.")


@dataclass(frozen=True)
class Ward:
    """A quarantine, and what stands behind it."""

    store: EventStore
    audit: AuditTrail
    quarantine: Quarantine

    def acts(self) -> list[AuditEntry]:
        return list(reversed(self.audit.entries()))


def ward_over(store: EventStore, audit: AuditTrail, database: Database | None = None) -> Ward:
    times = count(1)
    transaction = {} if database is None else {"transaction": database.transaction}
    quarantine = Quarantine(store, RULES, audit=AuditRecorder(audit), clock=lambda: f"at {next(times)}", **transaction)
    return Ward(store, audit, quarantine)


@contextmanager
def sqlite_ward(empty_file: Path, folder: Path) -> Iterator[Ward]:
    shutil.copy(empty_file, folder / "tacit.db")
    database = open_database(f"sqlite:///{folder}/tacit.db")
    try:
        yield ward_over(SqlEventStore(database), SqlAuditTrail(database), database)
    finally:
        database.close()


@pytest.fixture(params=["memory", "sqlite"])
def ward(request: pytest.FixtureRequest, empty_file: Path, tmp_path: Path) -> Iterator[Ward]:
    if request.param == "memory":
        yield ward_over(MemoryEventStore(), MemoryAuditTrail())
        return
    with sqlite_ward(empty_file, tmp_path) as ward:
        yield ward


def aside(ward: Ward, count: int = 3, **changes: Any) -> list[int]:
    """Set events of the log aside; their entries."""
    reason = changes.pop("reason", UNKNOWN)
    after = ward.store.offset
    effects = [effect(after + number, reason=reason, item_id="new", **changes) for number in range(1, count + 1)]
    ward.store.apply(effects, offset=after + count)
    return held(ward.store)


def log_of(store: EventStore) -> Tape:
    """A log that is read to its end."""
    return tape(play(number) for number in range(1, store.offset + 1))


@pytest.mark.requirement("QUAL-018")
def test_what_is_set_aside_is_listed_in_pages_with_the_counts_of_every_reason(ward: Ward) -> None:
    aside(ward, 3)
    aside(ward, 2, reason=OTHER)
    first = ward.quarantine.page(limit=2)
    second = ward.quarantine.page(limit=2, cursor=first.next_cursor or 0)
    third = ward.quarantine.page(limit=2, cursor=second.next_cursor or 0)
    others = ward.quarantine.page(reason="event_unappliable")

    numbers = [[entry.quarantine_id for entry in page.entries] for page in (first, second, third)]
    assert numbers == [[1, 2], [3, 4], [5]]
    assert third.next_cursor is None
    assert first.reasons == {"entity_unknown": 3, "event_unappliable": 2}
    assert [entry.quarantine_id for entry in others.entries] == [4, 5]
    with pytest.raises(BadInput, match="limit"):
        ward.quarantine.page(limit=1_001)


@pytest.mark.requirement("QUAL-020")
def test_an_entry_says_where_it_comes_from_and_why_it_is_here(ward: Ward) -> None:
    sent = effect(1, reason=UNKNOWN, value=2.5, recommendation_id="r", properties='{"x":[1]}')
    ward.store.apply([sent], offset=1)
    ward.store.set_aside([from_the_door(9, timed=False)])
    of_the_log, of_the_door = (described(ward.quarantine.entry(number)) for number in (1, 2))

    event = {"event_id": "e1", "user_id": "ann", "item_id": "i1", "type": "play", "value": 2.5}
    assert of_the_log == {
        "quarantine_id": 1,
        "state": "held",
        "reason": "entity_unknown",
        "detail": UNKNOWN.detail,
        "tries": 1,
        "source": "api",
        "sequence": 1,
        "received_at_ms": sent.logged.received_at_ms,
        "event": {**event, "occurred_at": MOMENT + 1, "recommendation_id": "r", "properties": {"x": [1]}},
        "mended": None,
    }
    assert of_the_door["sequence"] is None
    assert "occurred_at" not in as_sent(ward.quarantine.entry(2).logged.event)


def test_an_entry_that_never_was_or_is_purged_is_unknown(ward: Ward) -> None:
    first, *_ = aside(ward, 2)
    ward.quarantine.purge(Chosen((first,)), actor="ann")

    for number in (first, 99):
        with pytest.raises(NotFound) as refusal:
            ward.quarantine.entry(number)
        assert refusal.value.code == "quarantine_unknown"


def test_a_corrected_event_is_the_one_that_has_its_effect(ward: Ward) -> None:
    first, second = aside(ward, 2)
    fixed = ward.quarantine.fix(first, {"item_id": "i1", "value": 3}, actor="ann")
    whole = {**as_sent(play(2)), "item_id": "i2"}
    ward.quarantine.fix(second, whole, actor="ann", is_whole=True)
    again = ward.quarantine.fix(first, {"value": None}, actor="bob")

    assert fixed.logged.event.item_id == "new"
    assert (fixed.mended, again.mended) == (play(1, item_id="i1", value=3.0), play(1, item_id="i1"))
    assert ward.quarantine.release(Chosen((first, second)), actor="ann") == 2
    run_out(ingestion(log_of(ward.store), ward.store))
    assert {each.item_id: each.count for each in ward.store.interactions_of("ann")} == {"i1": 1, "i2": 1}
    assert [(act.action, act.actor, act.subject) for act in ward.acts()] == [
        ("quarantine_fixed", "ann", "quarantine/1"),
        ("quarantine_fixed", "ann", "quarantine/2"),
        ("quarantine_fixed", "bob", "quarantine/1"),
        ("quarantine_released", "ann", "quarantine/1-2"),
    ]
    assert [act.facts.get("fields") for act in ward.acts()] == [["item_id", "value"], ["item_id"], ["value"], None]


def test_a_corrected_event_without_a_time_keeps_the_moment_it_came(ward: Ward) -> None:
    (number,) = aside(ward, 1, timed=False)
    mended = ward.quarantine.fix(number, {"item_id": "i1"}, actor="ann").mended

    assert mended == play(1, item_id="i1", timed=False)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"item_id": ""}, "id_empty"),
        ({"item_id": None}, "field_missing"),
        ({"itme_id": "x"}, "field_unknown"),
        ({"type": "plya"}, "event_type_unknown"),
        ({"value": -1}, "value_range"),
        ({"value": "3"}, "type"),
        ({"occurred_at": 1_700_000_000}, "timestamp_unit"),
        ({"occurred_at": MOMENT + 5_001 + 25 * 3_600_000}, "timestamp_range"),
        ({"occurred_at": 946_684_800_000}, "timestamp_range"),
        ({"schema_version": 2}, "schema_version"),
        ({"item_id": "new"}, "quarantine_unchanged"),
        ({}, "quarantine_unchanged"),
    ],
)
def test_a_correction_is_judged_by_the_rules_of_the_door(ward: Ward, said: dict[str, object], code: str) -> None:
    (number,) = aside(ward, 1)
    before = ward.quarantine.entry(number)
    with pytest.raises(BadInput) as refusal:
        ward.quarantine.fix(number, said, actor="ann")

    assert refusal.value.code == code
    assert (ward.quarantine.entry(number), ward.acts()) == (before, [])


def test_only_a_held_event_can_be_corrected(ward: Ward) -> None:
    (number,) = aside(ward, 1)
    ward.quarantine.release(Chosen((number,)), actor="ann")

    with pytest.raises(Refused, match="released"):
        ward.quarantine.fix(number, {"item_id": "i1"}, actor="ann")


@pytest.mark.requirement("QUAL-019")
def test_all_events_of_a_reason_are_released_and_no_other(ward: Ward) -> None:
    aside(ward, 3)
    (other,) = set(aside(ward, 1, reason=OTHER)) - {1, 2, 3}

    assert ward.quarantine.release(Chosen(reason="entity_unknown"), actor="ann") == 3
    assert ward.quarantine.release(Chosen(reason="entity_unknown"), actor="ann") == 0
    assert ward.quarantine.release(Chosen(reason="nothing"), actor="ann") == 0
    assert [entry.quarantine_id for entry in ward.store.released(limit=9)] == [1, 2, 3]
    assert ward.quarantine.entry(other).state == "held"
    assert [act.facts for act in ward.acts()] == [{"count": 3, "entries": [1, 2, 3], "reason": "entity_unknown"}]


def test_more_events_than_fit_one_transaction_are_released_and_purged_by_reason(ward: Ward) -> None:
    aside(ward, 2_100)

    assert ward.quarantine.release(Chosen(reason="entity_unknown"), actor="ann") == 2_100
    assert ward.quarantine.purge(Chosen(reason="entity_unknown"), actor="ann") == 2_100
    assert ward.quarantine.page().reasons == {}
    assert sum(int(str(act.facts["count"])) for act in ward.acts()) == 4_200
    assert ward.store.counts()["api"].rejected == 2_100


def test_one_unknown_entry_among_those_named_leaves_all_as_they_are(ward: Ward) -> None:
    numbers = aside(ward, 2)
    for act in (ward.quarantine.release, ward.quarantine.purge):
        with pytest.raises(NotFound) as refusal:
            act(Chosen((*numbers, 77)), actor="ann")
        assert refusal.value.context == {"unknown": [77]}

    assert (held(ward.store), ward.acts()) == (numbers, [])


@pytest.mark.parametrize("chosen", [{}, {"quarantine_ids": (1,), "reason": "entity_unknown"}])
def test_what_is_meant_must_be_said_in_one_way(chosen: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="which entries"):
        Chosen(**chosen)


class Torn:
    """A trail that cannot be written."""

    def append(self, entry: AuditEntry) -> None:
        raise PowerCut

    def entries(self, *, limit: int = 100) -> Sequence[AuditEntry]:
        return []


@pytest.mark.parametrize("act", ["fix", "release", "purge"])
def test_an_act_that_cannot_be_written_down_is_not_done(act: str, empty_file: Path, tmp_path: Path) -> None:
    shutil.copy(empty_file, tmp_path / "tacit.db")
    database = open_database(f"sqlite:///{tmp_path}/tacit.db")
    try:
        ward = ward_over(SqlEventStore(database), Torn(), database)
        (number,) = aside(ward, 1)
        before = ward.quarantine.entry(number)
        deeds: dict[str, Callable[[], object]] = {
            "fix": lambda: ward.quarantine.fix(number, {"item_id": "i1"}, actor="ann"),
            "release": lambda: ward.quarantine.release(Chosen((number,)), actor="ann"),
            "purge": lambda: ward.quarantine.purge(Chosen((number,)), actor="ann"),
        }
        with pytest.raises(PowerCut):
            deeds[act]()
        assert ward.quarantine.entry(number) == before
    finally:
        database.close()


FATES = st.lists(st.sampled_from(["well", "busy", "cut before", "cut after"]), max_size=10)
DEEDS = st.lists(
    st.tuples(st.sampled_from(["release", "purge", "fix", "replay", "replay", "catalogue"]), st.integers(1, 6)),
    max_size=14,
)


def _crashing_replay(store: EventStore, fates: Sequence[str], known: set[str]) -> None:
    """What a follower does that ends at any moment; another one goes on from there next time."""
    fragile = Fragile(store, fates)
    with suppress(PowerCut, Exception):
        run_out(ingestion(log_of(store), fragile, known=known.intersection))


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds=DEEDS, fates=FATES)
def test_whatever_is_released_and_wherever_it_crashes_each_event_has_its_effect_once_at_most(
    kind: str, deeds: list[tuple[str, int]], fates: list[str], empty_file: Path, tmp_path: Path
) -> None:
    with sqlite_ward(empty_file, tmp_path) as ward:
        ward = ward if kind == "sqlite" else ward_over(MemoryEventStore(), MemoryAuditTrail())
        aside(ward, 6)
        known = set(CATALOGUE)
        for deed, number in deeds:
            chosen = Chosen((number,))
            with suppress(NotFound, Refused, BadInput):
                match deed:
                    case "release":
                        ward.quarantine.release(chosen, actor="ann")
                    case "purge":
                        ward.quarantine.purge(chosen, actor="ann")
                    case "fix":
                        ward.quarantine.fix(number, {"item_id": "i1"}, actor="ann")
                    case "catalogue":
                        known.add("new")
                    case "replay":
                        _crashing_replay(ward.store, [fates.pop(0)] if fates else [], known)
        _crashing_replay(ward.store, [], known)
        _check_conserved(ward.store)


def _check_conserved(store: EventStore) -> None:
    applied = [each.logged.event.event_id for each in store.applied(0, limit=100)]
    states = [getattr(store.quarantine_entry(number), "state", "purged") for number in range(1, 7)]
    counts = store.counts()["api"]

    assert len(applied) == len(set(applied)) == states.count("applied") == counts.stored
    assert sum(each.count for each in store.interactions_of("ann")) == len(applied)
    assert counts.quarantined == states.count("held") + states.count("released")
    assert counts.rejected == states.count("purged")
    assert (counts.received, counts.missing, states.count("released")) == (6, 0, 0)


def test_an_event_whose_id_was_applied_meanwhile_ends_as_a_repetition(ward: Ward) -> None:
    (number,) = aside(ward, 1)
    ward.store.set_aside([replace(from_the_door(1), reason=UNKNOWN)])
    ward.quarantine.release(Chosen((number, number + 1)), actor="ann")
    run_out(ingestion(log_of(ward.store), ward.store, known=set))

    assert [ward.quarantine.entry(each).state for each in (number, number + 1)] == ["applied", "repeated"]
