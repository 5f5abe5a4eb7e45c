"""Places given to chance: how often each item stands where is what was said of it."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.monitoring import metrics as catalogue
from tacit.serving.exploring import explored
from tacit.serving.rules import Rules
from tests.rule_desks import RuleDesk

DRAWS = 12_000


@pytest.mark.parametrize(
    ("limit", "ranked", "share"), [(3, 8, 0.3), (4, 6, 0.5), (3, 4, 1.0), (2, 12, 1.0), (5, 9, 0.05)]
)
def test_each_item_stands_at_each_place_as_often_as_is_logged(limit: int, ranked: int, share: float) -> None:
    random, seen = Random(7), Counter[tuple[int, int]]()
    logged: dict[tuple[int, int], set[float]] = {}
    for _ in range(DRAWS):
        shown, propensities = explored(range(ranked), limit, share=share, random=random)
        for place, (item, propensity) in enumerate(zip(shown, propensities, strict=True)):
            seen[place, item] += 1
            logged.setdefault((place, item), set()).add(propensity)

    assert all(len(each) == 1 for each in logged.values())
    for (place, item), told in logged.items():
        (propensity,) = told
        error = 4.5 * (propensity * (1 - propensity) / DRAWS) ** 0.5
        assert abs(seen[place, item] / DRAWS - propensity) <= error + 1e-12, (place, item)
    for place in range(limit):
        whole = sum(min(told) for (at, _), told in logged.items() if at == place)
        assert whole == pytest.approx(1)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 8), st.integers(1, 8), st.floats(0, 1), st.integers())
def test_no_item_is_shown_twice_and_one_seed_gives_one_list(count: int, limit: int, share: float, seed: int) -> None:
    shown, propensities = explored(range(count), limit, share=share, random=Random(seed))

    assert len(shown) == len(propensities) == len(set(shown)) == min(count, limit)
    assert (shown, propensities) == explored(range(count), limit, share=share, random=Random(seed))
    assert share or shown == tuple(range(min(count, limit)))


def test_a_kept_list_is_explored_anew_each_time_and_stays_the_best_one() -> None:
    desk, asked = RuleDesk(seed=3), Rules(explore=0.5)
    best = [item.item_id for item in desk.service.for_user("u000", limit=5).items]
    lists = [
        tuple(item.item_id for item in desk.service.for_user("u000", limit=5, rules=asked).items) for _ in range(40)
    ]
    exposures = desk.exposures.shown[1:]

    assert desk.metrics.value(catalogue.LIST_CACHE, outcome="hit") >= 39
    assert len(set(lists)) > 20
    assert [item.item_id for item in desk.service.for_user("u000", limit=5).items] == best
    kept = [Counter(shown[place] for shown in lists).most_common(1)[0][0] for place in range(5)]
    assert kept == best
    assert desk.exposures.shown[0].propensities is None
    assert all(len(each.propensities or ()) == len(each.item_ids) == 5 for each in exposures)
