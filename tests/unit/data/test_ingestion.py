"""Applying the log: what is set aside and comes back, what waits, and when it is given up."""

from __future__ import annotations

import math
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import pytest

from tacit.adapters.memory_events import MemoryEventLog
from tacit.adapters.memory_store import MemoryEventStore
from tacit.data.event_effects import EventCounts
from tacit.data.ingestion import Admission, Applied, Ingestion
from tacit.errors import Misconfigured, Unavailable
from tests.ingestions import CATALOGUE, TYPES, Fragile, event, ingestion, run_out, tape


def test_ten_poisonous_events_among_ten_thousand_are_the_only_ones_set_aside() -> None:
    poison = set(range(500, 10_000, 1_000))
    log = tape(event(number, user_id="unstorable" if number in poison else "ann") for number in range(10_000))
    whole = MemoryEventStore()
    store = Fragile(whole)

    total = run_out(ingestion(log, store))

    assert (total.stored, total.quarantined, store.offset) == (9_990, 10, 10_000)
    assert {entry.logged.event.event_id for entry in whole.quarantined()} == {f"e{number}" for number in poison}
    # Three tries to apply it; the fourth time it is carried to quarantine.
    assert max(store.tries.values()) == 4
    sequences = [each.logged.sequence for each in whole.applied(0, limit=10_000)]
    assert sequences == sorted(sequences)

    whole.release([entry.quarantine_id for entry in whole.quarantined()])
    assert run_out(ingestion(log, whole)).stored == 10
    assert whole.counts() == {"api": EventCounts(received=10_000, stored=10_000)}


def test_an_unavailable_store_holds_everything_back_and_quarantines_nothing() -> None:
    store = Fragile(MemoryEventStore(), ["busy"])
    steps = ingestion(tape([event(1), event(2)]), store)

    with pytest.raises(Unavailable):
        steps.step()
    assert (store.offset, list(store.quarantined()), steps.lag) == (0, [], 2)

    assert steps.step().stored == 2
    assert steps.lag == 0


def test_an_unavailable_catalogue_quarantines_nothing() -> None:
    def busy(item_ids: Collection[str]) -> Collection[str]:
        raise Unavailable("database_busy", "Somebody else writes.")

    store = MemoryEventStore()

    with pytest.raises(Unavailable):
        ingestion(tape([event(1)]), store, known=busy).step()

    assert (store.offset, list(store.quarantined())) == (0, [])


def test_an_event_of_an_unknown_item_waits_until_the_catalogue_has_it() -> None:
    catalogue = {"i1"}
    store = MemoryEventStore()
    steps = ingestion(tape([event(1, item_id="new"), event(2)]), store, known=catalogue.intersection)
    run_out(steps)
    (entry,) = store.quarantined()
    assert entry.reason.code == "entity_unknown"

    store.release([entry.quarantine_id])
    run_out(steps)
    assert [(each.state, each.tries) for each in store.quarantined()] == [("held", 2)]

    catalogue.add("new")
    store.release([entry.quarantine_id])
    run_out(steps)
    assert [interaction.item_id for interaction in store.interactions_of("ann")] == ["i1", "new"]
    assert store.counts() == {"api": EventCounts(received=2, stored=2)}


def test_unknown_items_are_accepted_where_the_policy_says_so() -> None:
    store = MemoryEventStore()
    admission = Admission(unknown_items="accept", known=CATALOGUE.intersection)

    Ingestion(tape([event(1, item_id="new")]), store, TYPES, admission=admission).step()

    assert store.counts() == {"api": EventCounts(received=1, stored=1)}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"type": "teleport"}, "event_type_unknown"),
        ({"value": math.nan}, "number_not_finite"),
        ({"value": -math.inf}, "number_not_finite"),
        ({"value": "many"}, "event_unappliable"),
        ({"item_id": "i\0"}, "string_nul"),
        ({"recommendation_id": "\0"}, "string_nul"),
        ({"item_id": "unheard"}, "entity_unknown"),
        ({"type": "curse"}, "event_unappliable"),
    ],
)
def test_a_poisonous_event_is_set_aside_with_its_reason_and_the_rest_goes_on(
    changes: dict[str, Any], code: str
) -> None:
    store = MemoryEventStore()

    run_out(ingestion(tape([event(1), event(2, **changes), event(3)]), store))

    assert [entry.reason.code for entry in store.quarantined()] == [code]
    assert [each.logged.sequence for each in store.applied(0, limit=9)] == [1, 3]


