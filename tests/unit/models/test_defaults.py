"""The settings an operator's first training takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.models.recommender.defaults import FEWEST_FACTORS, density_rule, factors_rule
from tacit.models.recommender.search_space import shrinkage

DENSITIES = st.floats(1e-8, 1.0)
OBSERVATIONS = st.floats(1.0, 10_000)


@given(DENSITIES, DENSITIES, OBSERVATIONS)
def test_observations_weigh_less_the_denser_the_data(one: float, other: float, observations: float) -> None:
    low, high = sorted((one, other))

    assert density_rule(low, observations)[0] >= density_rule(high, observations)[0] > 0


@given(DENSITIES, OBSERVATIONS, OBSERVATIONS)
def test_rows_that_hold_less_are_regularised_more(density: float, one: float, other: float) -> None:
    few, many = sorted((one, other))
    drawn = [
        shrinkage(strength, mean_weight=alpha, density=density)
        for alpha, strength in (density_rule(density, few), density_rule(density, many))
    ]

    assert drawn[0] >= drawn[1] * (1 - 1e-9)
    assert drawn[1] > 0


def test_the_rule_has_a_value_for_data_without_any_cell_or_entry() -> None:
    alpha, regularization = density_rule(0.0, 0.0)

    assert alpha > 0
    assert regularization > 0


@given(st.integers(1, 10**7), st.integers(1, 10**7))
def test_both_sides_fit_into_half_a_gigabyte_unless_even_the_fewest_do_not(users: int, items: int) -> None:
    factors = factors_rule(users, items)

    assert 1 <= factors <= min(users, items)
    assert 4 * factors * (users + items) <= 2**29 or factors <= FEWEST_FACTORS


@pytest.mark.parametrize(
    ("users", "items", "factors"),
    [(610, 4_980, 256), (30, 4_980, 30), (29_858, 40_981, 512), (358_622, 126_442, 256), (10**7, 10**5, 64)],
)
def test_large_catalogues_get_longer_vectors_while_memory_lasts(users: int, items: int, factors: int) -> None:
    assert factors_rule(users, items) == factors
