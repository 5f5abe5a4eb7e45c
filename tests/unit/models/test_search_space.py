"""Where a search looks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.models.recommender.search_space import (
    Box,
    Point,
    equal_strength,
    lengths,
    regularization_of,
    shrinkage,
)

RATIOS = st.floats(0.01, 100)


@given(st.integers(1, 60))
def test_every_point_lies_in_the_box(count: int) -> None:
    box = Box()

    points = list(box.points(count))

    assert len(points) == len(set(points)) == count
    assert all(box.alpha[0] <= point.alpha <= box.alpha[1] for point in points)
    assert all(box.strength[0] <= point.strength <= box.strength[1] for point in points)


def test_few_points_fill_the_box_more_evenly_than_chance_does() -> None:
    sides = np.log([point_sides(point) for point in Box((1.0, np.e), (1.0, np.e)).points(16)])
    drawn = np.random.default_rng(4).random((200, 16, 2))

    def loneliest(places: np.ndarray) -> float:
        """How far the point nearest to another is from it."""
        apart = np.linalg.norm(places[:, None] - places[None], axis=-1) + 9 * np.eye(len(places))
        return float(apart.min())

    assert loneliest(sides) > max(loneliest(places) for places in drawn)


def point_sides(point: Point) -> tuple[float, float]:
    return point.alpha, point.strength


@given(RATIOS, RATIOS)
def test_a_smaller_box_is_centred_on_the_best_point(alpha: float, strength: float) -> None:
    best = Point(alpha, strength)

    box = Box().around(best)

    assert np.sqrt(box.alpha[0] * box.alpha[1]) == pytest.approx(alpha)
    assert np.sqrt(box.strength[0] * box.strength[1]) == pytest.approx(strength)
    assert box.alpha[1] / box.alpha[0] < Box().alpha[1] / Box().alpha[0]


def test_settings_are_carried_up_to_the_usual_length_and_twice_that() -> None:
    assert lengths(64, 256, most=512) == (256, 512)
    assert lengths(64, 512, most=512) == (512,)
    assert lengths(64, 64, most=512) == (128,)
    assert lengths(7, 7, most=7) == ()


@given(st.floats(0.1, 500), st.floats(1e-5, 1), st.floats(1e-4, 10))
def test_shrinkage_and_regularization_undo_each_other(weight: float, density: float, strength: float) -> None:
    rho = shrinkage(strength, mean_weight=weight, density=density)

    assert regularization_of(rho, mean_weight=weight, density=density) == pytest.approx(strength)


def test_shrinkage_is_the_regularization_of_an_average_row_over_the_weight_it_holds() -> None:
    per_user, per_item = np.full(20, 6), np.full(40, 3)
    weight, strength = 5.0, 0.02

    rho = shrinkage(strength, mean_weight=weight, density=120 / 800)

    for counts, fixed in ((per_user, 40), (per_item, 20)):
        assert strength * (weight * counts[0] + fixed) / (weight * counts[0]) == pytest.approx(rho)


@given(st.lists(st.integers(0, 50), min_size=2, max_size=20), st.floats(0.25, 1.5), st.floats(0.5, 100))
def test_another_exponent_regularises_the_average_row_as_much(
    counts: list[int], exponent: float, weight: float
) -> None:
    users, items = np.array(counts), np.array(counts[:2])

    found = equal_strength(0.01, exponent, mean_weight=weight, counts=(users, items))

    scales = np.concatenate((weight * users + len(items), weight * items + len(users)))
    assert (found * scales**exponent).mean() == pytest.approx((0.01 * scales).mean())
    assert equal_strength(0.01, 1.0, mean_weight=weight, counts=(users, items)) == pytest.approx(0.01)
