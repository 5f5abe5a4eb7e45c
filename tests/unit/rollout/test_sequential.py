"""Evidence that stands however often one looks at it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.rollout.sequential import (
    LARGEST,
    chi_square,
    drop_evidence,
    excess_evidence,
    split_evidence,
    upper_share,
)

shares = st.floats(0.01, 0.99)


@given(trials=st.integers(1, 100), expected=shares)
def test_the_expectation_of_an_e_value_under_its_hypothesis_is_one_at_most(trials: int, expected: float) -> None:
    """What Ville's inequality rests on, summed over everything that can happen."""
    hits = np.arange(trials + 1)
    logs = [math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1) for k in hits]
    chances = np.exp(np.array(logs) + hits * math.log(expected) + (trials - hits) * math.log1p(-expected))

    excess = sum(excess_evidence(int(k), trials, expected) * p for k, p in zip(hits, chances, strict=True))
    split = sum(split_evidence(int(k), trials, expected) * p for k, p in zip(hits, chances, strict=True))

    assert excess <= 1 + 1e-6
    assert split == pytest.approx(1.0, rel=1e-6)


@given(hits=st.integers(0, 500), more=st.integers(0, 500), expected=shares)
def test_more_hits_of_as_many_trials_are_more_evidence_of_an_excess(hits: int, more: int, expected: float) -> None:
    trials = 1_000

    assert (
        excess_evidence(hits + more, trials, expected) >= excess_evidence(hits, trials, expected) * (1 - 1e-9)
        or hits == 0
    )


@given(hits=st.integers(0, 10**7), others=st.integers(0, 10**7), expected=st.floats(0, 1))
def test_every_count_gives_a_number_that_can_be_written_down(hits: int, others: int, expected: float) -> None:
    trials = hits + others
    found = (
        excess_evidence(hits, trials, expected),
        split_evidence(hits, trials, expected),
        upper_share(hits, trials),
        chi_square(hits, trials, expected),
    )

    assert all(0 <= each <= LARGEST for each in found), found


@given(difference=st.floats(-1, 1), variance=st.floats(0, 1), scale=st.floats(0, 1))
def test_evidence_of_a_drop_grows_with_the_drop_and_is_always_a_number(
    difference: float, variance: float, scale: float
) -> None:
    found = drop_evidence(difference, variance, scale)

    assert 0 <= found <= LARGEST
    assert drop_evidence(difference - 0.1, variance, scale) >= found * (1 - 1e-9)


def test_the_upper_share_is_the_one_that_clopper_and_pearson_tabulated() -> None:
    assert upper_share(0, 10) == pytest.approx(0.3085, abs=1e-4)
    assert upper_share(3, 50) == pytest.approx(0.1655, abs=1e-4)
    assert upper_share(0, 0) == 1.0
    assert upper_share(4, 4) == 1.0


def test_the_plain_test_of_a_split_knows_the_tabulated_quantile() -> None:
    """3.841 is the 95 % quantile of chi-square with one degree of freedom."""
    assert chi_square(500 + 31, 1_000, 0.5) == pytest.approx(0.05, abs=0.001)
