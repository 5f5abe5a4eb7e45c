"""Diverse lists: nothing at 0, unlike items at 1, and what lies between."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.serving.diversity import diversified
from tacit.serving.rules import Rules
from tests.rule_desks import RuleDesk


def units(count: int, *, factors: int = 4, seed: int = 1) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, factors))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_of_two_groups_the_second_place_goes_to_the_other_one() -> None:
    first, second = np.eye(2, dtype=np.float32)
    pool = np.array([first, first, first, second, second])

    assert diversified(pool, 3, diversity=0.0) == [0, 1, 2]
    assert diversified(pool, 3, diversity=0.9)[:2] == [0, 3]


@given(st.integers(2, 40), st.integers(1, 12), st.floats(0.01, 1), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_each_place_goes_to_the_item_of_highest_marginal_relevance(
    count: int, length: int, diversity: float, seed: int
) -> None:
    pool = units(count, seed=seed).astype(np.float64)
    cosines = pool @ pool.T
    usual = min(0.95, (cosines.sum() - np.trace(cosines)) / (count * (count - 1)))
    relevance = np.linspace(1, 0, count)
    taken: list[int] = []
    for place in diversified(pool.astype(np.float32), length, diversity=diversity):
        left = [each for each in range(count) if each not in taken]
        worth = {
            each: (1 - diversity) * relevance[each]
            - diversity * max(((cosines[each, other] - usual) / (1 - usual) for other in taken), default=0.0)
            for each in left
        }
        assert worth[place] >= max(worth.values()) - 1e-6
        taken.append(place)
    assert len(taken) == min(count, length)


def test_a_users_list_is_more_diverse_and_all_of_one_source() -> None:
    desk = RuleDesk()
    model = desk.model

    def distance(diversity: float) -> float:
        answer = desk.service.for_user("u000", limit=6, rules=Rules(diversity=diversity))
        assert answer.source == "personal"
        rows = [model.item_rows[item.item_id] for item in answer.items]
        chosen = np.asarray(model.unit_factors)[rows]
        return float(1 - (chosen @ chosen.T)[np.triu_indices(len(rows), 1)].mean())

    plain, some, most = (distance(each) for each in (0.0, 0.5, 1.0))
    assert plain < most
    assert plain <= some
    first = desk.service.for_user("u000", limit=6).items[0].item_id
    assert desk.service.for_user("u000", limit=6, rules=Rules(diversity=0.5)).items[0].item_id == first