def test_a_reason_never_quotes_what_the_user_did() -> None:
    store = MemoryEventStore()

    run_out(ingestion(tape([event(1, type="curse", value=3.0)]), store))

    assert [entry.reason.detail for entry in store.quarantined()] == ["It cannot be applied: ArithmeticError."]


def test_a_mended_event_is_the_one_that_is_applied() -> None:
    store = MemoryEventStore()
    steps = ingestion(tape([event(1, type="teleport")]), store)
    run_out(steps)
    (entry,) = store.quarantined()

    store.mend(entry.quarantine_id, event(1, type="skip"))
    store.release([entry.quarantine_id])
    run_out(steps)

    assert [interaction.weight for interaction in store.interactions_of("ann")] == [-0.3]


def test_a_step_says_whose_interactions_changed() -> None:
    log = tape([event(1), event(2, user_id="bob"), event(3, user_id="cid", item_id="unheard"), event(1)])

    applied = ingestion(log, MemoryEventStore()).step()

    assert applied == Applied(read=4, stored=2, deduplicated=1, quarantined=1, users=frozenset({"ann", "bob"}))


def test_users_whose_events_were_applied_by_a_step_that_failed_are_told_by_the_next_one() -> None:
    store = Fragile(MemoryEventStore(), ["unheard"])
    steps = ingestion(tape([event(1)]), store)

    with pytest.raises(Unavailable):
        steps.step()
    assert [store.offset, *store.changed_users(0)] == [1, "ann"]

    assert steps.step() == Applied(users=frozenset({"ann"}))
    assert steps.step() == Applied()


def test_users_of_the_pieces_before_the_one_that_failed_are_told_by_the_next_step() -> None:
    events = [event(1, user_id="unstorable"), event(2), event(3), event(4, user_id="bob")]
    # All four fail together, then the first two, then each alone: the first is set aside, the second stored.
    store = Fragile(MemoryEventStore(), ["well"] * 5 + ["busy"])
    steps = ingestion(tape(events), store, batch=4)

    with pytest.raises(Unavailable):
        steps.step()
    assert (store.offset, store.changed_users(0)) == (2, ["ann"])

    assert {"ann", "bob"} <= steps.step().users
    assert steps.lag == 0


def test_catching_up_tells_the_users_of_a_step_that_failed_though_nothing_is_left_to_apply() -> None:
    clock = Clock()
    store = Fragile(MemoryEventStore(), ["unheard"])

    caught_up = ingestion(tape([event(1)]), store, clock=clock, pause=clock.pause).catch_up(clock.now + 10)

    assert caught_up == Applied(users=frozenset({"ann"}))


def test_what_the_log_acknowledged_is_applied_from_it() -> None:
    log = MemoryEventLog(clock=lambda: datetime(2026, 1, 2, tzinfo=UTC))
    log.append([event(1), event(2)], source="import")
    log.append([event(2)])
    store = MemoryEventStore()

    run_out(ingestion(log, store))

    assert store.counts() == {"import": EventCounts(received=2, stored=2)}


def test_a_log_that_ends_before_what_was_read_of_it_is_refused() -> None:
    store = MemoryEventStore()
    run_out(ingestion(tape([event(1), event(2)]), store))

    with pytest.raises(Misconfigured) as refusal:
        ingestion(tape([event(3)]), store).step()

    assert refusal.value.code == "event_log_replaced"
    store.rewind()
    assert run_out(ingestion(tape([event(3)]), store)).stored == 1


class Clock:
    """Shows the time, and is put forward by who waits."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def test_catching_up_goes_to_the_end_of_the_log() -> None:
    clock = Clock()
    steps = ingestion(tape(event(number) for number in range(9)), MemoryEventStore(), batch=2, clock=clock)

    assert steps.catch_up(clock.now + 1).stored == 9
    assert steps.lag == 0


def test_catching_up_waits_longer_and_longer_for_a_store_that_is_unavailable() -> None:
    clock = Clock()
    store = Fragile(MemoryEventStore(), ["busy"] * 6)
    steps = ingestion(tape([event(1)]), store, clock=clock, pause=clock.pause)

    assert steps.catch_up(clock.now + 10).stored == 1
    assert clock.pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0]


def test_catching_up_gives_up_when_its_time_is_over() -> None:
    clock = Clock()
    steps = ingestion(tape([event(1)]), Fragile(MemoryEventStore(), ["busy"] * 99), clock=clock, pause=clock.pause)

    with pytest.raises(Unavailable):
        steps.catch_up(clock.now + 1)

    assert clock.now < 101
    assert steps.catch_up(clock.now) == Applied()
