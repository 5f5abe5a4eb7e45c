"""Who somebody is now: history and events as one taste."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.data.event_effects import UserItem
from tacit.data.event_values import Unit, value_beside
from tacit.serving.profiles import Doings, Standing, Values, standing_of, taste_from, with_chosen
from tests.stages import NEWCOMER, small_model

MODEL = small_model()
PLAYS = Values("plays", 7.0)


def did(item_id: str, weight: float, *, rating: float | None = None, count: int = 1) -> UserItem:
    return UserItem(item_id, weight, count, 1_767_355_200_000, rating)


def standing(user_id: str, *items: UserItem, values: Values = PLAYS, before: tuple[UserItem, ...] = ()) -> Standing:
    """Somebody who did something since the version, and something before that it does not know."""
    return standing_of(MODEL, user_id, Doings(items, (*before, *items)), values=values)


def history(user_id: str) -> dict[str, float]:
    items, values = MODEL.history(MODEL.user_rows[user_id])
    return {MODEL.items[item].item_id: value for item, value in zip(items.tolist(), values.tolist(), strict=True)}


def favoured(found: Standing) -> dict[str, float]:
    columns = zip(found.taste.items.tolist(), found.taste.values.tolist(), strict=True)
    return {MODEL.items[item].item_id: value for item, value in columns}


def opposed(found: Standing) -> dict[str, float]:
    columns = zip(found.taste.against.items.tolist(), found.taste.against.values.tolist(), strict=True)
    return {MODEL.items[item].item_id: value for item, value in columns}


def test_whoever_did_nothing_has_the_history_and_the_factors_of_the_version() -> None:
    found = standing("u000")

    assert favoured(found) == history("u000")
    assert found.taste.factors is not None
    assert found.stamp == standing("u001").stamp == "-"


def test_plays_add_to_what_was_imported_and_to_what_was_not() -> None:
    known, base = next(iter(history(NEWCOMER).items()))
    found = standing(NEWCOMER, did(known, 2.5), did("i020", 1.0), did("nowhere", 4.0))

    assert favoured(found) == {known: base + 2.5, "i020": 1.0}
    assert found.elsewhere == {"nowhere": 4.0}
    assert found.taste.factors is None


def test_a_rating_takes_the_place_of_an_imported_one_and_a_view_without_one_is_worth_a_typical_value() -> None:
    known = next(iter(history(NEWCOMER)))
    values = Values("ratings", 3.5)
    found = standing(NEWCOMER, did(known, 1.0, rating=4.5), did("i020", 1.0), values=values)

    assert favoured(found) == {known: 4.5, "i020": 3.5}


def test_what_comes_to_nothing_or_less_is_against_and_seen() -> None:
    known, base = next(iter(history(NEWCOMER).items()))
    found = standing(NEWCOMER, did(known, -base - 3), did("i020", 0.0), did("i021", -0.5))

    assert favoured(found) == {}
    assert opposed(found) == {known: 3.0, "i021": 0.5}
    assert {MODEL.items[item].item_id for item in found.taste.seen.tolist()} == {known, "i020", "i021"}


def test_a_dislike_from_before_the_version_still_holds_although_its_history_lacks_it() -> None:
    found = standing("u000", did("i029", 1.0), before=(did("i020", -3.0), *(did(each, 1.0) for each in ("i000",))))
    expected = dict(history("u000"))
    if "i000" not in expected:
        expected["i000"] = 1.0

    assert opposed(found) == {"i020": 3.0}
    assert favoured(found) == expected | {"i029": expected.get("i029", 0.0) + 1.0}


def test_the_stamp_changes_with_every_event_and_not_with_fading_weights() -> None:
    first = standing("u000", did("i020", 1.0)).stamp

    assert standing("u000", did("i020", 0.9)).stamp == first
    assert standing("u000", did("i020", 0.9, count=2)).stamp != first
    assert standing("u000", did("i021", 1.0)).stamp != first


weights = st.floats(-20, 20).map(lambda each: round(each, 2))
events = st.dictionaries(
    st.sampled_from([item.item_id for item in MODEL.items] + ["nowhere"]),
    st.tuples(weights, st.none() | st.floats(0.5, 5)),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(
    user_id=st.sampled_from([*MODEL.user_ids[:10], NEWCOMER, "made up"]),
    done=events,
    unit=st.sampled_from(("plays", "ratings")),
)
def test_every_item_is_for_or_against_or_neither_by_its_value_and_none_is_lost(
    user_id: str, done: dict[str, tuple[float, float | None]], unit: Unit
) -> None:
    values = Values(unit, 3.0)
    base = history(user_id) if user_id in MODEL.user_rows else {}
    events = [did(item, weight, rating=rating) for item, (weight, rating) in done.items()]
    found = standing(user_id, *events, values=values)

    worth = base | {
        item: value_beside(base.get(item, 0.0), weight, rating, unit=unit, typical=3.0)
        for item, (weight, rating) in done.items()
        if item in MODEL.item_rows
    }
    taste = found.taste
    assert favoured(found) == pytest.approx({item: value for item, value in worth.items() if value >= 1e-6}, rel=1e-6)
    assert opposed(found) == pytest.approx({item: -value for item, value in worth.items() if value <= -1e-6}, rel=1e-6)
    assert {MODEL.items[item].item_id for item in taste.seen.tolist()} == set(worth)
    assert len(taste.seen) == len(worth)
    for positions in (taste.items, taste.against.items, taste.shunned):
        assert (np.diff(positions) > 0).all()


def test_chosen_items_join_a_taste_unless_they_were_met() -> None:
    taste = taste_from({3: 2.0, 5: -1.0})
    chosen = with_chosen(taste, np.array([1, 3, 5, 9], np.int32), 7.0)

    assert dict(zip(chosen.items.tolist(), chosen.values.tolist(), strict=True)) == {1: 7.0, 3: 2.0, 9: 7.0}
    assert chosen.against is taste.against
