"""Histories are prepared once to explain by, within bounds, and none is taken for another."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.data.catalog import Item
from tacit.models.recommender.confidence import Confidence
from tacit.models.recommender.engines.numpy_engine import NumpyEngine
from tacit.models.recommender.folding import Against
from tacit.models.recommender.kept_histories import KeptByHistory
from tacit.models.recommender.model import RecommenderModel
from tacit.serving.reasons import strongest_reasons
from tacit.serving.retrieval import Taste, taste_of


@dataclass(frozen=True)
class Heavy:
    """An explainer of some size."""

    memory_bytes: int

    def strongest(self, targets: object, most: int, *, least: float) -> None:
        """Nothing is asked of it here."""


def community(seed: int, *, users: int = 6, items: int = 30, learnt: int = 24, k: int = 5) -> RecommenderModel:
    """A model whose last items have no factors."""
    generator = np.random.default_rng(seed)
    met = [np.sort(generator.choice(items, generator.integers(1, 9), replace=False)) for _ in range(users)]
    indptr = np.concatenate(([0], np.cumsum([len(each) for each in met]))).astype(np.int64)
    indices = np.concatenate(met).astype(np.int32)
    return RecommenderModel(
        user_ids=[f"u{user}" for user in range(users)],
        items=[Item(f"i{item}", f"Item {item}") for item in range(items)],
        user_factors=generator.normal(0, 0.3, (users, k)).astype(np.float32),
        item_factors=generator.normal(0, 0.3, (learnt, k)).astype(np.float32),
        indptr=indptr,
        indices=indices,
        values=generator.uniform(1, 9, len(indices)).astype(np.float32),
        listeners=np.ones(items, np.int64),
        popular={"": np.arange(items, dtype=np.int32)},
        confidence=Confidence("log", 10.0, mean_weight=10.0),
        regularization=0.1,
        frequency_exponent=1.0,
        engine=NumpyEngine(),
    )


def asked_of(model: RecommenderModel, taste: Taste, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The reasons of a history as they are worked out without anything prepared."""
    explaining, contributions = model.contributions(taste.items, taste.values, found, against=taste.against)
    columns, parts = model.engine.strongest(contributions, 3, least=1e-4)
    return np.where(columns >= 0, explaining[columns], -1), parts


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 500), order=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=12))
def test_whoever_asks_before_and_whatever_else_speaks_reasons_are_those_of_the_history_alone(
    seed: int, order: list[tuple[int, int]]
) -> None:
    model, generator = community(seed), np.random.default_rng(seed)
    for user, kind in order:
        taste = taste_of(model, user)
        if kind == 1:
            taste = replace(taste, values=taste.values * 2, row=None)
        elif kind == 2:
            others = np.setdiff1d(np.arange(24), taste.items)[:3].astype(np.int32)
            taste = replace(taste, against=Against(others, np.ones(3, np.float32)), row=None)
        elif kind == 3:
            taste = replace(taste, items=taste.items[:1], values=taste.values[:1], row=None)
        found = generator.choice(24, 7, replace=False)
        if (taste.items < 24).any():
            told = strongest_reasons(model, taste, found, most=3)
            assert told is not None
            np.testing.assert_array_equal(told[0], asked_of(model, taste, found)[0])
            np.testing.assert_array_equal(told[1], asked_of(model, taste, found)[1])


def test_those_asked_for_longest_ago_are_given_up_first_where_they_take_too_much() -> None:
    made: list[int] = []

    def heavy(number: int) -> Heavy:
        made.append(number)
        return Heavy(4)

    kept = KeptByHistory[Heavy](lambda each: each.memory_bytes, most_bytes=10)
    for number in (1, 2, 1, 3, 1, 2):
        kept.of(number, lambda number=number: heavy(number))

    assert made == [1, 2, 3, 2]
    assert kept.memory_bytes == 8
