"""What native retrieval refuses, and how it says so."""

from __future__ import annotations

import numpy as np
import pytest

from tacit.errors import Refused
from tacit.models.recommender.engines.interfaces import Bonus
from tacit.models.recommender.engines.matrix import Matrix
from tests.indexes import made, ragged

native_index = pytest.importorskip("tacit.models.recommender.engines.native_index", exc_type=ImportError)
NativeIndex = native_index.NativeIndex


@pytest.mark.parametrize(
    ("factors", "said"),
    [
        (np.full((3, 2), np.nan, np.float32), "row 0"),
        (np.array([[1, 1], [np.inf, 0]], np.float32), "row 1"),
        (np.array([[1, 1], [1e30, 0]], np.float32), "row 1"),
        (np.ones((3, 2)), "float32"),
        (np.ones(3, np.float32), "two-dimensional"),
        (np.ones((4, 4), np.float32)[:, ::2], "row by row"),
        (np.ones((4, 0), np.float32), "no columns"),
        (np.ones((1, 9_000), np.float32), "8,192"),
    ],
)
def test_factors_that_cannot_be_ranked_are_refused(factors: np.ndarray, said: str) -> None:
    with pytest.raises(Refused, match=said) as refused:
        NativeIndex(factors)
    assert refused.value.code == "factors_invalid"


BAD_QUESTIONS = {
    "not finite": {"query": np.array([1, np.nan, 1], np.float32)},
    "infinite": {"query": np.array([1, np.inf, 1], np.float32)},
    "too long": {"query": np.array([1, 1e30, 1], np.float32)},
    "of another length": {"query": np.ones(4, np.float32)},
    "of words": {"query": np.array(["a", "b", "c"])},
    "for nothing": {"count": 0},
    "for too much": {"count": 1_001},
    "for a half": {"count": 2.5},
    "without a negative item": {"excluded": np.array([-1], np.int32)},
    "without an item beyond the last": {"excluded": np.array([0, 20], np.int32)},
    "without half an item": {"excluded": np.array([0.5])},
    "without a wrapped item": {"excluded": np.array([2**32 + 1])},
    "with a bonus out of order": {"bonus": Bonus(np.array([3, 2], np.int32), np.ones(2, np.float32))},
    "with a bonus twice": {"bonus": Bonus(np.array([3, 3], np.int32), np.ones(2, np.float32))},
    "with a bonus for nobody": {"bonus": Bonus(np.array([20], np.int32), np.ones(1, np.float32))},
    "with a bonus not finite": {"bonus": Bonus(np.array([3], np.int32), np.array([np.nan], np.float32))},
    "with scores left over": {"bonus": Bonus(np.array([3], np.int32), np.ones(2, np.float32))},
}


@pytest.mark.parametrize("wrong", BAD_QUESTIONS.values(), ids=BAD_QUESTIONS.keys())
def test_a_question_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    index = NativeIndex(made("plain", 20, 3, 20))
    with pytest.raises(Refused) as refused:
        index.search(**{"query": np.ones(3, np.float32), "count": 3, **wrong})
    assert refused.value.code == "query_invalid"
    assert refused.value.fix


def test_a_filter_serves_the_index_that_made_it_alone() -> None:
    factors = made("plain", 20, 3, 21)
    foreign = NativeIndex(factors).filter(np.ones(20, bool))
    index = NativeIndex(factors)
    for ask in (lambda: index.search(factors[0], 3, only=foreign), lambda: index.search_many(factors, 3, only=foreign)):
        with pytest.raises(Refused, match="another index"):
            ask()
    with pytest.raises(Refused, match="bool"):
        index.filter(np.ones(19, bool))


@pytest.mark.parametrize(
    "wrong",
    [
        {"queries": np.full((2, 3), np.nan, np.float32)},
        {"queries": np.ones((2, 4), np.float32)},
        {"counts": np.array([1, 0], np.int32)},
        {"counts": np.array([1, 2, 3], np.int32)},
        {"excluded": ragged(np.random.default_rng(1), 3, 20, 5)},
        {"excluded": Matrix(np.array([0, 1, 2]), np.array([1, 99], np.int32), np.ones(2, np.float32), 20)},
        {"bonus": Matrix(np.array([0, 0, 1]), np.array([1], np.int32), np.array([np.inf], np.float32), 20)},
        {"bonus": Matrix(np.array([0, 2, 2]), np.array([5, 1], np.int32), np.ones(2, np.float32), 20)},
    ],
)
def test_questions_that_make_no_sense_together_are_refused(wrong: dict[str, object]) -> None:
    index = NativeIndex(made("plain", 20, 3, 22))
    with pytest.raises(Refused) as refused:
        index.search_many(**{"queries": np.ones((2, 3), np.float32), "counts": 3, **wrong})
    assert refused.value.code == "query_invalid"
