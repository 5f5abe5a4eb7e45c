"""The model in memory: folding in, explaining, saving and loading."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.data.datasets import Snapshot, SnapshotRules, freeze
from tacit.errors import Refused
from tacit.models.recommender.als import AlsSettings
from tacit.models.recommender.model import RecommenderModel
from tacit.models.recommender.workload import RecommenderWorkload
from tests.communities import checkerboard, interactions, rows_of, titled, two_tastes

WORKLOAD = RecommenderWorkload(AlsSettings(factors=8, iterations=6))


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    found = two_tastes()
    return freeze(found, titled(found), SnapshotRules())


@pytest.fixture(scope="module")
def model(snapshot: Snapshot) -> RecommenderModel:
    return WORKLOAD.fit(snapshot).model


def test_folding_a_known_history_in_gives_the_vector_that_training_ships(model: RecommenderModel) -> None:
    for row in range(0, len(model.user_ids), 17):
        folded = model.fold_in(*model.history(row))

        assert np.abs(folded - model.user_factors[row]).max() < 1e-4


@settings(max_examples=50, deadline=None)
@given(row=st.integers(0, 119), target=st.integers(0, 59))
def test_what_the_history_contributes_adds_up_to_the_score(model: RecommenderModel, row: int, target: int) -> None:
    explaining, shares = model.contributions(*model.history(row), np.array([target]))

    assert len(explaining) == len(model.history(row)[0])
    score = float(model.item_factors[target] @ model.user_factors[row])
    assert float(shares.sum()) == pytest.approx(score, abs=2e-4)


@pytest.mark.parametrize("length", [1, 5, 8, 9, 40])
def test_histories_shorter_and_longer_than_the_factors_are_explained_by_the_same_formula(
    model: RecommenderModel, length: int
) -> None:
    generator = np.random.default_rng(length)
    items = np.sort(generator.choice(len(model.item_factors), length, replace=False)).astype(np.int32)
    values = (1 + generator.random(length)).astype(np.float32)
    targets = np.array([0, 7, 7, 30])

    _, shares = model.contributions(items, values, targets)

    y = model.item_factors.astype(np.float64)
    w = model.confidence.weights(values).astype(np.float64)
    ridge = float(model.ridge.of(np.array([length]), len(y))[0])
    system = y.T @ y + (y[items] * w[:, None]).T @ y[items] + ridge * np.eye(y.shape[1])
    expected = (1 + w) * (y[targets] @ np.linalg.solve(system, y[items].T))
    assert shares == pytest.approx(expected, abs=1e-4)


def test_listeners_of_one_half_are_recommended_that_half_because_of_it(model: RecommenderModel) -> None:
    first_half = np.array([item.item_id < "i030" for item in model.items])
    recommended, reasons = [], []
    for row in range(0, len(model.user_ids), 2):
        seen, values = model.history(row)
        found = model.recommend(model.user_factors[row], 5, met=seen, excluded=seen.astype(np.intp))
        best = found.items.astype(np.intp)
        explaining, shares = model.contributions(seen, values, best)
        recommended += first_half[best].tolist()
        reasons += first_half[explaining[np.argmax(shares, axis=1)]].tolist()

    assert np.mean(recommended) > 0.8
    assert np.mean(reasons) > 0.8


def test_items_of_one_taste_are_more_alike_than_items_of_two(model: RecommenderModel) -> None:
    alike = model.unit_factors @ model.unit_factors[model.item_rows["i001"]]
    first_half = np.array([item.item_id < "i030" for item in model.items])

    assert alike[model.item_rows["i001"]] == pytest.approx(1.0, abs=1e-5)
    assert alike[first_half].mean() > alike[~first_half].mean() + 0.3


def cosines_with(model: RecommenderModel, item: int) -> np.ndarray:
    """By the definition, of factors that are not 0."""
    factors = model.item_factors.astype(np.float64)
    lengths = np.linalg.norm(factors, axis=1)
    return np.asarray(factors @ factors[item] / (lengths * lengths[item]))


def test_what_is_similar_is_the_highest_cosine_and_never_the_item_itself(model: RecommenderModel) -> None:
    excluded = np.array([1, 5])
    for item in range(0, len(model.item_factors), 9):
        cosines = cosines_with(model, item)
        cosines[[item, *excluded]] = -np.inf

        found = model.similar(item, 8, excluded=excluded)

        assert found.scores == pytest.approx(np.sort(cosines)[::-1][:8], abs=1e-5)
        assert found.scores == pytest.approx(cosines[found.items], abs=1e-5)


def test_a_category_narrows_both_indexes_to_its_items(model: RecommenderModel) -> None:
    nothing = np.empty(0, np.intp)
    members = np.flatnonzero(model.categories["even"][: len(model.item_factors)])
    met = np.empty(0, np.int32)

    liked = model.recommend(model.user_factors[0], 99, met=met, excluded=nothing, only=model.category_filter("even"))
    only = model.category_filter("even", of=model.unit_index)
    similar = model.similar(int(members[0]), 99, excluded=nothing, only=only)

    assert sorted(liked.items.tolist()) == members.tolist()
    assert sorted(similar.items.tolist()) == members[1:].tolist()
    assert model.category_filter("even") is model.category_filter("even")


def test_folding_an_item_in_gives_the_factors_its_listeners_leave_it(model: RecommenderModel) -> None:
    history = model.histories(slice(None)).scipy().tocsc()
    for item in range(0, len(model.item_factors), 13):
        part = slice(history.indptr[item], history.indptr[item + 1])
        users, values = history.indices[part], history.data[part]

        folded = model.fold_in_item(users, values)

        x = model.user_factors.astype(np.float64)
        w = model.confidence.weights(values).astype(np.float64)
        ridge = float(model.ridge.of(np.array([len(users)]), len(x))[0])
        system = x.T @ x + (x[users] * w[:, None]).T @ x[users] + ridge * np.eye(x.shape[1])
        assert folded == pytest.approx(np.linalg.solve(system, x[users].T @ (1 + w)), abs=1e-4)


def test_histories_leave_out_items_without_factors_and_are_the_same_in_parts() -> None:
    more = interactions([*rows_of(two_tastes()), ("u001", "rare", 1.0)])
    fitted = WORKLOAD.fit(freeze(more, (), SnapshotRules())).model
    whole = fitted.histories(slice(None))

    assert whole.columns == len(fitted.item_factors) < len(fitted.items)
    assert whole.nnz == len(fitted.indices) - 1
    parts = [fitted.histories(slice(start, start + 50)) for start in range(0, len(fitted.user_ids), 50)]
    assert np.concatenate([part.indices for part in parts]).tolist() == whole.indices.tolist()
    assert np.concatenate([part.counts for part in parts]).tolist() == whole.counts.tolist()


def test_a_user_below_the_filter_is_served_from_their_own_history() -> None:
    found = two_tastes()
    few = [("zoe", f"i{item:03}", 3.0, 1_600_000_000_000) for item in range(3)]
    fitted = WORKLOAD.fit(freeze(interactions([*rows_of(found), *few]), (), SnapshotRules())).model

    scores = fitted.item_factors @ fitted.user_factors[fitted.user_rows["zoe"]]

    first_half = np.array([item.item_id < "i030" for item in fitted.items])
    assert scores[first_half].mean() > scores[~first_half].mean()


@pytest.mark.requirement("SERV-017")
def test_a_saved_model_loads_memory_mapped_and_answers_the_same(model: RecommenderModel, tmp_path: Path) -> None:
    WORKLOAD.save(model, tmp_path)
    loaded = WORKLOAD.load(tmp_path)

    assert isinstance(loaded.item_factors.base, np.memmap)
    assert loaded.items == model.items
    assert list(loaded.user_ids) == list(model.user_ids)
    assert {name: ranked.tolist() for name, ranked in loaded.popular.items()} == {
        name: ranked.tolist() for name, ranked in model.popular.items()
    }
    assert np.array_equal(loaded.user_factors, model.user_factors)
    assert np.array_equal(loaded.item_factors, model.item_factors)
    assert np.array_equal(loaded.fold_in(*loaded.history(3)), model.fold_in(*model.history(3)))


def damaged(folder: Path, name: str, array: np.ndarray) -> None:
    np.save(folder / name, array, allow_pickle=False)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("item_factors.npy", lambda array: np.where(np.arange(array.size).reshape(array.shape) == 5, np.nan, array)),
        ("user_factors.npy", lambda array: array[:-1]),
        ("item_factors.npy", np.zeros_like),
        ("item_factors.npy", lambda array: np.vstack([array, array])),
        ("history_items.npy", lambda array: array + 10_000),
        ("history_indptr.npy", lambda array: array[::-1].copy()),
        ("history_values.npy", lambda array: array[:-1]),
        ("item_listeners.npy", lambda array: array.astype(np.float64)),
    ],
    ids=["nan", "too few users", "all zero", "too many items", "item out of range", "falling slices", "short", "type"],
)
def test_a_model_that_contradicts_itself_is_refused(
    model: RecommenderModel, tmp_path: Path, name: str, change: object
) -> None:
    WORKLOAD.save(model, tmp_path)
    assert callable(change)
    changed = change(np.load(tmp_path / name))
    damaged(tmp_path, name, changed.astype(np.float32) if name.endswith("factors.npy") else changed)

    with pytest.raises(Refused) as refusal:
        WORKLOAD.load(tmp_path)

    assert refusal.value.code == "model_invalid"


def test_a_model_of_another_format_is_refused(model: RecommenderModel, tmp_path: Path) -> None:
    WORKLOAD.save(model, tmp_path)
    (tmp_path / "recommender.json").write_text(json.dumps({"format": 99}))

    with pytest.raises(Refused, match="format 99"):
        WORKLOAD.load(tmp_path)


def test_popularity_counts_listeners_by_category(model: RecommenderModel) -> None:
    for category, ranked in model.popular.items():
        counts = model.listeners[ranked]

        assert (np.diff(counts) <= 0).all()
        assert category == "" or all(category in model.items[item].categories for item in ranked)
    assert set(model.popular) == {"", "even", "odd"}


def test_a_tiny_community_trains_with_fewer_factors_than_asked() -> None:
    fitted = RecommenderWorkload(AlsSettings(factors=64, iterations=2)).fit(
        freeze(checkerboard(8), (), SnapshotRules(min_user_interactions=1, min_item_interactions=1))
    )

    assert fitted.hyperparameters["factors"] == 8


def thin() -> Snapshot:
    return freeze(interactions([("ann", "x", 1.0)]), (), SnapshotRules())


def test_a_snapshot_that_holds_nothing_to_learn_from_is_refused_by_name() -> None:
    with pytest.raises(Refused, match="None of the 1 interactions") as refusal:
        RecommenderWorkload(AlsSettings()).fit(thin())

    assert refusal.value.code == "nothing_to_learn"
    assert "min_user_interactions" in (refusal.value.fix or "")


def test_baselines_of_a_snapshot_without_items_score_no_case() -> None:
    workload = RecommenderWorkload(AlsSettings())

    scored = {name: workload.evaluate(model, thin()) for name, model in workload.baselines(thin()).items()}

    assert {name: len(found.case_ids) for name, found in scored.items()} == {"popularity": 0, "item_neighbours": 0}


@pytest.mark.parametrize(
    "written", ["", "[]", "{", '{"format": 1}', '{"format": 1, "confidence": {"cap": null}, "regularization": "x"}']
)
def test_a_model_whose_description_is_torn_is_refused_by_name(tmp_path: Path, written: str) -> None:
    workload = RecommenderWorkload(AlsSettings(factors=4, iterations=2))
    workload.save(workload.fit(freeze(two_tastes(), (), SnapshotRules())).model, tmp_path)
    (tmp_path / "recommender.json").write_text(written)

    with pytest.raises(Refused) as refusal:
        workload.load(tmp_path)

    assert refusal.value.code == "model_invalid"
