"""Judging models on a hold-out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from tacit.data.datasets import Snapshot, SnapshotRules, freeze
from tacit.models.recommender.als import AlsSettings
from tacit.models.recommender.engines.interfaces import Positions
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.factor_lister import FactorLister
from tacit.models.recommender.popularity import Popularity
from tacit.models.recommender.voice_lister import VoiceLister
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

        def lists(self, histories: Matrix, count: int, *, allowed: object = None) -> Positions:
            wanted = snapshot.holdout[np.flatnonzero(np.diff(snapshot.holdout.indptr))].toarray()
            return np.argsort(-wanted, axis=1, kind="stable")[:, :count].astype(np.int32)

    scored = WORKLOAD.evaluate(Oracle(), snapshot)

    assert [scored.metrics[name] for name in ("ndcg@10", "map@10", "recall@10")] == pytest.approx([1.0, 1.0, 1.0])


def test_what_a_user_already_met_in_training_stands_in_no_list(snapshot: Snapshot) -> None:
    histories = Matrix.of(snapshot.training)
    listers = {"model": FactorLister.of(WORKLOAD.fit(snapshot).model), **WORKLOAD.baselines(snapshot)}

    for lister in listers.values():
        lists = lister.lists(histories, 20)
        met = snapshot.training.toarray() > 0
        assert not np.take_along_axis(met, lists.astype(np.int64), axis=1)[lists >= 0].any()


def test_every_lister_lists_only_what_is_allowed_and_short_lists_say_so(snapshot: Snapshot) -> None:
    histories = Matrix.of(snapshot.training)
    listers = {"model": FactorLister.of(WORKLOAD.fit(snapshot).model), **WORKLOAD.baselines(snapshot)}
    allowed = np.arange(snapshot.n_items) % 7 == 0

    for lister in listers.values():
        lists = lister.lists(histories, 20, allowed=allowed)
        assert allowed[lists[lists >= 0]].all()
        unmet = allowed.sum() - (snapshot.training.toarray()[:, allowed] > 0).sum(axis=1)
        assert (lists >= 0).sum(axis=1).tolist() == np.minimum(unmet, 20).tolist()


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 12))
def test_the_common_list_is_cut_at_what_each_user_met(seed: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    met = generator.random((9, 8)) < generator.random((9, 1))
    listeners = generator.integers(0, 4, 8)
    ids = tuple(map(str, range(8)))

    lists = Popularity(ids, listeners).lists(Matrix.of(sparse.csr_array(met.astype(np.float32))), count)

    ranked = np.argsort(-listeners, kind="stable")
    for row in range(9):
        expected = [item for item in ranked.tolist() if not met[row, item]][:count]
        assert lists[row].tolist() == expected + [-1] * (count - len(expected))


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

    in_training, in_all = Matrix.of(snapshot.training[[row]]), model.histories(slice(row, row + 1))

    listed = FactorLister.of(model).lists(in_training, 20)[0]

    weights = in_training.with_data(model.confidence.weights(in_training.data))
    folded = model.engine.solve(model.side, weights)[0]
    assert in_all.nnz > in_training.nnz
    assert np.array_equal(listed, model.index.search(folded, 20, excluded=in_training.indices).items)
    assert not np.allclose(folded, model.user_factors[row], atol=1e-3)


def test_every_user_with_held_out_items_is_a_case_and_nobody_else(snapshot: Snapshot) -> None:
    scored = WORKLOAD.evaluate(WORKLOAD.baselines(snapshot)["popularity"], snapshot)

    assert scored.case_ids.tolist() == np.flatnonzero(np.diff(snapshot.holdout.indptr)).tolist()
    assert len(scored.per_case["ndcg@10"]) == len(scored.case_ids)


def test_what_was_listed_before_changes_no_list(snapshot: Snapshot) -> None:
    histories = Matrix.of(snapshot.training)
    allowed = np.arange(snapshot.n_items) % 2 == 0

    for name, lister in WORKLOAD.baselines(snapshot).items():
        some, everything, again = (lister.lists(histories, 9, allowed=only) for only in (allowed, None, allowed))

        assert np.array_equal(again, some)
        assert np.array_equal(everything, WORKLOAD.baselines(snapshot)[name].lists(histories, 9))
        assert not np.array_equal(everything, some)


def test_a_snapshot_without_holdout_has_no_metrics() -> None:
    empty = freeze(two_tastes(), (), SnapshotRules(holdout_share=0.0))

    assert WORKLOAD.evaluate(WORKLOAD.baselines(empty)["popularity"], empty).metrics == {}


def test_an_items_neighbours_are_the_most_similar_ones_ties_by_position_and_never_itself() -> None:
    snapshot = freeze(two_tastes(), (), SnapshotRules())
    met = (snapshot.training.toarray() > 0).astype(np.float64)
    norms = np.sqrt(np.maximum(met.sum(axis=0), 1))
    cosines = (met.T @ met) / np.outer(norms, norms)
    np.fill_diagonal(cosines, 0)

    lister = RecommenderWorkload(AlsSettings(), neighbours=5).baselines(snapshot)["item_neighbours"]

    assert isinstance(lister, VoiceLister)
    for item, row in enumerate(lister.voice.similarity.scipy().toarray()):
        best = np.argsort(-np.round(cosines[item], 6), kind="stable")[:5]
        assert np.sort(row[row > 0]) == pytest.approx(np.sort(cosines[item][best]), abs=1e-5)
        assert row[item] == 0
