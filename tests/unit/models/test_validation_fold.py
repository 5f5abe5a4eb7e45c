"""The fold that settings are chosen by."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from tacit.models.recommender.ranking_metrics import per_user_metrics
from tacit.models.recommender.validation_fold import CUTOFF, cut_fold

LENGTHS = st.lists(st.integers(0, 30), min_size=1, max_size=20)


def _histories(lengths: list[int], *, items: int = 40, seed: int = 3) -> sparse.csr_array:
    """One user per length, each with so many distinct items; an entry's value is its place in the data."""
    generator = np.random.default_rng(seed)
    rows = [np.sort(generator.choice(items, length, replace=False)) for length in lengths]
    indptr = np.concatenate(([0], np.cumsum(lengths)))
    values = np.arange(1, indptr[-1] + 1, dtype=np.float32)
    return sparse.csr_array((values, np.concatenate(rows).astype(np.int32), indptr), shape=(len(lengths), items))


@given(LENGTHS, st.floats(0.01, 0.9), st.integers(0, 5), st.integers(0, 12))
def test_both_parts_together_are_the_data_that_was_cut(
    lengths: list[int], share: float, least: int, most_users: int
) -> None:
    histories = _histories(lengths)

    fold = cut_fold(histories, share=share, least=least, most_users=most_users)

    assert (fold.training + fold.held_out - histories).nnz == 0
    assert fold.training.nnz + fold.held_out.nnz == histories.nnz


@given(LENGTHS, st.floats(0.01, 0.9))
def test_every_judged_user_keeps_something_to_be_known_by(lengths: list[int], share: float) -> None:
    fold = cut_fold(_histories(lengths), share=share, least=2)

    judged = np.diff(fold.held_out.indptr) > 0
    expected = np.maximum(1, np.floor(share * np.array(lengths)))
    assert np.array_equal(np.flatnonzero(judged), fold.judged)
    assert np.array_equal(judged, np.array(lengths) >= 2)
    assert np.array_equal(np.diff(fold.held_out.indptr)[judged], expected[judged])
    assert np.all(np.diff(fold.training.indptr)[judged] >= 1)


def test_the_same_seed_cuts_the_same_fold_and_another_does_not() -> None:
    histories = _histories([20] * 50)

    first, again, other = (cut_fold(histories, seed=seed) for seed in (1, 1, 2))

    assert (first.held_out != again.held_out).nnz == 0
    assert (first.held_out != other.held_out).nnz > 0


def test_no_more_users_are_judged_than_were_asked_for() -> None:
    fold = cut_fold(_histories([20] * 50), most_users=7)

    assert len(fold.judged) == 7
    assert fold.wanted.shape[0] == fold.seen.rows == 7


def test_every_place_in_a_history_is_as_likely_to_be_held_out() -> None:
    histories = _histories([40] * 4_000)

    held = cut_fold(histories, share=0.1).held_out

    times = np.bincount(held.indices, minlength=40)
    assert times.sum() == 4 * 4_000
    assert np.all(np.abs(times - 400) < 5 * np.sqrt(400 * 0.9))


def test_its_ndcg_is_that_of_the_evaluation() -> None:
    histories = _histories([20] * 30)
    fold = cut_fold(histories, share=0.3)
    generator = np.random.default_rng(9)
    lists = np.array([generator.permutation(40)[:CUTOFF] for _ in fold.judged])

    theirs = per_user_metrics(lists, fold.wanted, np.ones(40, np.int64), users=30, cutoffs=(CUTOFF,))

    assert np.allclose(fold.ndcg(lists), theirs[f"ndcg@{CUTOFF}"])
    assert 0 < fold.ndcg(lists).mean() < 1
