"""Whether a candidate is asked to be better, or to be as good and newer."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.errors import BadInput
from tacit.rollout.policies import Succession, check_policy, choose_policy

DAY_MS = 86_400_000
FACTS = {"watermark_ms": 100 * DAY_MS, "events_turn": 0, "imports": ["a"]}
RECIPE = {"factors": 32, "seed": 1, "rules": {"blend": "auto"}}
WEEK_OLD = Succession(is_newer=True, newer="its data end 7 days later", age_days=7.0, is_refit=True)


def succession(facts: dict[str, object], *, theirs: object = RECIPE, now: str = "2026-01-08T00:00:00Z") -> Succession:
    return Succession.of(facts, FACTS, recipes=(RECIPE, theirs), trained_at="2026-01-01T00:00:00+00:00", now=now)


@pytest.mark.parametrize(
    ("facts", "is_newer", "said"),
    [
        ({"watermark_ms": 107 * DAY_MS}, True, "its data end 7 days later"),
        ({"watermark_ms": 99 * DAY_MS}, False, "its data end 1 day earlier"),
        ({"watermark_ms": 99 * DAY_MS, "imports": ["a", "b"]}, False, "its data end 1 day earlier"),
        ({"events_turn": 12}, True, "it knows 12 more events"),
        ({"imports": ["a", "b"]}, True, "it learnt from 1 more import"),
        ({"watermark_ms": None, "imports": ["b", "c"]}, True, "it learnt from 2 more imports"),
        ({}, False, "it learnt from nothing that the champion does not know"),
        ({"imports": []}, False, "it learnt from nothing that the champion does not know"),
    ],
)
def test_data_are_newer_if_they_end_later_or_hold_more_and_never_if_they_end_earlier(
    facts: dict[str, object], is_newer: bool, said: str
) -> None:
    found = succession({**FACTS, **facts})

    assert (found.is_newer, found.newer) == (is_newer, said)


def test_another_seed_is_the_same_recipe_and_another_length_is_not() -> None:
    assert succession(FACTS, theirs={**RECIPE, "seed": 2}).is_refit
    assert not succession(FACTS, theirs={**RECIPE, "factors": 64}).is_refit
    assert not succession(FACTS, theirs={**RECIPE, "rules": {"blend": "off"}}).is_refit


def test_a_champion_of_before_recipes_were_kept_can_be_refreshed() -> None:
    assert succession(FACTS, theirs=None).is_refit
    assert succession(FACTS, theirs={"factors": 32}).is_refit


def test_the_champions_age_is_told_in_days_and_is_unknown_where_its_time_is_unreadable() -> None:
    assert succession(FACTS).age_days == 7.0
    assert math.isnan(succession(FACTS, now="yesterday").age_days)


def test_a_refit_on_newer_data_is_a_refresh_once_the_champion_is_old_enough() -> None:
    assert choose_policy("auto", WEEK_OLD, min_age_days=6.0).name == "refresh"
    assert choose_policy("auto", replace(WEEK_OLD, age_days=5.9), min_age_days=6.0).name == "improve"
    assert choose_policy("auto", replace(WEEK_OLD, age_days=math.nan), min_age_days=6.0).name == "improve"
    assert choose_policy("auto", replace(WEEK_OLD, is_newer=False), min_age_days=6.0).name == "improve"
    assert choose_policy("auto", replace(WEEK_OLD, is_refit=False), min_age_days=6.0).name == "improve"


@given(
    st.sampled_from(["auto", "improve", "refresh"]), st.booleans(), st.booleans(), st.floats(0, 100), st.floats(0, 100)
)
def test_the_lenient_question_is_put_to_newer_refits_alone_unless_it_is_asked_for(
    asked: str, is_newer: bool, is_refit: bool, age: float, needed: float
) -> None:
    found = choose_policy(asked, Succession(is_newer, "so it is", age, is_refit), min_age_days=needed)

    if asked != "auto":
        assert found.name == asked
    assert found.name != "refresh" or asked == "refresh" or (is_newer and is_refit and age >= needed)
    assert found.reason


@pytest.mark.parametrize("asked", ["auto", "improve", "refresh"])
def test_without_a_champion_there_is_nothing_to_improve_or_refresh(asked: str) -> None:
    assert choose_policy(asked, None, min_age_days=6.0).name == "first"


def test_a_policy_that_does_not_exist_is_refused_naming_those_that_do() -> None:
    with pytest.raises(BadInput, match="no gate policy 'lenient'") as refusal:
        check_policy("lenient")

    assert (refusal.value.code, refusal.value.field) == ("policy_unknown", "policy")
