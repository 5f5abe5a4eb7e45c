"""What every `EventStore` promises."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tacit.adapters.memory_store import MemoryEventStore
from tacit.adapters.sql.events import SqlEventStore
from tacit.data.event_effects import Decay, EventCounts, Reason, UserItem
from tacit.data.ingestion import EventStore
from tests.event_stores import MOMENT, UNKNOWN, again, effect, everything, from_the_door, held, play


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> EventStore:
    if request.param == "memory":
        return MemoryEventStore()
    return SqlEventStore(request.getfixturevalue(f"{request.param}_database"))


def test_an_empty_store_is_at_the_start_of_the_log_and_counts_nothing(store: EventStore) -> None:
    assert (store.offset, store.last_turn) == (0, 0)
    assert store.counts() == {}
    assert list(store.interactions_of("ann")) == []
    assert list(store.applied(0, limit=10)) == []


def test_an_event_comes_back_as_it_was_applied(store: EventStore) -> None:
    odd = effect(
        1, weight=-0.25, user_id="ü,\n", value=4.5, type="rating", recommendation_id="r1", properties='{"é":"\\u0000"}'
    )

    store.apply([odd], offset=1)

    (applied,) = store.applied(0, limit=10)
    assert (applied.turn, applied.logged, applied.weight) == (1, odd.logged, -250_000)


def test_the_offset_moves_even_where_no_event_has_an_effect(store: EventStore) -> None:
    store.apply([effect(1, reason=UNKNOWN)], offset=1)
    store.apply([], offset=7)

    assert (store.offset, store.last_turn) == (7, 0)


def test_events_with_one_item_amount_to_a_weight_a_count_and_a_last_time(store: EventStore) -> None:
    store.apply([effect(3, weight=0.1), effect(1, weight=0.2), effect(2, weight=-2.0, item_id="i2")], offset=3)
    store.apply([effect(4, weight=0.7, occurred_at_ms=MOMENT)], offset=4)

    assert list(store.interactions_of("ann")) == [
        UserItem("i1", 1.0, 3, MOMENT + 3),
        UserItem("i2", -2.0, 1, MOMENT + 2),
    ]


def test_the_rating_that_occurred_last_counts_whenever_it_arrives(store: EventStore) -> None:
    rating = {"type": "rating"}
    store.apply([effect(1, value=3.0, occurred_at_ms=MOMENT + 9, **rating)], offset=1)
    store.apply([effect(2, value=5.0, occurred_at_ms=MOMENT + 5, **rating), effect(3)], offset=3)

    assert [interaction.rating for interaction in store.interactions_of("ann")] == [3.0]


def test_of_two_ratings_at_one_moment_the_later_of_the_log_counts(store: EventStore) -> None:
    ratings = [
        effect(number, type="rating", value=value, occurred_at_ms=MOMENT) for number, value in [(1, 2.0), (2, 4.0)]
    ]

    store.apply(list(reversed(ratings)), offset=2)
    store.apply([effect(3)], offset=3)

    assert [interaction.rating for interaction in store.interactions_of("ann")] == [4.0]


def test_a_first_rating_after_other_events_is_taken(store: EventStore) -> None:
    store.apply([effect(1)], offset=1)
    store.apply([effect(2, type="rating", value=2.5)], offset=2)

    assert [interaction.rating for interaction in store.interactions_of("ann")] == [2.5]


def test_interactions_can_be_asked_for_since_a_moment_and_since_a_turn(store: EventStore) -> None:
    store.apply([effect(1), effect(5), effect(3, item_id="i2"), effect(6, user_id="bob")], offset=6)

    assert list(store.interactions_of("ann", since_ms=MOMENT + 5)) == [UserItem("i1", 1.0, 1, MOMENT + 5)]
    assert [each.item_id for each in store.interactions_of("ann", after_turn=2)] == ["i2"]
    assert list(store.interactions_of("ann", since_ms=MOMENT + 5, after_turn=2)) == []
    assert store.interactions_of("ann", after_turn=0) == store.interactions_of("ann")


def test_the_users_that_changed_are_those_with_events_after_the_turn(store: EventStore) -> None:
    store.apply([effect(1), effect(2, user_id="bob"), effect(3, user_id="Bob"), effect(4, user_id="bob")], offset=4)

    assert list(store.changed_users(1)) == ["Bob", "bob"]
    assert list(store.changed_users(4)) == []


def test_with_a_half_life_each_event_fades_by_its_own_age(store: EventStore) -> None:
    day = 86_400_000
    store.apply(
        [
            effect(1, occurred_at_ms=MOMENT),
            effect(2, occurred_at_ms=MOMENT - 10 * day),
            effect(3, occurred_at_ms=MOMENT - 20 * day, weight=-2.0),
            effect(4, occurred_at_ms=MOMENT + 10 * day),
            effect(5, occurred_at_ms=MOMENT - 5 * day, item_id="i2", type="rating", value=4.0),
        ],
        offset=5,
    )
    decay = Decay(half_life_days=10.0, now_ms=MOMENT)

    first, second = store.interactions_of("ann", decay=decay)
    assert (first.weight, first.count) == (1 + 0.5 - 2 * 0.25 + 1, 4)
    assert (second.weight, second.rating) == (pytest.approx(2**-0.5), 4.0)
    assert store.interactions_of("ann", after_turn=2, decay=decay)[0].weight == -0.5 + 1


def test_users_who_are_against_something_are_told_apart(store: EventStore) -> None:
    skip, like = effect(2, user_id="bob", weight=-1.0), effect(3, user_id="eve", weight=-0.5)
    store.apply([effect(1), skip, like, effect(4, user_id="eve"), effect(5, user_id="Zed", weight=-1.0)], offset=5)

    assert list(store.opposed_users()) == ["Zed", "bob"]

    store.apply([effect(6, user_id="bob", weight=1.0), effect(7, user_id="Zed", weight=1.5)], offset=7)

    assert list(store.opposed_users()) == ["bob"]


def test_applied_events_come_in_order_and_no_more_than_asked_for(store: EventStore) -> None:
    store.apply([effect(number) for number in range(1, 6)], offset=5)

    assert [applied.logged.sequence for applied in store.applied(1, limit=3)] == [2, 3, 4]


def test_a_batch_applied_again_changes_nothing_at_all(store: EventStore) -> None:
    batch = [effect(1), effect(2, reason=UNKNOWN), effect(3)]
    store.apply(batch, offset=3)
    before = everything(store)

    plan = store.apply(batch, offset=3)

    assert (plan.stored, plan.repeated, plan.set_aside) == ((), (), ())
    assert everything(store) == before


def test_a_rewound_store_reads_the_whole_log_again_without_a_change(store: EventStore) -> None:
    batch = [effect(1), effect(2, reason=UNKNOWN), effect(3)]
    store.apply(batch, offset=3)
    before = everything(store)

    for _ in range(2):
        store.rewind()
        assert store.offset == 0
        for sequence, each in enumerate(batch, start=1):
            store.apply([each], offset=sequence)

    assert everything(store) == before


def test_the_offset_never_moves_back_for_one_who_is_late(store: EventStore) -> None:
    store.apply([effect(1), effect(2)], offset=2)
    store.apply([effect(1)], offset=1)

    assert store.offset == 2


def test_an_id_sent_twice_has_its_effect_once_and_counts_twice(store: EventStore) -> None:
    twice = replace(effect(2), logged=replace(effect(2).logged, event=play(1)))
    store.apply([effect(1), twice], offset=2)
    store.apply([replace(twice, logged=replace(twice.logged, sequence=3))], offset=3)

    assert store.counts() == {"api": EventCounts(received=3, stored=1, deduplicated=2)}
    assert [interaction.count for interaction in store.interactions_of("ann")] == [1]


def test_an_id_sent_again_with_other_content_is_quarantined_and_the_first_wins(store: EventStore) -> None:
    store.apply([effect(1)], offset=1)
    store.apply([effect(2, event_id="e1", item_id="i9")], offset=2)

    assert [entry.reason.code for entry in store.quarantined()] == ["event_conflict"]
    assert store.counts() == {"api": EventCounts(received=2, stored=1, quarantined=1)}
    assert [interaction.item_id for interaction in store.interactions_of("ann")] == ["i1"]


def test_every_source_has_its_own_counts(store: EventStore) -> None:
    imported = effect(2)
    store.apply([effect(1), replace(imported, logged=replace(imported.logged, source="import"))], offset=2)
    store.tally("api", deduplicated=2, rejected=3)

    assert store.counts() == {
        "api": EventCounts(received=6, stored=1, deduplicated=2, rejected=3),
        "import": EventCounts(received=1, stored=1),
    }


@pytest.mark.requirement("QUAL-018")
def test_a_quarantined_event_comes_back_as_it_went_in_whatever_it_holds(store: EventStore) -> None:
    poison = effect(1, reason=Reason("string_nul", "no"), event_id="\0\ud800", user_id="ü\x00", occurred_at_ms=2**80)

    store.apply([poison], offset=1)

    (entry,) = store.quarantined()
    assert (entry.logged, entry.reason, entry.state, entry.tries) == (poison.logged, poison.reason, "held", 1)
    assert store.quarantine_entry(entry.quarantine_id) == entry


def test_a_value_that_is_no_number_is_kept_in_quarantine(store: EventStore) -> None:
    store.apply([effect(1, reason=Reason("number_not_finite", "no"), value=math.inf)], offset=1)

    assert [entry.logged.event.value for entry in store.quarantined()] == [math.inf]


def test_quarantine_is_read_in_pages_and_by_reason(store: EventStore) -> None:
    other = Reason("event_type_unknown", "no")
    reasons = [UNKNOWN, other, UNKNOWN, UNKNOWN]
    store.apply([effect(number, reason=reason) for number, reason in enumerate(reasons, start=1)], offset=4)

    first = store.quarantined(limit=3)
    rest = store.quarantined(limit=3, cursor=first[-1].quarantine_id)
    assert [entry.logged.sequence for entry in (*first, *rest)] == [1, 2, 3, 4]
    assert [entry.logged.sequence for entry in store.quarantined(reason="event_type_unknown")] == [2]


@pytest.mark.requirement("QUAL-019")
def test_what_is_in_quarantine_is_counted_by_its_reason(store: EventStore) -> None:
    other = Reason("event_unappliable", "no")
    store.apply([effect(1, reason=UNKNOWN), effect(2, reason=UNKNOWN), effect(3, reason=other)], offset=3)
    store.release([1])
    store.purge([2])

    assert store.quarantine_reasons() == {"entity_unknown": 1, "event_unappliable": 1}


def test_a_released_event_is_applied_once_and_a_second_release_changes_nothing(store: EventStore) -> None:
    store.apply([effect(1, reason=UNKNOWN), effect(2)], offset=2)
    entries = held(store)

    assert store.release(entries) == 1
    assert store.release(entries) == 0
    waiting = again(store)
    store.apply(waiting)
    before = everything(store)
    assert store.release(entries) == 0
    store.apply(waiting)

    assert everything(store) == before
    assert store.counts() == {"api": EventCounts(received=2, stored=2)}
    assert [applied.logged.sequence for applied in store.applied(0, limit=9)] == [2, 1]
    assert store.offset == 2


def test_a_released_event_still_counts_as_quarantined_until_it_is_applied(store: EventStore) -> None:
    store.apply([effect(1, reason=UNKNOWN)], offset=1)
    store.release(held(store))

    assert store.counts() == {"api": EventCounts(received=1, quarantined=1)}
    assert [entry.state for entry in store.quarantined()] == ["released"]


def test_a_released_event_that_fails_again_is_held_with_its_new_reason(store: EventStore) -> None:
    store.apply([effect(1, reason=UNKNOWN)], offset=1)
    store.release(held(store))
    worse = Reason("event_type_unknown", "no")

    store.apply([replace(each, weight=0, reason=worse) for each in again(store)])

    (entry,) = store.quarantined()
    assert (entry.state, entry.reason, entry.tries) == ("held", worse, 2)
    assert store.counts() == {"api": EventCounts(received=1, quarantined=1)}


def test_a_released_event_whose_id_was_applied_meanwhile_counts_as_a_repetition(store: EventStore) -> None:
    store.apply([effect(1), effect(2, event_id="e1", item_id="i9")], offset=2)
    store.release(held(store))

    store.apply(again(store))

    assert store.counts() == {"api": EventCounts(received=2, stored=1, deduplicated=1)}
    assert store.quarantined() == []


def test_of_two_released_events_of_one_id_only_the_first_is_applied(store: EventStore) -> None:
    store.apply([effect(1, reason=UNKNOWN), effect(2, event_id="e1", item_id="i9")], offset=2)
    store.release(held(store))

    store.apply(again(store))

    assert [interaction.item_id for interaction in store.interactions_of("ann")] == ["i1"]
    assert store.counts() == {"api": EventCounts(received=2, stored=1, deduplicated=1)}


def test_an_event_that_stays_in_quarantine_is_not_in_the_way_of_another_of_its_id(store: EventStore) -> None:
    store.apply([effect(1, reason=UNKNOWN), effect(2, event_id="e1", item_id="i9")], offset=2)
    store.release(held(store))
    first, second = again(store)

    store.apply([replace(first, weight=0, reason=UNKNOWN), second])

    assert [interaction.item_id for interaction in store.interactions_of("ann")] == ["i9"]
    assert store.counts() == {"api": EventCounts(received=2, stored=1, quarantined=1)}


@pytest.mark.requirement("QUAL-020")
def test_a_mended_event_is_applied_in_place_of_the_one_that_is_kept(store: EventStore) -> None:
    store.apply([effect(1, reason=UNKNOWN, item_id="i-1")], offset=1)
    (number,) = held(store)

    assert store.mend(number, play(1))
    store.release([number])
    store.apply(again(store))

    assert [interaction.item_id for interaction in store.interactions_of("ann")] == ["i1"]
    entry = store.quarantine_entry(number)
    assert entry is not None
    assert (entry.state, entry.logged.event.item_id, entry.mended) == ("applied", "i-1", play(1))
    assert not store.mend(number, play(2))


def test_a_purged_event_counts_as_rejected_and_never_comes_back(store: EventStore) -> None:
    store.apply([effect(1, reason=UNKNOWN)], offset=1)
    (number,) = held(store)

    assert store.purge([number]) == 1
    assert store.purge([number]) == 0
    assert store.release([number]) == 0
    store.rewind()
    store.apply([effect(1)], offset=1)
    store.apply([replace(effect(2), logged=replace(effect(2).logged, event=play(1)))], offset=2)

    assert store.counts() == {"api": EventCounts(received=2, deduplicated=1, rejected=1)}
    assert list(store.interactions_of("ann")) == []
    assert (list(store.quarantined()), store.quarantine_entry(number)) == ([], None)


def test_an_event_purged_while_it_waits_to_be_applied_is_not_applied(store: EventStore) -> None:
    store.apply([effect(1, reason=UNKNOWN)], offset=1)
    store.release(held(store))
    waiting = again(store)
    store.purge(held(store))

    store.apply(waiting)

    assert list(store.interactions_of("ann")) == []
    assert store.counts() == {"api": EventCounts(received=1, rejected=1)}


def test_what_the_door_sets_aside_is_kept_once_and_its_repetitions_are_left_for_the_door_to_count(
    store: EventStore,
) -> None:
    first = store.set_aside([from_the_door(1), from_the_door(1), from_the_door(1, item_id="i2")])
    second = store.set_aside([from_the_door(1)])

    assert [(len(plan.set_aside), len(plan.repeated)) for plan in (first, second)] == [(2, 1), (0, 1)]
    assert store.counts() == {"api": EventCounts(received=2, quarantined=2)}
    assert [entry.logged.sequence for entry in store.quarantined()] == [0, 0]


def test_a_conflict_set_aside_before_the_log_is_applied_does_not_hold_up_the_first_event(store: EventStore) -> None:
    store.set_aside([from_the_door(1, Reason("event_conflict", "no"), item_id="i2")])

    store.apply([effect(1)], offset=1)

    assert [interaction.item_id for interaction in store.interactions_of("ann")] == ["i1"]
    assert store.counts() == {"api": EventCounts(received=2, stored=1, quarantined=1)}


def test_what_the_door_set_aside_can_be_released(store: EventStore) -> None:
    store.set_aside([from_the_door(1)])
    store.release(held(store))

    store.apply(again(store))

    assert store.counts() == {"api": EventCounts(received=1, stored=1)}
    assert store.offset == 0


def test_more_ids_than_one_statement_takes_are_released_and_purged(store: EventStore) -> None:
    store.apply([effect(number, reason=UNKNOWN) for number in range(1, 1_202)], offset=1_201)
    numbers = [entry.quarantine_id for entry in store.quarantined(limit=2_000)]

    assert store.release([*numbers, 10**9]) == 1_201
    assert store.purge(numbers) == 1_201
