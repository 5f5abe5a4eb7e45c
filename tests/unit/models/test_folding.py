"""Folding in what speaks against items: exact, and explained by what speaks for the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.data.datasets import SnapshotRules, freeze
from tacit.models.recommender.als import AlsSettings
from tacit.models.recommender.blend import Blend
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.engines.numpy_engine import NumpyEngine
from tacit.models.recommender.folding import Against
from tacit.models.recommender.model import RecommenderModel
from tacit.models.recommender.neighbours import CoOccurrence
from tacit.models.recommender.training_plan import PlanRules
from tacit.models.recommender.workload import RecommenderWorkload
from tests.communities import titled, two_tastes

ENGINE = NumpyEngine()
SNAPSHOT = freeze(two_tastes(), titled(two_tastes()), SnapshotRules())


def fitted(k: int) -> RecommenderModel:
    settings = AlsSettings(factors=k, iterations=4)
    return RecommenderWorkload(settings, rules=PlanRules(blend="off"), engine=ENGINE).fit(SNAPSHOT).model


NARROW, WIDE = fitted(6), fitted(40)


def blended(model: RecommenderModel) -> RecommenderModel:
    by_user = Matrix.of(SNAPSHOT.training)
    voice = CoOccurrence(0.5, 0.5, 0.0, keep=20).fit(ENGINE, by_user, ENGINE.transpose(by_user))
    return replace(model, blend=Blend.of(voice, 0.4, model.item_factors))


def dense(model: RecommenderModel, liked: dict[int, float], opposed: dict[int, float]) -> np.ndarray:
    """Equation 4 written out."""
    y = model.item_factors.astype(np.float64)
    system = y.T @ y
    right = np.zeros(y.shape[1])
    for values, preferred in ((liked, 1.0), (opposed, 0.0)):
        for item, value in values.items():
            w = float(model.confidence.weights(np.array([value], np.float32))[0])
            system += w * np.outer(y[item], y[item])
            right += preferred * (1 + w) * y[item]
    count = len(liked) + len(opposed)
    system += float(model.ridge.of(np.array([count]), len(y))[0]) * np.eye(y.shape[1])
    return np.linalg.solve(system, right)


def parts(values: dict[int, float]) -> tuple[np.ndarray, np.ndarray]:
    items = sorted(values)
    return np.array(items, np.int32), np.array([values[item] for item in items], np.float32)


histories = st.dictionaries(st.integers(0, len(NARROW.item_factors) - 1), st.floats(1 / 64, 512, width=32), max_size=25)


@settings(max_examples=150, deadline=None)
@given(model=st.sampled_from((NARROW, WIDE)), liked=histories.filter(bool), opposed=histories)
def test_folding_in_with_what_speaks_against_items_is_the_dense_solution(
    model: RecommenderModel, liked: dict[int, float], opposed: dict[int, float]
) -> None:
    opposed = {item: value for item, value in opposed.items() if item not in liked}

    found = model.fold_in(*parts(liked), against=Against(*parts(opposed)))

    wanted = dense(model, liked, opposed)
    assert found == pytest.approx(wanted, abs=1e-4 * max(1.0, float(np.linalg.norm(wanted))))


def test_the_more_speaks_against_an_item_the_nearer_its_score_is_to_nothing() -> None:
    items, values = NARROW.history(0)
    best = int(NARROW.recommend(NARROW.fold_in(items, values), 1, met=items, excluded=items).items[0])
    scores = []
    for weight in (0.01, 0.5, 3.0, 50.0, 5_000.0):
        against = Against(np.array([best], np.int32), np.array([weight], np.float32))
        scores.append(float(NARROW.fold_in(items, values, against=against) @ NARROW.item_factors[best]))

    assert scores == sorted(scores, reverse=True)
    assert 0 <= scores[-1] < 0.8 * scores[0]


def test_somebody_of_whom_only_dislikes_are_known_has_no_direction() -> None:
    nothing = np.empty(0, np.int32), np.empty(0, np.float32)

    found = NARROW.fold_in(*nothing, against=Against(*parts({1: 3.0})))

    assert not found.any()


@pytest.mark.parametrize("model", [NARROW, WIDE, blended(NARROW), blended(WIDE)])
def test_contributions_add_up_to_the_score_where_something_speaks_against_items(model: RecommenderModel) -> None:
    items, values = model.history(2)
    opposed = np.setdiff1d(np.arange(len(model.item_factors)), items)[:4].astype(np.int32)
    against = Against(opposed, np.array([1.0, 7.0, 0.5, 30.0], np.float32))
    factors = model.fold_in(items, values, against=against)
    found = model.recommend(factors, 5, met=items, excluded=np.union1d(items, opposed))

    explaining, shares = model.contributions(items, values, found.items.astype(np.intp), against=against)

    assert explaining.tolist() == items.tolist()
    assert shares.sum(axis=1) == pytest.approx(found.scores, abs=1e-3)


def test_contributions_to_foreign_factors_add_up_to_their_product() -> None:
    items, values = NARROW.history(2)
    foreign = NARROW.item_factors[[1, 3]] + np.float32(0.01)

    shares = NARROW.contributions_to(items, values, foreign)

    assert shares.sum(axis=1) == pytest.approx(foreign @ NARROW.fold_in(items, values), abs=1e-4)
