"""A model whose second voice speaks beside its factors: found, explained, saved and loaded like any other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.data.datasets import SnapshotRules, freeze
from tacit.errors import Refused
from tacit.models.recommender.als import AlsSettings
from tacit.models.recommender.blend import Blend
from tacit.models.recommender.model import RecommenderModel
from tacit.models.recommender.training_plan import PlanRules, VoiceRecipe
from tacit.models.recommender.workload import RecommenderWorkload
from tacit.serving.retrieval import spoken, taste_of
from tests.communities import interactions, rows_of, titled, two_tastes

KNN = VoiceRecipe("item_knn", {"source": 0.5, "target": 0.5, "user": 0.0, "keep": 20, "by_target": 0.0}, 0.4)
WORKLOAD = RecommenderWorkload(AlsSettings(factors=8, iterations=6), rules=PlanRules(blend=KNN))
NOTHING = np.empty(0, np.intp)


@pytest.fixture(scope="module")
def model() -> RecommenderModel:
    found = two_tastes()
    more = interactions([*rows_of(found), ("u001", "rare", 1.0)])
    return WORKLOAD.fit(freeze(more, titled(more), SnapshotRules())).model


def by_definition(model: RecommenderModel, row: int) -> np.ndarray:
    """`z` of every item, standardised over the catalogue as the blend's definition says, up to the user's constant."""
    assert model.blend is not None
    items, _ = model.history(row)
    of_factors = (model.item_factors @ model.user_factors[row]).astype(np.float64)
    similarity = model.blend.voice.similarity.scipy().toarray().astype(np.float64)
    of_voice = similarity[items[items < len(similarity)]].sum(axis=0)
    return 0.6 * of_factors + 0.4 * of_voice * of_factors.std() / of_voice.std()


@settings(max_examples=40, deadline=None)
@given(row=st.integers(0, 119), count=st.integers(1, 70))
def test_what_is_recommended_is_what_the_standardised_mixture_ranks_highest(
    model: RecommenderModel, row: int, count: int
) -> None:
    met, _ = model.history(row)

    found = model.recommend(model.user_factors[row], count, met=met, excluded=met.astype(np.intp))

    expected = by_definition(model, row)
    expected[met[met < len(expected)]] = -np.inf
    assert len(found.items) == min(count, int(np.isfinite(expected).sum()))
    assert found.scores == pytest.approx(np.sort(expected)[::-1][: len(found.items)], abs=1e-4)
    assert found.scores == pytest.approx(expected[found.items], abs=1e-4)


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.integers(0, 119), min_size=1, max_size=12))
def test_what_is_said_to_a_user_of_the_version_again_is_what_would_be_said_anew(
    model: RecommenderModel, rows: list[int]
) -> None:
    for row in rows:
        met, _ = model.history(row)
        (kept, more), (anew, as_much) = (model.query(model.user_factors[row], met, row=at) for at in (row, None))

        assert more is not None
        assert as_much is not None
        assert (kept.tolist(), more.scale) == (anew.tolist(), as_much.scale)
        assert (more.items.tolist(), more.scores.tolist()) == (as_much.items.tolist(), as_much.scores.tolist())


def test_the_second_voice_is_asked_once_for_a_user_of_the_version(
    model: RecommenderModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, asked, query = replace(model), [], Blend.query
    monkeypatch.setattr(Blend, "query", lambda *given: (asked.append(given), query(*given))[1])

    for row in (5, 7, 5, 7):
        spoken(own, taste_of(own, row))
    folded_in = spoken(own, replace(taste_of(own, 5), factors=None))

    assert len(asked) == 3
    assert folded_in.query.tolist() != spoken(own, taste_of(own, 5)).query.tolist()


@settings(max_examples=40, deadline=None)
@given(row=st.integers(0, 119), target=st.integers(0, 59))
def test_what_the_history_contributes_adds_up_to_the_blended_score(
    model: RecommenderModel, row: int, target: int
) -> None:
    explaining, shares = model.contributions(*model.history(row), np.array([target]))

    assert float(shares.sum()) == pytest.approx(by_definition(model, row)[target], abs=5e-4)
    assert len(explaining) == (model.history(row)[0] < len(model.item_factors)).sum()


def test_a_history_is_blended_the_same_whether_known_or_folded_in(model: RecommenderModel) -> None:
    for row in range(0, 120, 13):
        items, values = model.history(row)
        known = model.recommend(model.user_factors[row], 10, met=items, excluded=NOTHING)
        folded = model.recommend(model.fold_in(items, values), 10, met=items, excluded=NOTHING)

        assert folded.scores == pytest.approx(known.scores, abs=1e-3)


def test_somebody_the_voice_has_nothing_to_say_to_is_answered_by_the_factors(model: RecommenderModel) -> None:
    nobody = np.empty(0, np.int32)

    found = model.recommend(model.user_factors[0], 5, met=nobody, excluded=NOTHING)

    alone = np.argsort(-(model.item_factors @ model.user_factors[0]), kind="stable")[:5]
    assert found.items.tolist() == alone.tolist()


def test_a_saved_blend_loads_memory_mapped_and_answers_the_same(model: RecommenderModel, tmp_path: Path) -> None:
    WORKLOAD.save(model, tmp_path)

    loaded = WORKLOAD.load(tmp_path)

    assert loaded.blend is not None
    assert model.blend is not None
    assert isinstance(loaded.blend.voice.similarity.data.base, np.memmap)
    assert (loaded.blend.voice.kind, loaded.blend.weight) == ("item_knn", 0.4)
    assert dict(loaded.blend.voice.parameters) == dict(model.blend.voice.parameters)
    for row in range(0, 120, 17):
        met, _ = model.history(row)
        ours, theirs = (
            each.recommend(each.user_factors[row], 9, met=met, excluded=NOTHING) for each in (model, loaded)
        )
        assert ours.items.tolist() == theirs.items.tolist()
        assert np.array_equal(ours.scores, theirs.scores)


def described(folder: Path, **changes: object) -> None:
    path = folder / "recommender.json"
    written = json.loads(path.read_text())
    written["blend"] = {**written["blend"], **changes}
    path.write_text(json.dumps(written))


def torn(folder: Path, name: str, change: Any) -> None:
    np.save(folder / name, change(np.load(folder / name)), allow_pickle=False)


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: described(folder, weight=1.5),
        lambda folder: described(folder, weight="heavy"),
        lambda folder: described(folder, voice="oracle"),
        lambda folder: described(folder, parameters=None),
        lambda folder: torn(folder, "voice_items.npy", lambda array: array + 10_000),
        lambda folder: torn(folder, "voice_items.npy", lambda array: array[::-1].copy()),
        lambda folder: torn(folder, "voice_values.npy", lambda array: array[:-1]),
        lambda folder: torn(folder, "voice_values.npy", lambda array: array * np.float32("nan")),
        lambda folder: torn(folder, "voice_values.npy", lambda array: array.astype(np.float64)),
        lambda folder: torn(folder, "voice_indptr.npy", lambda array: array[:-1]),
        lambda folder: torn(folder, "item_covariance.npy", lambda array: array[:-1]),
        lambda folder: torn(folder, "item_covariance.npy", lambda array: array * np.nan),
    ],
    ids=[
        "weight",
        "no number",
        "kind",
        "parameters",
        "range",
        "order",
        "short",
        "nan",
        "type",
        "rows",
        "spread",
        "no spread",
    ],
)
def test_a_blend_that_contradicts_itself_is_refused(model: RecommenderModel, tmp_path: Path, harm: Any) -> None:
    WORKLOAD.save(model, tmp_path)
    harm(tmp_path)

    with pytest.raises(Refused) as refusal:
        WORKLOAD.load(tmp_path)

    assert refusal.value.code == "model_invalid"


def test_a_model_of_the_first_format_is_read_and_has_no_second_voice(tmp_path: Path) -> None:
    plain = RecommenderWorkload(AlsSettings(factors=4, iterations=2))
    plain.save(plain.fit(freeze(two_tastes(), (), SnapshotRules())).model, tmp_path)
    path = tmp_path / "recommender.json"
    written = {**json.loads(path.read_text()), "format": 1}
    path.write_text(json.dumps({key: value for key, value in written.items() if key != "blend"}))

    assert plain.load(tmp_path).blend is None
