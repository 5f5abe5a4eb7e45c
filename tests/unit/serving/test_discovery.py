"""A draw from the catalogue: the same with its seed, leaning to what few know, and never what is barred."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.models.recommender.model import RecommenderModel
from tacit.serving.discovery import drawn, new_seed
from tacit.serving.retrieval import Wanted
from tests.stages import small_model
from tests.unit.serving.test_chain import models

NO_ONE = np.empty(0, np.intp)


@settings(max_examples=150, deadline=None)
@given(model=models(), data=st.data(), limit=st.integers(1, 20), seed=st.text(max_size=8))
def test_a_draw_shows_each_item_once_and_none_that_is_barred_or_that_nobody_met(
    model: RecommenderModel, data: st.DataObject, limit: int, seed: str
) -> None:
    off = data.draw(st.sets(st.integers(0, len(model.items) + 3)))
    found = drawn(model, Wanted(limit, np.array(sorted(off), np.intp)), seed).items.tolist()

    may = {row for row in range(len(model.items)) if row not in off and model.listeners[row]}
    assert len(set(found)) == len(found) == min(limit, len(may))
    assert set(found) <= may


def test_a_seed_draws_the_same_again_and_what_somebody_met_is_left_out_of_the_same_order() -> None:
    model = small_model()
    whole = drawn(model, Wanted(20, NO_ONE), "page").items.tolist()
    without = drawn(model, Wanted(20, np.array(sorted(whole[:5]), np.intp)), "page").items.tolist()

    assert drawn(model, Wanted(20, NO_ONE), "page").items.tolist() == whole
    assert without[:15] == whole[5:]
    assert len({new_seed() for _ in range(50)}) == 50
    assert drawn(model, Wanted(20, NO_ONE), new_seed()).items.tolist() != whole


def test_what_a_thousand_met_comes_ten_times_as_often_as_what_one_met() -> None:
    small = small_model()
    listeners = np.where(np.arange(len(small.items)) % 2 == 0, 1_023, 1)
    model = replace(small, listeners=listeners)
    first = [int(drawn(model, Wanted(1, NO_ONE), str(seed)).items[0]) % 2 for seed in range(2_000)]

    assert 0.07 < sum(first) / len(first) < 0.11


def test_a_category_is_all_that_is_drawn_from() -> None:
    model = small_model()
    found = drawn(model, Wanted(100, NO_ONE, "high"), "x").items

    assert {model.items[row].categories for row in found.tolist()} == {("high",)}
