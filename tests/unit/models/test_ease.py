"""EASE^R: held against the minimum that it claims to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from tacit.errors import Refused
from tacit.models.recommender import ease
from tacit.models.recommender.ease import Ease
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.engines.numpy_engine import NumpyEngine

ENGINE = NumpyEngine()


def met_at_random(seed: int, users: int = 60, items: int = 12) -> np.ndarray:
    return (np.random.default_rng(seed).random((users, items)) < 0.3).astype(np.float32)


def fitted(met: np.ndarray, settings: Ease) -> np.ndarray:
    by_user = Matrix.of(sparse.csr_array(met))
    return settings.fit(ENGINE, by_user, ENGINE.transpose(by_user)).similarity.scipy().toarray()


def objective(met: np.ndarray, weights: np.ndarray, regularization: float) -> float:
    return float(np.sum((met - met @ weights) ** 2) + regularization * np.sum(weights**2))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1_000), regularization=st.sampled_from([0.5, 10.0, 300.0]))
def test_no_other_weights_without_a_diagonal_reproduce_histories_better(seed: int, regularization: float) -> None:
    met = met_at_random(seed).astype(np.float64)
    weights = fitted(met.astype(np.float32), Ease(regularization, keep=0)).astype(np.float64)
    lowest = objective(met, weights, regularization)
    generator = np.random.default_rng(seed)

    assert np.all(np.diag(weights) == 0)
    for _ in range(20):
        other = weights + generator.normal(0, 10.0 ** generator.integers(-4, 0), weights.shape)
        np.fill_diagonal(other, 0)
        assert objective(met, other, regularization) >= lowest - 1e-6 * abs(lowest)


def test_weights_are_what_the_gradient_says_they_are() -> None:
    met, regularization = met_at_random(1).astype(np.float64), 20.0
    weights = fitted(met.astype(np.float32), Ease(regularization, keep=0)).astype(np.float64)

    gradient = met.T @ (met @ weights - met) + regularization * weights

    off_diagonal = gradient - np.diag(np.diag(gradient))
    assert np.abs(off_diagonal).max() < 1e-4 * np.abs(met.T @ met).max()


def test_the_entries_of_greatest_magnitude_are_kept_negative_ones_too() -> None:
    met = met_at_random(2, users=200)
    met[:, 1] = 1 - met[:, 0]  # either one or the other: each speaks against the other
    everything, found = fitted(met, Ease(5.0, keep=0)), fitted(met, Ease(5.0, keep=4))

    for row, whole in zip(found, everything, strict=True):
        strongest = np.sort(np.argsort(-np.abs(whole), kind="stable")[:4])
        np.testing.assert_array_equal(np.flatnonzero(row), strongest)
        np.testing.assert_array_equal(row[strongest], whole[strongest])
    assert found[0, 1] < 0


def test_equal_magnitudes_are_kept_in_order_of_position() -> None:
    everybody_met_everything = np.ones((5, 6), np.float32)

    found = fitted(everybody_met_everything, Ease(1.0, keep=2))

    assert [np.flatnonzero(row).tolist() for row in found[:3]] == [[1, 2], [0, 2], [0, 1]]


def test_an_item_that_nobody_met_says_nothing_and_nothing_is_said_of_it() -> None:
    met = met_at_random(3)
    met[:, 4] = 0

    found = fitted(met, Ease(1.0, keep=0))

    assert not found[4].any()
    assert not found[:, 4].any()


def test_a_catalogue_too_large_is_refused_before_anything_is_allocated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ease, "LARGEST_CATALOGUE", 11)

    with pytest.raises(Refused, match="12 items are more than 11") as refusal:
        fitted(met_at_random(1), Ease())

    assert refusal.value.code == "catalogue_too_large"


@pytest.mark.parametrize("regularization", [0.0, -1.0, float("nan")])
def test_a_regularization_that_cannot_be_solved_is_refused(regularization: float) -> None:
    with pytest.raises(Refused) as refusal:
        fitted(met_at_random(1), Ease(regularization))

    assert refusal.value.code == "regularization_invalid"


def test_an_empty_catalogue_has_an_empty_voice() -> None:
    assert fitted(np.zeros((3, 0), np.float32), Ease()).shape == (0, 0)
