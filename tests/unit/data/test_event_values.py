"""What events are worth: the rule that serving and training share."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.data.event_values import Unit, interaction_value, unit_of, value_beside, values_beside

units = st.sampled_from(("plays", "ratings"))
numbers = st.floats(-100, 100).map(lambda each: round(each, 3))


@pytest.mark.parametrize(
    ("base", "weight", "rating", "plays", "ratings"),
    [
        (0, 1, None, 1, 3.5),
        (0, 3, None, 3, 10.5),
        (0, 1, 4.5, 1, 4.5),
        (0, -1, None, -1, -3.5),
        (0, -1, 5.0, -1, -3.5),
        (0, 0, 5.0, 0, 0),
        (4, 1, None, 5, 7.5),
        (4, 1, 2.0, 5, 2.0),
        (4, -0.5, None, 3.5, 2.25),
        (4, -2, None, 2, -3),
        (4, -0.5, 5.0, 3.5, 5.0),
        (4, -1, 5.0, 3, 0.5),
    ],
)
def test_events_and_an_imported_value_are_worth_what_the_rule_says(
    base: float, weight: float, rating: float | None, plays: float, ratings: float
) -> None:
    assert value_beside(base, weight, rating, unit="plays", typical=3.5) == plays
    assert value_beside(base, weight, rating, unit="ratings", typical=3.5) == ratings


@given(weight=numbers, rating=st.none() | st.floats(0.5, 5), unit=units, typical=st.floats(0.5, 5))
def test_a_sum_of_nothing_or_less_speaks_against_the_item_whatever_was_rated(
    weight: float, rating: float | None, unit: Unit, typical: float
) -> None:
    value = interaction_value(weight, rating, unit=unit, typical=typical)

    assert (value > 0) == (weight > 0)
    assert math.isfinite(value)


@given(
    rows=st.lists(st.tuples(st.floats(0, 50), numbers, st.none() | st.floats(0.5, 5)), max_size=20),
    unit=units,
    typical=st.floats(0.5, 5),
)
def test_many_at_once_are_worth_what_each_is_alone(
    rows: list[tuple[float, float, float | None]], unit: Unit, typical: float
) -> None:
    base = np.array([row[0] for row in rows], np.float64)
    weights = np.array([row[1] for row in rows], np.float64)
    ratings = np.array([np.nan if row[2] is None else row[2] for row in rows], np.float64)

    together = values_beside(base, weights, ratings, unit=unit, typical=typical)

    assert together.tolist() == [value_beside(*row, unit=unit, typical=typical) for row in rows]


def test_music_counts_plays_and_everything_else_rates() -> None:
    assert [unit_of(profile) for profile in ("music", "movies", "lectures")] == ["plays", "ratings", "ratings"]
