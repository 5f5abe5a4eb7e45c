"""A training that starts from the item factors of a version that is there already."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tacit.data.datasets import Snapshot, SnapshotRules, freeze
from tacit.errors import Refused
from tacit.models.recommender.als import AlsSettings
from tacit.models.recommender.model import RecommenderModel
from tacit.models.recommender.training_plan import PlanRules, VoiceRecipe, recipe_of
from tacit.models.recommender.workload import RecommenderWorkload
from tests.communities import interactions, rows_of, two_tastes

LONG = RecommenderWorkload(AlsSettings(factors=8, iterations=15))
SHORT = replace(LONG, settings=AlsSettings(factors=8, iterations=1))


def snapshot(prefix: str = "") -> Snapshot:
    rows = [(row[0], prefix + row[1], *row[2:]) for row in rows_of(two_tastes())]
    return freeze(interactions(rows), (), SnapshotRules())


@pytest.fixture(scope="module")
def learnt() -> RecommenderModel:
    return LONG.fit(snapshot()).model


def test_one_iteration_from_a_version_ends_lower_than_one_from_nothing(learnt: RecommenderModel) -> None:
    cold, warm = SHORT.fit(snapshot()), replace(SHORT, start=learnt).fit(snapshot())

    assert warm.losses[-1] < 0.99 * cold.losses[-1]


def test_items_are_matched_by_their_ids_wherever_they_stand(learnt: RecommenderModel) -> None:
    n = len(learnt.item_factors)
    turned = replace(
        learnt, items=[*reversed(learnt.items[:n]), *learnt.items[n:]], item_factors=learnt.item_factors[::-1].copy()
    )

    straight, reverse = (replace(SHORT, start=start).fit(snapshot()) for start in (learnt, turned))

    assert straight.losses == reverse.losses


def test_a_version_that_knows_none_of_the_items_is_no_start(learnt: RecommenderModel) -> None:
    with pytest.raises(Refused, match="None of the") as refused:
        replace(SHORT, start=learnt).fit(snapshot("other-"))

    assert refused.value.code == "start_unrelated"


def test_going_on_from_a_version_keeps_its_voice_and_asks_no_fold(learnt: RecommenderModel) -> None:
    recipe = VoiceRecipe("item_knn", {"keep": 5.0}, 0.25)
    facts = {"voice": recipe.kind, "voice_parameters": dict(recipe.parameters), "voice_weight": recipe.weight}
    asking = replace(LONG, rules=PlanRules(early_stopping=True, blend="auto"))

    going = asking.going_on(learnt, facts, label="recommender/7", iterations=3)

    assert (going.rules, going.settings.iterations, going.start_label) == (
        PlanRules(blend=recipe),
        3,
        "recommender/7",
    )
    assert not going.rules.early_stopping


@pytest.mark.parametrize("facts", [{}, {"voice": None}, {"voice": "item_knn", "voice_parameters": 7}])
def test_a_version_without_a_second_voice_passes_none_on(facts: dict[str, object]) -> None:
    assert recipe_of(facts) is None


def test_a_voice_that_is_switched_off_is_not_passed_on(learnt: RecommenderModel) -> None:
    facts = {"voice": "item_knn", "voice_parameters": {}, "voice_weight": 0.5}

    assert LONG.going_on(learnt, facts, label="", iterations=1).rules == PlanRules()


def test_the_manifest_of_what_was_trained_says_where_it_started(learnt: RecommenderModel) -> None:
    going = LONG.going_on(learnt, {}, label="recommender/7", iterations=1)

    assert going.fit(snapshot()).hyperparameters["started_from"] == "recommender/7"
    assert LONG.fit(snapshot()).hyperparameters["started_from"] is None


def test_the_model_that_training_starts_from_does_not_bring_its_users(learnt: RecommenderModel) -> None:
    """The users' factors of a version know its hold-out: were they used, training would learn from it."""
    shuffled = replace(learnt, user_factors=learnt.user_factors[::-1].copy() * 100)

    straight, other = (replace(SHORT, start=start).fit(snapshot()) for start in (learnt, shuffled))

    assert straight.losses == other.losses
