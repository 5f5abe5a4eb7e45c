"""Item neighbours and RP3beta: one formula, held against the papers' own on matrices small enough to write out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.engines.numpy_engine import NumpyEngine
from tacit.models.recommender.neighbours import CoOccurrence, rp3beta
from tacit.models.recommender.voices import Voice

ENGINE = NumpyEngine()


def met_at_random(seed: int, users: int = 40, items: int = 15) -> np.ndarray:
    return (np.random.default_rng(seed).random((users, items)) < 0.25).astype(np.float32)


def voice_of(met: np.ndarray, settings: CoOccurrence) -> Voice:
    by_user = Matrix.of(sparse.csr_array(met))
    return settings.fit(ENGINE, by_user, ENGINE.transpose(by_user))


def dense(voice: Voice) -> np.ndarray:
    return voice.similarity.scipy().toarray()


def without_diagonal(values: np.ndarray) -> np.ndarray:
    return values - np.diag(np.diag(values))


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1_000),
    source=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    target=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    user=st.sampled_from([0.0, 0.5, 1.0]),
    by_target=st.booleans(),
)
def test_similarities_are_the_formula_when_all_are_kept(
    seed: int, source: float, target: float, user: float, by_target: bool
) -> None:
    met = met_at_random(seed).astype(np.float64)
    listeners, items_of = np.maximum(met.sum(axis=0), 1), np.maximum(met.sum(axis=1), 1)
    together = met.T @ (met * items_of[:, None] ** -user)
    expected = without_diagonal(listeners[:, None] ** -source * together * listeners[None, :] ** -target)

    found = dense(voice_of(met, CoOccurrence(source, target, user, keep=99, by_target=by_target)))

    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-12)


def test_half_and_half_without_user_weights_is_the_cosine() -> None:
    met = met_at_random(3)
    columns = met / np.maximum(np.linalg.norm(met, axis=0), 1)

    found = dense(voice_of(met, CoOccurrence(0.5, 0.5, 0.0, keep=99)))

    np.testing.assert_allclose(found, without_diagonal(columns.T @ columns), atol=1e-6)


def test_rp3beta_is_three_steps_of_a_random_walk() -> None:
    met = met_at_random(4)
    met[:, met.sum(axis=0) == 0] = 1  # everything can be walked to
    alpha, beta = 0.8, 0.3
    to_items = (met / np.maximum(met.sum(axis=1, keepdims=True), 1)) ** alpha
    to_users = (met.T / met.sum(axis=0)[:, None]) ** alpha
    from_items = without_diagonal(to_users @ to_items)  # where a walk goes on from an item
    expected = to_items @ from_items / met.sum(axis=0) ** beta

    voice = voice_of(met, rp3beta(alpha, beta, keep=99))
    found = voice.scores(ENGINE, Matrix.of(sparse.csr_array(met))).scipy().toarray()

    first_step = np.maximum(met.sum(axis=1, keepdims=True), 1) ** -alpha
    np.testing.assert_allclose(first_step * found, expected, rtol=1e-5, atol=1e-9)
    assert voice.kind == "rp3beta"


@pytest.mark.parametrize("by_target", [False, True])
def test_the_strongest_are_kept_of_each_row_or_of_each_column(by_target: bool) -> None:
    met = met_at_random(5, users=80, items=20)
    exponents = (0.5, 0.3, 0.5)
    everything = dense(voice_of(met, CoOccurrence(*exponents, keep=99, by_target=by_target)))

    found = dense(voice_of(met, CoOccurrence(*exponents, keep=4, by_target=by_target)))

    lines, all_lines = (found.T, everything.T) if by_target else (found, everything)
    for line, whole in zip(lines, all_lines, strict=True):
        np.testing.assert_allclose(np.sort(line)[-4:], np.sort(whole)[-4:])
        assert np.count_nonzero(line) <= 4


def test_who_met_everything_says_less_about_any_two() -> None:
    met = np.zeros((2, 6), np.float32)
    met[0, :2] = 1  # met two items
    met[1, 2:] = 1  # met four
    found = dense(voice_of(met, CoOccurrence(0.5, 0.5, 0.5, keep=5)))

    assert found[0, 1] > found[2, 3] > 0


def test_a_small_target_exponent_lets_the_popular_pass() -> None:
    met = np.zeros((10, 3), np.float32)
    met[:, 1] = 1  # met by all
    met[:4, 0] = 1
    met[:3, 2] = 1  # met by few, and nearly always together with item 0
    popular, rare = (dense(voice_of(met, CoOccurrence(0.5, target, 0.0)))[0] for target in (0.0, 1.0))

    assert popular[1] > popular[2]
    assert rare[2] > rare[1]


@pytest.mark.parametrize("shape", [(0, 3), (4, 1), (3, 5)])
def test_a_matrix_where_nobody_met_anything_has_a_silent_voice(shape: tuple[int, int]) -> None:
    voice = voice_of(np.zeros(shape, np.float32), CoOccurrence())

    assert voice.similarity.shape == (shape[1], shape[1])
    assert voice.similarity.nnz == 0


def test_how_much_was_met_does_not_count_but_that_it_was_met() -> None:
    met = met_at_random(6)
    voice = voice_of(met, CoOccurrence())
    louder = voice_of(met * 7, CoOccurrence())

    np.testing.assert_array_equal(dense(louder), dense(voice))
    once, often = (voice.scores(ENGINE, Matrix.of(sparse.csr_array(history))) for history in (met, met * 7))
    np.testing.assert_array_equal(once.data, often.data)
