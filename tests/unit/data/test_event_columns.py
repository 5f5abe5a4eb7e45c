"""Columns are the sequences that they stand for."""

from __future__ import annotations

import pytest

from tacit.data.event_columns import EventColumns, LoggedColumns, StoredFrom, items_of, users_of
from tacit.data.event_effects import EffectColumns, planned
from tacit.data.event_rules import EventRules
from tacit.data.event_weighing import effects_of
from tacit.data.events import Event, LoggedEvent, Receipt

MUSIC = EventRules.shipped("music").types
EVENTS = [
    Event("e1", "ann", "i1", "play", None, 5),
    Event("e2", "bob", "i2", "rating", 4.5, 6, "r1", '{"a":1}'),
    Event("e3", "ann", "i2", "skip", None, 7, timed=False),
]
LOGGED = [LoggedEvent(place, 9, "api", event) for place, event in enumerate(EVENTS, 4)]


def logged_columns(events: list[Event] = EVENTS, first: int = 4) -> LoggedColumns:
    return LoggedColumns.taken(EventColumns.of(events), first=first, received_at_ms=9, source="api")


def test_columns_are_equal_to_the_events_that_they_hold() -> None:
    columns = EventColumns.of(EVENTS)

    assert columns == EVENTS
    assert [*EVENTS] == columns
    assert columns != EVENTS[:2]
    assert columns != [*EVENTS[:2], EVENTS[0]]
    assert (columns[0], columns[-1], columns[1:]) == (EVENTS[0], EVENTS[2], EVENTS[1:])
    assert EventColumns.of(columns) is columns
    with pytest.raises(IndexError):
        columns[3]


def test_columns_are_joined_and_chosen_from_in_order() -> None:
    parts = [logged_columns(EVENTS[:1]), logged_columns(EVENTS[1:], first=5)]

    assert LoggedColumns.joined(parts) == LOGGED
    assert list(LoggedColumns.joined([])) == []
    assert EventColumns.of(EVENTS).chosen([2, 0]) == [EVENTS[2], EVENTS[0]]


def test_who_did_what_is_told_of_either_form() -> None:
    assert users_of(LOGGED) == users_of(logged_columns()) == {"ann", "bob"}
    assert items_of(LOGGED) == items_of(logged_columns()) == {"i1", "i2"}


def test_receipts_of_events_kept_together_are_taken_one_after_another() -> None:
    receipts = StoredFrom(7, 3)

    assert receipts == [Receipt("stored", 7), Receipt("stored", 8), Receipt("stored", 9)]
    assert receipts[1:] == [Receipt("stored", 8), Receipt("stored", 9)]
    with pytest.raises(ValueError, match="one after another"):
        receipts[::2]


def test_effects_of_columns_are_those_of_the_events() -> None:
    effects = effects_of(logged_columns(), MUSIC)

    assert isinstance(effects, EffectColumns)
    assert effects == effects_of(LOGGED, MUSIC)
    assert planned(effects, {}).changes() == planned(effects_of(LOGGED, MUSIC), {}).changes()


@pytest.mark.parametrize(
    "spoilt",
    [
        Event("e9", "ann", "i9", "play", None, 5), Event("e9", "ann", "i1", "enrol", None, 5),
        Event("e9", "ann", "i1", "rating", float("nan"), 5), Event("e9", "a\0n", "i1", "play", None, 5),
        Event("e9", "ann", "i1", "play", None, 5, "r\0"),
    ],
)  # fmt: skip
def test_one_event_that_may_not_have_its_effect_has_all_looked_at_one_by_one(spoilt: Event) -> None:
    events = [*EVENTS, spoilt]

    effects = effects_of(logged_columns(events), MUSIC, unknown_items={"i9"})

    assert not isinstance(effects, EffectColumns)
    assert [effect.reason is None for effect in effects] == [True, True, True, False]


@pytest.mark.parametrize("case", ["known", "twice", "counted before"])
def test_repetitions_among_columns_have_no_second_effect(case: str) -> None:
    events = [*EVENTS, EVENTS[0]] if case == "twice" else EVENTS
    known = {"e1": EVENTS[0]} if case in ("known", "counted before") else {}
    effects = effects_of(logged_columns(events), MUSIC)

    plan = planned(effects, known, counted_to=4 if case == "counted before" else 0)

    stored = EVENTS if case == "twice" else EVENTS[1:]
    assert [each.logged.event for each in plan.stored] == stored
    assert len(plan.repeated) == (0 if case == "counted before" else 1)
