"""The blend: what an exact index finds is the order of the standardised scores, and reasons add up to the score."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from tacit.errors import Refused
from tacit.models.recommender.blend import Blend, covariance, deviations, sparse_deviations
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.engines.numpy_engine import NumpyEngine
from tacit.models.recommender.voices import Voice

ENGINE = NumpyEngine()


def sparse_of(values: np.ndarray) -> Matrix:
    return Matrix.of(sparse.csr_array(values.astype(np.float32)))


def voice_at_random(seed: int, items: int, *, negative: bool = False) -> Voice:
    generator = np.random.default_rng(seed)
    values = generator.random((items, items)) * (generator.random((items, items)) < 0.2)
    np.fill_diagonal(values, 0)
    return Voice("ease" if negative else "item_knn", sparse_of(values - 0.1 * (values > 0) if negative else values))


def factors_at_random(seed: int, rows: int, k: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.1, 0.4, (rows, k)).astype(np.float32)


def standardised(scores: np.ndarray) -> np.ndarray:
    scores = scores.astype(np.float64)
    return (scores - scores.mean()) / scores.std()


def blended_by_hand(blend: Blend, factors: np.ndarray, user: np.ndarray, items: np.ndarray) -> np.ndarray:
    said = blend.voice.similarity.scipy().toarray()[items].sum(axis=0)
    return (1 - blend.weight) * standardised(factors @ user) + blend.weight * standardised(said)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    weight=st.sampled_from([0.05, 0.2, 0.5, 0.8]),
    negative=st.booleans(),
    length=st.integers(1, 9),
)
def test_the_index_finds_the_order_of_the_standardised_scores(
    seed: int, weight: float, negative: bool, length: int
) -> None:
    n = 60
    factors, user = factors_at_random(seed, n), factors_at_random(seed + 1, 1)[0]
    blend = Blend.of(voice_at_random(seed + 2, n, negative=negative), weight, factors)
    items = np.sort(np.random.default_rng(seed).choice(n, length, replace=False)).astype(np.int32)
    expected = blended_by_hand(blend, factors, user, items)

    query, bonus = blend.query(ENGINE, user, items)
    found = ENGINE.index(factors).search(query, n, bonus=bonus)

    assert np.all(np.diff(expected[found.items]) < 1e-5)
    # Affine, so that the distances between scores are those of the standardised ones, in deviations of the factors'.
    spread = (factors @ user).astype(np.float64).std()
    shifts = found.scores - spread * expected[found.items]
    assert np.ptp(shifts) < 1e-4 * spread


def test_weight_nothing_gives_the_factors_score_to_the_bit() -> None:
    factors, user = factors_at_random(1, 40), factors_at_random(2, 1)[0]
    blend = Blend.of(voice_at_random(3, 40), 0.0, factors)
    index = ENGINE.index(factors)

    query, bonus = blend.query(ENGINE, user, np.array([1, 5], np.int32))
    found, alone = index.search(query, 40, bonus=bonus), index.search(user, 40)

    np.testing.assert_array_equal(found.items, alone.items)
    np.testing.assert_array_equal(found.scores, alone.scores)


def test_at_weight_one_the_voice_orders_and_factors_order_what_it_is_silent_about() -> None:
    n = 40
    factors, user = factors_at_random(1, n), factors_at_random(2, 1)[0]
    voice, items = voice_at_random(3, n), np.array([1, 5], np.int32)
    said = voice.similarity.scipy().toarray()[items].sum(axis=0)

    query, bonus = Blend.of(voice, 1.0, factors).query(ENGINE, user, items)
    found = ENGINE.index(factors).search(query, n, bonus=bonus).items

    spoken = np.count_nonzero(said)
    assert np.all(np.diff(said[found[:spoken]]) <= 1e-6)
    assert np.all(np.diff((factors @ user)[found[spoken:]]) < 0)


def test_a_user_whom_the_voice_cannot_place_is_answered_by_the_factors() -> None:
    factors, user = factors_at_random(1, 30), factors_at_random(2, 1)[0]
    silent = Voice("item_knn", sparse_of(np.zeros((30, 30))))

    query, bonus = Blend.of(silent, 0.4, factors).query(ENGINE, user, np.array([3], np.int32))

    found = ENGINE.index(factors).search(query, 30, bonus=bonus)
    np.testing.assert_array_equal(found.items, ENGINE.index(factors).search(user, 30).items)


def test_a_user_without_factors_is_answered_by_the_voice() -> None:
    factors, voice = factors_at_random(1, 30), voice_at_random(3, 30)
    items = np.array([3, 8], np.int32)
    said = voice.similarity.scipy().toarray()[items].sum(axis=0)

    query, bonus = Blend.of(voice, 0.2, factors).query(ENGINE, np.zeros(5, np.float32), items)

    found = ENGINE.index(factors).search(query, np.count_nonzero(said), bonus=bonus)
    assert np.all(np.diff(said[found.items]) <= 1e-6)
    assert np.isfinite(found.scores).all()


def test_a_voice_that_says_the_same_of_everything_changes_no_order() -> None:
    n = 30
    factors, user = factors_at_random(1, n), factors_at_random(2, 1)[0]
    flat = Voice("item_knn", sparse_of(np.full((n, n), 0.3)))

    _, bonus = Blend.of(flat, 0.5, factors).query(ENGINE, user, np.array([0, 1, 2], np.int32))

    assert not bonus.scores.any()


def test_many_users_get_what_each_gets_alone() -> None:
    n = 50
    factors, users = factors_at_random(1, n), factors_at_random(2, 8)
    met = (np.random.default_rng(3).random((8, n)) < 0.1).astype(np.float32)
    met[4] = 0
    blend = Blend.of(voice_at_random(4, n), 0.3, factors)

    queries, bonus = blend.queries(ENGINE, users, sparse_of(met))

    for row in range(8):
        query, alone = blend.query(ENGINE, users[row], np.flatnonzero(met[row]).astype(np.int32))
        part = bonus.part(slice(row, row + 1))
        np.testing.assert_array_equal(queries[row], query)
        np.testing.assert_array_equal(part.indices, alone.items)
        np.testing.assert_allclose(part.data, alone.scores, rtol=1e-6)


def test_what_each_item_of_a_history_adds_makes_up_the_blended_score() -> None:
    n = 50
    factors, user = factors_at_random(1, n), factors_at_random(2, 1)[0]
    blend = Blend.of(voice_at_random(3, n), 0.35, factors)
    items, targets = np.array([2, 9, 17], np.int32), np.array([30, 4, 30, 11], np.int32)
    shares = np.array([0.5, 0.3, 0.2])
    of_factors = ((factors[targets] @ user)[:, None] * shares).astype(np.float32)  # any split that adds up

    found = blend.contributions(
        ENGINE, items, targets=targets, of_factors=of_factors, scale=blend.query(ENGINE, user, items)[1].scale or 0.0
    )

    query, bonus = blend.query(ENGINE, user, items)
    listed = ENGINE.index(factors).search(query, n, bonus=bonus)
    score = dict(zip(listed.items.tolist(), listed.scores.tolist(), strict=True))
    assert found.shape == (4, 3)
    np.testing.assert_allclose(found.sum(axis=1), [score[int(target)] for target in targets], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(found[0], found[2])


def test_items_beyond_the_catalogue_say_nothing() -> None:
    factors, user = factors_at_random(1, 30), factors_at_random(2, 1)[0]
    blend = Blend.of(voice_at_random(3, 30), 0.35, factors)

    _, known = blend.query(ENGINE, user, np.array([2, 9], np.int32))
    _, more = blend.query(ENGINE, user, np.array([2, 9, 30, 99], np.int32))

    np.testing.assert_array_equal(known.scores, more.scores)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), offset=st.sampled_from([0.0, 1.0, 100.0]))
def test_deviations_come_out_without_scoring_the_catalogue(seed: int, offset: float) -> None:
    factors, users = factors_at_random(seed, 200) + np.float32(offset), factors_at_random(seed + 1, 6)
    expected = (users.astype(np.float64) @ factors.astype(np.float64).T).std(axis=1)

    np.testing.assert_allclose(deviations(covariance(factors), users), expected, rtol=1e-6, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_deviations_of_sparse_rows_count_the_zeros(seed: int) -> None:
    generator = np.random.default_rng(seed)
    values = (generator.random((7, 30)) * (generator.random((7, 30)) < 0.3)).astype(np.float32)
    values[2] = 0

    found = sparse_deviations(sparse_of(values))

    np.testing.assert_allclose(found, values.astype(np.float64).std(axis=1), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_a_weight_outside_nothing_to_one_is_refused(weight: float) -> None:
    with pytest.raises(Refused) as refusal:
        Blend.of(voice_at_random(1, 10), weight, factors_at_random(1, 10))

    assert refusal.value.code == "blend_invalid"


def test_a_voice_of_another_catalogue_is_refused() -> None:
    with pytest.raises(Refused, match="11 x 11 for 10 items"):
        Blend.of(voice_at_random(1, 11), 0.2, factors_at_random(1, 10))
