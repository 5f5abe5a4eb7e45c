"""Everybody's lists at once: the same answers as one question at a time."""

from __future__ import annotations

import numpy as np
import pytest

from tacit.data.datasets import SnapshotRules, freeze
from tacit.errors import BadInput, NotFound
from tacit.models.recommender import lists
from tacit.models.recommender.als import AlsSettings
from tacit.models.recommender.engines.numpy_engine import NumpyEngine
from tacit.models.recommender.lists import ListChunk, check_question, lists_for_all
from tacit.models.recommender.model import RecommenderModel
from tacit.models.recommender.training_plan import PlanRules, VoiceRecipe
from tacit.models.recommender.workload import RecommenderWorkload
from tests.communities import interactions, rows_of, titled, two_tastes

KNN = VoiceRecipe("item_knn", {"source": 0.5, "target": 0.5, "user": 0.0, "keep": 20, "by_target": 0.0}, 0.4)


@pytest.fixture(scope="module", params=["off", KNN], ids=["factors", "blend"])
def model(request: pytest.FixtureRequest) -> RecommenderModel:
    found = two_tastes()
    few = [("zoe", f"i{item:03}", 3.0, 1_600_000_000_000) for item in range(3)]
    more = interactions([*rows_of(found), *few, ("yan", "rare", 1.0)])
    snapshot = freeze(more, titled(more), SnapshotRules())
    workload = RecommenderWorkload(
        AlsSettings(factors=8, iterations=4), rules=PlanRules(blend=request.param), engine=NumpyEngine()
    )
    return workload.fit(snapshot).model


def listed(chunks: list[ListChunk]) -> dict[int, tuple[list[int], np.ndarray]]:
    return {
        int(user): (items[items >= 0].tolist(), scores[items >= 0])
        for chunk in chunks
        for user, items, scores in zip(chunk.users, chunk.items, chunk.scores, strict=True)
    }


@pytest.mark.parametrize("category", [None, "even"])
def test_each_list_is_what_the_user_would_be_answered(model: RecommenderModel, category: str | None) -> None:
    only = None if category is None else model.category_filter(category)

    found = listed(list(lists_for_all(model, 7, category=category)))

    for user in range(0, len(model.user_ids), 11):
        met, _ = model.history(user)
        one = model.recommend(model.user_factors[user], 7, met=met, excluded=met.astype(np.intp), only=only)
        assert found[user][0] == one.items.tolist()
        assert found[user][1] == pytest.approx(one.scores, abs=1e-5)


def test_what_is_barred_to_some_users_is_in_their_lists_alone_not(model: RecommenderModel) -> None:
    whole = listed(list(lists_for_all(model, 7)))
    barred = {user: {*whole[user][0][:3], int(model.history(user)[0][0])} for user in (0, 11)}
    found = listed(list(lists_for_all(model, 7, barred=barred)))

    assert {user for user in whole if found[user][0] != whole[user][0]} == {0, 11}
    for user, off in barred.items():
        met, _ = model.history(user)
        excluded = np.union1d(met, [*off])
        one = model.recommend(model.user_factors[user], 7, met=met, excluded=excluded)
        assert found[user][0] == one.items.tolist()


def test_users_without_enough_of_a_taste_have_no_list(model: RecommenderModel) -> None:
    zoe, yan = model.user_rows["zoe"], model.user_rows["yan"]

    assert {zoe, yan} & listed(list(lists_for_all(model, 3))).keys() == {zoe}
    assert {zoe, yan} & listed(list(lists_for_all(model, 3, min_interactions=5))).keys() == set()


def test_lists_do_not_depend_on_how_many_users_are_asked_at_once(
    model: RecommenderModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = listed(list(lists_for_all(model, 5)))
    monkeypatch.setattr(lists, "_CHUNK", 7)

    chunks = list(lists_for_all(model, 5))

    assert len(chunks) == -(-len(model.user_ids) // 7)
    assert {user: items for user, (items, _) in listed(chunks).items()} == {
        user: items for user, (items, _) in whole.items()
    }


def test_questions_that_no_list_could_answer_are_refused_by_name(model: RecommenderModel) -> None:
    with pytest.raises(NotFound, match="Did you mean 'even'") as refusal:
        check_question(model, 10, "evne")
    with pytest.raises(BadInput, match="1 to 1000"):
        check_question(model, 1_001, None)

    assert refusal.value.code == "category_unknown"
    assert refusal.value.context == {"near": ["even"]}


def test_a_category_in_other_letters_is_told_by_its_own(model: RecommenderModel) -> None:
    with pytest.raises(NotFound) as refusal:
        check_question(model, 10, "EVEN")

    assert refusal.value.fix == "Did you mean 'even'?"


@pytest.mark.parametrize("category", [None, "even"])
def test_what_is_hidden_is_in_nobodys_list_and_the_next_best_takes_its_place(
    model: RecommenderModel, category: str | None
) -> None:
    off = [0, 3, 8, 20, len(model.items) - 1]
    only = None if category is None else model.category_filter(category)

    found = listed(list(lists_for_all(model, 7, category=category, hidden=off)))

    for user in range(0, len(model.user_ids), 11):
        met, _ = model.history(user)
        barred = np.concatenate((met.astype(np.intp), off))
        one = model.recommend(model.user_factors[user], 7, met=met, excluded=barred, only=only)
        assert found[user][0] == one.items.tolist()


def test_where_everything_is_hidden_every_list_is_empty(model: RecommenderModel) -> None:
    found = listed(list(lists_for_all(model, 7, hidden=range(len(model.items)))))

    assert {len(items) for items, _ in found.values()} == {0}
