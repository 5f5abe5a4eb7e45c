"""However it is interrupted, the log ends up applied as if each event had come once, in order."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.adapters.memory_store import MemoryEventStore
from tacit.data.event_effects import UserItem
from tacit.data.events import Event, LoggedEvent
from tacit.data.ingestion import EventStore
from tacit.errors import Unavailable
from tests.ingestions import CATALOGUE, MOMENT, TYPES, Fragile, PowerCut, Tape, ingestion, run_out, tape

# The oracle: what each event once, in order, amounts to, said in the simplest way.


def is_poisonous(event: Event) -> bool:
    return (
        event.type not in ("play", "rating", "skip")
        or event.user_id == "unstorable"
        or event.item_id not in CATALOGUE
        or (event.value is not None and not math.isfinite(event.value))
    )


def fates_of(log: Tape) -> dict[str, list[LoggedEvent]]:
    """Which events of a log are stored, repetitions, conflicts and poisonous."""
    fates: dict[str, list[LoggedEvent]] = {"stored": [], "repeated": [], "conflict": [], "poison": []}
    firsts: dict[str, Event] = {}
    for logged in log.read(0, limit=log.last_sequence):
        first = firsts.setdefault(logged.event.event_id, logged.event)
        if first is not logged.event:
            fates["repeated" if first == logged.event else "conflict"].append(logged)
        else:
            fates["poison" if is_poisonous(logged.event) else "stored"].append(logged)
    return fates


def assert_conserved(store: EventStore, log: Tape, *, read_to: int) -> None:
    """What is counted is what is there, and what was read from the log has exactly one fate."""
    stored = Counter(each.logged.source for each in store.applied(0, limit=1_000))
    quarantined = Counter(entry.logged.source for entry in store.quarantined(limit=1_000))
    received = Counter(logged.source for logged in log.read(0, limit=read_to))
    counts = store.counts()
    assert {source: each.missing for source, each in counts.items()} == dict.fromkeys(counts, 0)
    assert {source: each.received for source, each in counts.items()} == dict(received)
    assert {source: each.stored for source, each in counts.items() if each.stored} == dict(stored)
    assert {source: each.quarantined for source, each in counts.items() if each.quarantined} == dict(quarantined)


def assert_applied_once_in_order(store: EventStore, log: Tape) -> None:
    fates = fates_of(log)
    assert [each.logged for each in store.applied(0, limit=1_000)] == fates["stored"]
    quarantined = [entry.logged.sequence for entry in store.quarantined(limit=1_000)]
    assert quarantined == sorted(logged.sequence for logged in fates["poison"] + fates["conflict"])
    assert sum(each.deduplicated for each in store.counts().values()) == len(fates["repeated"])
    for user in {logged.event.user_id for logged in fates["stored"]}:
        assert list(store.interactions_of(user)) == simple_sums(fates["stored"], user)


def simple_sums(stored: Iterable[LoggedEvent], user: str) -> list[UserItem]:
    own = [logged for logged in stored if logged.event.user_id == user]
    sums = []
    for item in sorted({logged.event.item_id for logged in own}):
        events = [logged.event for logged in own if logged.event.item_id == item]
        weight = sum(round(TYPES[each.type].weight_of(each.value) * 10**6) for each in events) / 10**6
        rating = None
        for each in sorted(events, key=lambda each: each.occurred_at_ms):
            rating = each.value if each.type == "rating" else rating
        sums.append(UserItem(item, weight, len(events), max(each.occurred_at_ms for each in events), rating))
    return sums


EVENTS = st.builds(
    Event,
    event_id=st.sampled_from([f"e{number}" for number in range(12)]),
    user_id=st.sampled_from(["ann", "bob", "ann", "bob", "unstorable"]),
    item_id=st.sampled_from(["i1", "i2", "i1", "i2", "unheard"]),
    type=st.sampled_from(["play", "rating", "skip", "play", "rating", "skip", "curse", "unheard"]),
    value=st.sampled_from([1.0, 2.5, 4.0, math.inf]),
    occurred_at_ms=st.integers(MOMENT, MOMENT + 5),
)
FATES = st.lists(st.sampled_from(["well", "busy", "cut before", "cut after"]), max_size=30)


@settings(max_examples=60, deadline=None)
@given(
    events=st.lists(EVENTS, max_size=30),
    fates=FATES,
    replays=st.lists(st.booleans(), max_size=12),
    batch=st.integers(1, 11),
)
def test_crashes_replays_repetitions_and_poison_end_as_each_event_once_in_order(
    events: list[Event], fates: list[str], replays: list[bool], batch: int
) -> None:
    log, whole = tape(events, sources=("api", "import")), MemoryEventStore()
    store = Fragile(whole, fates)
    rewinds = iter(replays)
    read_to = 0
    while True:
        try:
            applied = ingestion(log, store, batch=batch).step()
        except (PowerCut, Unavailable):
            applied = None
        read_to = max(read_to, whole.offset)
        assert_conserved(whole, log, read_to=read_to)
        if next(rewinds, False):
            whole.rewind()
        elif applied is not None and not applied.read:
            break

    assert_applied_once_in_order(whole, log)


@settings(max_examples=60, deadline=None)
@given(events=st.lists(EVENTS, max_size=20), fates=FATES, chosen=st.lists(st.integers(1, 20)), batch=st.integers(1, 7))
def test_released_events_are_applied_exactly_once_whatever_comes_between(
    events: list[Event], fates: list[str], chosen: list[int], batch: int
) -> None:
    log, whole = tape(events), MemoryEventStore()
    run_out(ingestion(log, Fragile(whole), batch=batch))
    unknown = {entry.quarantine_id for entry in whole.quarantined(reason="entity_unknown")}
    store = Fragile(whole, fates)

    for _ in range(2):
        whole.release(chosen)
        while True:
            try:
                if not ingestion(log, store, known=frozenset, batch=batch).step().read:
                    break
            except (PowerCut, Unavailable):
                continue
            assert_conserved(whole, log, read_to=len(events))

    left = {entry.quarantine_id for entry in whole.quarantined(reason="entity_unknown")}
    ids = [each.logged.event.event_id for each in whole.applied(0, limit=1_000)]
    assert left == unknown - set(chosen)
    assert len(set(ids)) == len(ids)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_events_that_come_out_of_order_amount_to_the_same_as_sorted_ones(data: st.DataObject) -> None:
    """Ids and times all differ here, so that *sorted* means one thing."""
    drawn = data.draw(st.lists(EVENTS.filter(lambda each: not is_poisonous(each)), max_size=25))
    ordered = [
        replace(each, event_id=f"e{number}", occurred_at_ms=MOMENT + number) for number, each in enumerate(drawn)
    ]
    stores = []
    for events in (ordered, data.draw(st.permutations(ordered))):
        stores.append(MemoryEventStore())
        run_out(ingestion(tape(events), stores[-1], batch=4))

    in_order, shuffled = ([store.interactions_of(user) for user in ("ann", "bob")] for store in stores)
    assert shuffled == in_order
