"""The made-up data keep their shape and hold tastes to be found; folds are apart; scoring rewards nobody by chance."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from benchmarks import _ours
from benchmarks._folds import Folds, held_out, load_csr, log_weights, read_published, save_csr
from benchmarks._scoring import ndcg, popularity_factors
from benchmarks._synthetic import ITEMS, PAIRS, USERS, Shape, cached, generate, gini, validated
from benchmarks._trainers import Recipe

SMALL = Shape.at(0.004)


@pytest.fixture(scope="module")
def folds() -> Folds:
    return generate(SMALL, seed=1)


def test_at_full_scale_it_is_the_shape_of_last_fm_360k() -> None:
    shape = Shape.at(1.0)

    assert (shape.users, shape.items, shape.pairs) == (USERS, ITEMS, PAIRS) == (358_622, 126_442, 13_900_000)
    assert shape.fold_users == 10_000


def test_the_same_seed_gives_the_same_data_and_another_gives_others(folds: Folds) -> None:
    again, other = generate(SMALL, seed=1), generate(SMALL, seed=2)

    assert (folds.train != again.train).nnz == 0
    assert (folds.test != again.test).nnz == 0
    assert (folds.train != other.train).nnz > 0


def test_what_is_generated_has_its_shape_skew_and_spread(folds: Folds) -> None:
    assert folds.train.shape == (SMALL.users, SMALL.items)
    assert folds.train.nnz == pytest.approx(SMALL.pairs, rel=0.01)
    assert gini(np.bincount(folds.train.indices)) > 0.5
    assert folds.train.has_sorted_indices
    assert (folds.train.data.min(), folds.train.data.dtype) == (1.0, np.float32)


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (lambda folds: replace(folds, train=folds.train[:-1]), "shape"),
        (lambda folds: replace(folds, train=folds.train.multiply(folds.train > 5).tocsr()), "pairs"),
        (lambda folds: replace(folds, validation=folds.train), "folds"),
        (lambda folds: replace(folds, train=(folds.train > 0).astype(np.float32)), "counts"),
    ],
)
def test_data_that_lost_their_shape_are_refused(folds: Folds, broken: object, promise: str) -> None:
    with pytest.raises(ValueError, match=promise):
        validated(broken(folds), SMALL)  # type: ignore[operator]


def test_training_finds_much_more_than_popularity(folds: Folds) -> None:
    weights = log_weights(folds.train)
    alpha, share = _ours.rule(folds.density)
    factors = _ours.train(weights, Recipe(16, 4, alpha / 2, share / 2, seed=1, threads=1))

    learnt = ndcg(*factors, train=folds.train, fold=folds.validation)

    assert learnt > 1.4 * ndcg(*popularity_factors(folds.train), train=folds.train, fold=folds.validation)


def test_data_are_generated_once_and_read_back_as_they_were(tmp_path: Path) -> None:
    place = cached(0.001, seed=3, folder=tmp_path)
    written = (place / "train.data.npy").stat().st_mtime_ns

    assert cached(0.001, seed=3, folder=tmp_path) == place
    assert (place / "train.data.npy").stat().st_mtime_ns == written
    assert (Folds.load(place).train != generate(Shape.at(0.001), seed=3).train).nnz == 0
    assert cached(0.001, seed=4, folder=tmp_path) != place


def test_equal_counts_have_no_skew_and_a_single_owner_has_all() -> None:
    assert gini(np.ones(10)) == pytest.approx(0)
    assert gini(np.eye(1, 1_000)[0]) > 0.99


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 30), st.floats(0.05, 0.9))
def test_folds_are_apart_and_together_they_are_everything(seed: int, users: int, share: float) -> None:
    random = np.random.default_rng(seed)
    pairs = sparse.random(users, 20, density=0.5, format="csr", dtype=np.float32, rng=random)
    pairs.sort_indices()

    folds = held_out(pairs, users=users // 2, share=share, seed=seed)
    in_validation, in_test = (np.flatnonzero(np.diff(fold.indptr)) for fold in (folds.validation, folds.test))

    assert abs(folds.train + folds.validation + folds.test - pairs).sum() == 0
    assert folds.train.nnz + folds.validation.nnz + folds.test.nnz == pairs.nnz
    assert set(in_validation).isdisjoint(in_test)
    assert np.all(np.diff(folds.train.indptr)[np.r_[in_validation, in_test]] >= 0)


def test_scores_that_tell_nothing_apart_are_worth_nothing(folds: Folds) -> None:
    zeros = np.zeros((SMALL.users, 4), np.float32), np.zeros((SMALL.items, 4), np.float32)

    assert ndcg(*zeros, train=folds.train, fold=folds.validation) == 0


def test_a_ranking_is_scored_by_hand_the_same() -> None:
    train = sparse.csr_matrix(np.array([[1, 0, 0, 0, 0]], np.float32))
    fold = sparse.csr_matrix(np.array([[0, 1, 0, 1, 0]], np.float32))
    scores = np.array([[9.0, 5.0, 4.0, 3.0, 2.0]], np.float32)

    found = ndcg(np.ones((1, 1), np.float32), scores.T, train=train, fold=fold)

    # The item trained on is left out: the held-out ones stand first and third of four.
    assert found == pytest.approx((1 + 1 / np.log2(4)) / (1 + 1 / np.log2(3)))


def test_weights_have_a_mean_of_one_and_keep_the_pattern(folds: Folds) -> None:
    weights = log_weights(folds.train)

    assert weights.data.mean() == pytest.approx(1, rel=1e-5)
    assert weights.indices is folds.train.indices or np.array_equal(weights.indices, folds.train.indices)


def test_a_matrix_is_read_back_mapped_or_in_memory(tmp_path: Path) -> None:
    matrix = sparse.csr_matrix(np.array([[0, 2], [3, 0]], np.float32))
    save_csr(matrix, tmp_path / "part")

    assert (load_csr(tmp_path / "part") != matrix).nnz == 0
    assert load_csr(tmp_path / "part", mapped=False).data.flags.writeable


def test_a_published_split_is_read_packed_or_plain(tmp_path: Path) -> None:
    (tmp_path / "train.txt.gz").write_bytes(gzip.compress(b"0 3 1\n2 0\n"))
    (tmp_path / "test.txt").write_text("0 2\n1\n")

    train, test = read_published(tmp_path)

    assert train.toarray().tolist() == [[0, 1, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0]]
    assert test.toarray().tolist() == [[0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
