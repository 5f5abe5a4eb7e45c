"""What a validation fold decides before everything is learnt from, and what it never does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tacit.data.datasets import Snapshot, SnapshotRules, freeze
from tacit.errors import Refused
from tacit.models.recommender.als import AlsSettings, Factors
from tacit.models.recommender.engines.interfaces import Engine, Floats, Index
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.engines.numpy_engine import NumpyEngine
from tacit.models.recommender.training_plan import Plan, PlanRules, VoiceRecipe, planned
from tacit.models.recommender.workload import RecommenderWorkload
from tests.communities import Row, interactions, titled, two_tastes

ENGINE = NumpyEngine()
SETTINGS = AlsSettings(factors=8, iterations=8)
KNN = VoiceRecipe("item_knn", {"source": 0.5, "target": 0.5, "user": 0.0, "keep": 20, "by_target": 0.0}, 0.4)


def pairs(users: int = 300, pairs_of_items: int = 40) -> Snapshot:
    """Items come in pairs: who meets one meets the other; nothing else is to be learnt."""
    generator = np.random.default_rng(4)
    rows: list[Row] = []
    for user in range(users):
        met = generator.choice(pairs_of_items, 6, replace=False)
        rows += [(f"u{user:03}", f"i{pair:02}{side}", 1.0) for pair in met.tolist() for side in "ab"]
    found = interactions(rows)
    return freeze(found, titled(found), SnapshotRules())


def tastes() -> Snapshot:
    return freeze(two_tastes(), (), SnapshotRules())


def plan(snapshot: Snapshot, rules: PlanRules, settings: AlsSettings = SETTINGS, engine: Engine = ENGINE) -> Plan:
    return planned(snapshot.training, settings.resolved(snapshot.training), rules, engine=engine)


class Counting(NumpyEngine):
    """Remembers how many entries it was given to learn from."""

    def __init__(self) -> None:
        self.given: list[int] = []

    def transpose(self, matrix: Matrix) -> Matrix:
        self.given.append(matrix.nnz)
        return super().transpose(matrix)


def test_without_anything_to_decide_no_fold_is_cut_and_nothing_learnt() -> None:
    engine = Counting()

    assert plan(tastes(), PlanRules(), engine=engine) == Plan(8)
    assert plan(tastes(), PlanRules(blend=KNN), engine=engine) == Plan(8, KNN)
    assert engine.given == []


def test_too_few_users_to_judge_by_decide_nothing() -> None:
    few = freeze(two_tastes(users=30), (), SnapshotRules())

    assert plan(few, PlanRules(early_stopping=True, blend="auto")) == Plan(8)


def test_what_decides_is_learnt_from_less_than_the_training_part() -> None:
    engine, snapshot = Counting(), tastes()

    plan(snapshot, PlanRules(early_stopping=True), engine=engine)

    assert len(engine.given) == 1
    assert engine.given[0] < snapshot.training.nnz


class Starting(NumpyEngine):
    """Remembers what the first half step was given."""

    def __init__(self) -> None:
        self.first: Floats | None = None

    def half_step(self, solved: Floats, fixed: Floats, **others: Any) -> Any:
        self.first = fixed.copy() if self.first is None else self.first
        return super().half_step(solved, fixed, **others)


def test_the_trial_of_a_warm_start_starts_there_too() -> None:
    snapshot, engine = tastes(), Starting()
    known = np.random.default_rng(1).normal(size=(snapshot.n_items, 8)).astype(np.float32)
    start = Factors(np.zeros((0, 8), np.float32), known)
    settings = SETTINGS.resolved(snapshot.training)

    planned(snapshot.training, settings, PlanRules(early_stopping=True), engine=engine, start=start)

    assert engine.first is not None
    assert np.array_equal(engine.first, known)


def test_training_ends_where_the_fold_was_listed_best() -> None:
    found = plan(tastes(), PlanRules(early_stopping=True), replace(SETTINGS, iterations=40, relaxation=1.0))

    assert 2 <= found.iterations < 40
    assert found.validation is not None
    assert found.validation["factors"] > found.validation["popularity"]
    assert found.validation["cases"] == 120


def test_a_second_voice_is_chosen_where_factors_are_too_few_to_tell_pairs_apart() -> None:
    found = plan(pairs(), PlanRules(blend="auto"), replace(SETTINGS, factors=3))

    assert found.voice is not None
    assert found.validation is not None
    assert found.validation["blend"] > 1.2 * found.validation["factors"]


def test_the_same_training_part_gives_the_same_plan() -> None:
    rules = PlanRules(early_stopping=True, blend="auto")

    assert plan(pairs(), rules) == plan(pairs(), rules)


def crowd() -> Snapshot:
    return freeze(two_tastes(users=600), (), SnapshotRules())


class Contrary(NumpyEngine):
    """Finds what suits least: factors searched so are worse than what is popular."""

    def index(self, factors: Floats) -> Index:
        return super().index(-factors)


def test_factors_that_popularity_beats_beyond_doubt_are_refused_by_name() -> None:
    with pytest.raises(Refused, match="what is popular") as refusal:
        plan(crowd(), PlanRules(early_stopping=True), engine=Contrary())

    assert refusal.value.code == "factors_below_popularity"
    assert "tacit search" in (refusal.value.fix or "")


def test_a_second_voice_that_beats_popularity_makes_up_for_factors_that_do_not() -> None:
    found = plan(crowd(), PlanRules(blend="auto"), engine=Contrary())

    assert found.voice is not None
    assert found.voice.weight == 1.0
    assert found.validation is not None
    assert found.validation["factors"] < found.validation["popularity"] < found.validation["blend"]


def test_a_fitted_model_says_what_was_decided_and_on_what_evidence() -> None:
    snapshot = pairs()
    workload = RecommenderWorkload(
        replace(SETTINGS, factors=3), rules=PlanRules(early_stopping=True, blend="auto"), engine=ENGINE
    )

    fitted = workload.fit(snapshot)

    facts = fitted.hyperparameters
    assert facts["engine"] == "numpy"
    assert fitted.model.blend is not None
    assert (facts["voice"], facts["voice_weight"]) == (fitted.model.blend.voice.kind, fitted.model.blend.weight)
    assert isinstance(facts["validation"], dict)
    assert set(facts["validation"]) == {"cases", "popularity", "factors", "blend"}
    assert facts["iterations"] == len(fitted.losses)


def test_what_was_chosen_on_the_fold_is_better_on_the_hold_out_too() -> None:
    snapshot = pairs()
    settings = replace(SETTINGS, factors=3)
    alone = RecommenderWorkload(settings, engine=ENGINE)
    blended = RecommenderWorkload(settings, rules=PlanRules(blend="auto"), engine=ENGINE)

    scores = [each.evaluate(each.fit(snapshot).model, snapshot).metrics["ndcg@10"] for each in (alone, blended)]

    assert scores[1] > 1.2 * scores[0]
