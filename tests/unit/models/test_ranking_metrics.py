"""Ranking metrics against a reference that a reader can follow, case by case."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from tacit.models.bootstrap_intervals import difference_interval, intervals
from tacit.models.recommender.ranking_metrics import (
    coverage,
    ndcg,
    per_user_metrics,
    segment_means,
    segment_members,
)


def reference(ranked: list[int], relevant: set[int], k: int) -> dict[str, float]:
    """One user's metrics, by the definitions."""
    hits = [item in relevant for item in ranked[:k]]
    ideal = sum(1 / math.log2(rank + 2) for rank in range(min(k, len(relevant))))
    precisions = [sum(hits[: rank + 1]) / (rank + 1) for rank in range(len(hits)) if hits[rank]]
    return {
        f"precision@{k}": sum(hits) / k,
        f"recall@{k}": sum(hits) / len(relevant),
        f"map@{k}": sum(precisions) / min(k, len(relevant)),
        f"ndcg@{k}": sum(1 / math.log2(rank + 2) for rank, hit in enumerate(hits) if hit) / ideal,
    }


@pytest.mark.requirement("EVAL-001")
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 100_000), n_items=st.integers(5, 60), users=st.integers(1, 12))
def test_every_metric_is_what_brute_force_says(seed: int, n_items: int, users: int) -> None:
    generator = np.random.default_rng(seed)
    lists = np.full((users, 20), -1)
    held = np.zeros((users, n_items), np.float32)
    for user in range(users):
        length = int(generator.integers(0, min(20, n_items) + 1))
        lists[user, :length] = generator.permutation(n_items)[:length]
        held[user, generator.permutation(n_items)[: generator.integers(1, n_items)]] = 1

    found = per_user_metrics(lists, sparse.csr_array(held), np.ones(n_items, np.int64), users=users)

    for user in range(users):
        ranked = [int(item) for item in lists[user] if item >= 0]
        relevant = set(np.flatnonzero(held[user]).tolist())
        expected = reference(ranked, relevant, 10) | reference(ranked, relevant, 20)
        assert {name: found[name][user] for name in expected} == pytest.approx(expected)


def test_a_perfect_list_scores_one_and_a_list_of_misses_zero() -> None:
    held = sparse.csr_array(np.array([[1, 1, 0, 0], [1, 1, 0, 0]], np.float32))
    lists = np.full((2, 20), -1)
    lists[0, :2], lists[1, :2] = [0, 1], [2, 3]

    found = per_user_metrics(lists, held, np.ones(4, np.int64), users=2)

    assert [found[name].tolist() for name in ("ndcg@10", "recall@10", "map@10")] == [[1.0, 0.0]] * 3


def test_nobody_who_has_nothing_to_find_is_found_anything() -> None:
    nothing = np.zeros((2, 3), bool)

    assert ndcg(nothing, np.array([0, 2])).tolist() == [0.0, 0.0]
    assert ndcg(nothing[:, :0], np.array([0, 2])).tolist() == [0.0, 0.0]


def test_novelty_is_the_surprise_of_what_few_have_met() -> None:
    held = sparse.csr_array(np.array([[1, 0, 0]], np.float32))
    lists = np.full((1, 20), -1)
    lists[0, :2] = [1, 2]

    found = per_user_metrics(lists, held, np.array([8, 4, 2]), users=8)

    assert found["novelty@10"][0] == pytest.approx((1 + 2) / 2)


def test_coverage_is_the_share_of_the_catalogue_that_anyone_is_shown() -> None:
    lists = np.array([[0, 1, -1], [1, 2, -1]])

    assert coverage(lists, 6, 2) == pytest.approx(3 / 6)
    assert coverage(lists, 6, 1) == pytest.approx(2 / 6)


@pytest.mark.requirement("EVAL-015")
def test_segments_part_the_users_by_how_much_is_known_of_them() -> None:
    per_case = {"ndcg@10": np.array([0.1, 0.3, 0.5, 0.7])}

    found = segment_means(per_case, segment_members(np.array([9, 10, 49, 50])))

    assert found == {
        "cold": {"cases": 1.0, "ndcg@10": 0.1},
        "light": {"cases": 2.0, "ndcg@10": 0.4},
        "heavy": {"cases": 1.0, "ndcg@10": 0.7},
    }


def test_a_bootstrap_interval_holds_the_true_mean_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(5)
    covered = 0
    for trial in range(200):
        low, high = intervals({"x": generator.exponential(size=120)}, resamples=300, seed=trial)["x"]
        covered += low <= 1.0 <= high

    assert 0.88 <= covered / 200 <= 0.985


def test_a_paired_difference_is_sharper_than_the_two_means_apart() -> None:
    generator = np.random.default_rng(6)
    hard = generator.uniform(size=400)
    worse, better = hard, hard + 0.01 + generator.normal(0, 0.01, 400)

    low, high = difference_interval(better, worse)

    assert 0 < low < 0.01 < high
    assert intervals({"x": better})["x"][0] < intervals({"x": worse})["x"][1]
