"""Imports and events become one history, the same whichever way an interaction came in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.data.datasets import SnapshotRules, freeze
from tacit.data.event_effects import MILLIONTHS, AppliedEvent, summed
from tacit.data.event_history import EventPairs, gathered, nothing, with_events
from tacit.data.events import Event, LoggedEvent
from tacit.data.interactions import NO_TIME, Interactions
from tests.communities import interactions, rows_of, two_tastes

MOMENT = 1_600_000_000_000


def applied(turn: int, user: str, item: str, weight: float = 1.0, **changes: Any) -> AppliedEvent:
    event = replace(Event(f"e{turn}", user, item, "play", None, MOMENT + turn), **changes)
    return AppliedEvent(turn, LoggedEvent(turn, MOMENT, "api", event), round(weight * MILLIONTHS))


def rated(turn: int, user: str, item: str, stars: float, **changes: Any) -> AppliedEvent:
    return applied(turn, user, item, type="rating", value=stars, **changes)


def in_pages(events: Sequence[AppliedEvent], *, size: int = 3) -> EventPairs:
    return gathered(events[start : start + size] for start in range(0, len(events), size))


def table(found: Interactions) -> list[tuple[str, str, float, int, int]]:
    columns = (found.users, found.items, found.values, found.last_at_ms, found.folds)
    return [
        (found.user_ids[user], found.item_ids[item], value, at, fold)
        for user, item, value, at, fold in zip(*(column.tolist() for column in columns), strict=True)
    ]


def test_the_plays_of_events_are_added_to_those_that_were_imported() -> None:
    imported = interactions([("ann", "x", 3.0, MOMENT + 9), ("bob", "y", 2.0, MOMENT)])
    events = in_pages([applied(1, "ann", "x", 2.0), applied(2, "ann", "x"), applied(3, "cat", "a", 0.5)])

    both = with_events(imported, events, unit="plays")

    assert table(both) == [
        ("ann", "x", 6.0, MOMENT + 9, 0),
        ("bob", "y", 2.0, MOMENT, 0),
        ("cat", "a", 0.5, MOMENT + 3, 0),
    ]
    assert (both.dataset, both.import_ids) == (imported.dataset, imported.import_ids)
    assert events.turn == 3


def test_a_pair_whose_events_outweigh_its_plays_is_left_out_and_its_names_stay() -> None:
    imported = interactions([("ann", "x", 2.0), ("ann", "y", 1.0)])
    events = in_pages([applied(1, "ann", "x", -2.0), applied(2, "zoe", "z", -1.0)])

    both = with_events(imported, events, unit="plays")

    assert [row[:2] for row in table(both)] == [("ann", "y")]
    assert (both.user_ids, both.item_ids) == (("ann", "zoe"), ("x", "y", "z"))


def test_the_latest_rating_takes_the_place_of_an_imported_one() -> None:
    imported = interactions([("ann", "x", 5.0), ("ann", "y", 4.0), ("bob", "x", 4.0)])
    events = in_pages(
        [
            rated(1, "ann", "x", 1.5, occurred_at_ms=MOMENT + 50),
            rated(2, "ann", "x", 4.5, occurred_at_ms=MOMENT + 40),
            applied(3, "ann", "x", 1.0, occurred_at_ms=MOMENT + 60),
            applied(4, "bob", "y", 0.5),
            applied(5, "bob", "x", -3.0),
        ]
    )

    both = with_events(imported, events, unit="ratings")

    # Of 5, 4, 4 and the latest rating 1.5, the median is 4: half a typical interaction is worth 2.
    assert [row[:3] for row in table(both)] == [("ann", "x", 1.5), ("ann", "y", 4.0), ("bob", "y", 2.0)]


def test_a_pair_stays_in_the_fold_that_its_publisher_gave_it() -> None:
    imported = interactions([("ann", "x", 1.0), ("ann", "y", 1.0)], folds=[2, 1])

    both = with_events(imported, in_pages([applied(1, "ann", "x"), applied(2, "ann", "a")]), unit="plays")

    assert both.folds.tolist() == [0, 2, 1]


def test_without_events_the_history_is_what_was_imported() -> None:
    imported = interactions([("ann", "x", 3.0)])

    assert with_events(imported, gathered([]), unit="plays") is imported
    assert len(with_events(nothing("events"), in_pages([applied(1, "ann", "x", -1.0)]), unit="plays")) == 0


PAIRS = st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"))
EVENTS = st.lists(
    st.tuples(PAIRS, st.integers(-2_000_000, 3_000_000), st.integers(0, 5), st.none() | st.sampled_from([0.5, 3.0])),
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(events=EVENTS, size=st.integers(1, 9))
def test_events_add_up_to_what_the_store_says_of_each_user(events: list[Any], size: int) -> None:
    listed = [
        applied(turn, user, item, weight / MILLIONTHS, occurred_at_ms=MOMENT + at, value=stars)
        if stars is None
        else rated(turn, user, item, stars, occurred_at_ms=MOMENT + at)
        for turn, ((user, item), weight, at, stars) in enumerate(events, start=1)
    ]
    pairs = in_pages(listed, size=size)

    for place, user in enumerate(pairs.user_ids):
        mine = pairs.users == place
        told = [
            (pairs.item_ids[item], weight / MILLIONTHS, at, None if np.isnan(rating) else rating)
            for item, weight, at, rating in zip(
                pairs.items[mine], pairs.weights[mine], pairs.last_at_ms[mine], pairs.ratings[mine], strict=True
            )
        ]
        found = summed(each for each in listed if each.logged.event.user_id == user)
        assert told == [(each.item_id, each.weight, each.last_ms, each.rating) for each in found]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0, 1))
def test_however_rows_are_shared_between_imports_and_events_the_snapshot_is_the_same(seed: int, share: float) -> None:
    """Some rows come as files and the others as events, in any order; what is learnt from does not show which."""
    rows = rows_of(two_tastes(users=12, items=10))
    rng = np.random.default_rng(seed)
    is_event = rng.random(len(rows)) < share
    files = [row for row, event in zip(rows, is_event, strict=True) if not event]
    sent = [rows[place] for place in rng.permutation(np.flatnonzero(is_event))]
    events = [applied(turn, row[0], row[1], row[2], occurred_at_ms=row[3]) for turn, row in enumerate(sent, start=1)]
    imported = interactions(files) if files else nothing("made-up")

    rules = SnapshotRules(min_user_interactions=2, min_item_interactions=2)
    one = freeze(with_events(imported, in_pages(events, size=50), unit="plays"), (), rules)
    other = freeze(replace(interactions(rows), import_ids=imported.import_ids), (), rules)

    assert one.fingerprint == other.fingerprint


@pytest.mark.parametrize("unit", ["plays", "ratings"])
def test_a_pair_that_no_event_touched_keeps_its_value_to_the_last_bit(unit: Any) -> None:
    value = float(np.float32(0.1))
    imported = interactions([("ann", "x", value), ("bob", "x", 7.0)])

    both = with_events(imported, in_pages([applied(1, "bob", "x")]), unit=unit)

    assert both.values[0] == np.float32(0.1)
    assert both.last_at_ms.tolist() == [NO_TIME, MOMENT + 1]
