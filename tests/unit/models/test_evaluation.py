"""Judging models on a hold-out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tacit.data.datasets import Snapshot, SnapshotRules, freeze
from tacit.models.recommender.als import AlsSettings
from tacit.models.recommender.model import FactorScorer
from tacit.models.recommender.neighbours import ItemNeighbours
from tacit.models.recommender.workload import RecommenderWorkload
from tests.communities import interactions, rows_of, two_tastes

WORKLOAD = RecommenderWorkload(AlsSettings(factors=8, iterations=6))


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return freeze(two_tastes(), (), SnapshotRules())


def test_a_learnt_taste_beats_popularity_and_neighbours_come_close(snapshot: Snapshot) -> None:
    scored = WORKLOAD.evaluate(WORKLOAD.fit(snapshot).model, snapshot)
    baselines = {name: WORKLOAD.evaluate(model, snapshot) for name, model in WORKLOAD.baselines(snapshot).items()}

    assert scored.metrics["ndcg@10"] > 1.3 * baselines["popularity"].metrics["ndcg@10"]
    assert baselines["item_neighbours"].metrics["ndcg@10"] > baselines["popularity"].metrics["ndcg@10"]


def test_an_oracle_scores_one_on_every_relevance_metric(snapshot: Snapshot) -> None:
    class Oracle:
        item_ids = tuple(item.item_id for item in snapshot.items[: snapshot.n_items])

        def scores(self, histories: object) -> np.ndarray:
            return snapshot.holdout.toarray()

    scored = WORKLOAD.evaluate(Oracle(), snapshot)

    assert [scored.metrics[name] for name in ("ndcg@10", "map@10", "recall@10")] == pytest.approx([1.0, 1.0, 1.0])


def test_what_a_user_already_met_in_training_is_never_counted_as_a_recommendation(snapshot: Snapshot) -> None:
    popularity = WORKLOAD.baselines(snapshot)["popularity"]

    class Parrot:
        item_ids = popularity.item_ids

        def scores(self, histories: Any) -> np.ndarray:
            return popularity.scores(histories) + 1e6 * (histories.toarray() > 0)

    parrot, blind = WORKLOAD.evaluate(Parrot(), snapshot), WORKLOAD.evaluate(popularity, snapshot)

    assert parrot.metrics == blind.metrics


def test_a_model_of_an_older_snapshot_is_scored_by_item_name_not_by_position() -> None:
    rules = SnapshotRules(holdout_share=0.1)
    found = two_tastes()
    older = freeze(found, (), rules)
    model = WORKLOAD.fit(older).model
    hits = [(f"u{user:03}", "a-new-hit", 1.0, 1_599_000_000_000) for user in range(0, 120, 2)]
    newer = freeze(interactions([*rows_of(found), *hits]), (), rules)

    before, after = WORKLOAD.evaluate(model, older), WORKLOAD.evaluate(model, newer)

    assert newer.items[0].item_id == "a-new-hit"
    assert before.metrics["ndcg@10"] > 0.1
    assert after.metrics["ndcg@10"] == pytest.approx(before.metrics["ndcg@10"], rel=0.15)


def test_users_are_folded_in_from_the_training_part_alone(snapshot: Snapshot) -> None:
    model = WORKLOAD.fit(snapshot).model
    row = int(np.flatnonzero(np.diff(snapshot.holdout.indptr))[0])

    scores = FactorScorer(model).scores(snapshot.training[[row]])[0]

    assert not np.allclose(scores, model.scores(model.user_factors[row]), atol=1e-3)


def test_every_user_with_held_out_items_is_a_case_and_nobody_else(snapshot: Snapshot) -> None:
    scored = WORKLOAD.evaluate(WORKLOAD.baselines(snapshot)["popularity"], snapshot)

    assert scored.case_ids.tolist() == np.flatnonzero(np.diff(snapshot.holdout.indptr)).tolist()
    assert len(scored.per_case["ndcg@10"]) == len(scored.case_ids)


def test_a_snapshot_without_holdout_has_no_metrics() -> None:
    empty = freeze(two_tastes(), (), SnapshotRules(holdout_share=0.0))

    assert WORKLOAD.evaluate(WORKLOAD.baselines(empty)["popularity"], empty).metrics == {}


def test_an_items_neighbours_are_the_most_similar_ones_ties_by_position_and_never_itself() -> None:
    snapshot = freeze(two_tastes(), (), SnapshotRules())
    met = (snapshot.training.toarray() > 0).astype(np.float64)
    norms = np.sqrt(np.maximum(met.sum(axis=0), 1))
    cosines = (met.T @ met) / np.outer(norms, norms)
    np.fill_diagonal(cosines, 0)

    kept = ItemNeighbours.fit(snapshot.training, tuple(map(str, range(snapshot.n_items))), neighbours=5).similarity

    for item, row in enumerate(kept.toarray()):
        best = np.argsort(-np.round(cosines[item], 6), kind="stable")[:5]
        assert np.sort(row[row > 0]) == pytest.approx(np.sort(cosines[item][best]), abs=1e-5)
        assert row[item] == 0
