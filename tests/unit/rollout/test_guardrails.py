"""What must not get worse while the metric gets better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.rollout.gates import judge
from tacit.rollout.rehearsal import Replay
from tacit.rollout.verdicts import Evidence, Finding, GateRules, Verdict
from tests.evidence import ANSWERED, ITEMS, TASTE, even_lists, evidence, quick, scored

RULES = GateRules()
BETTER = TASTE * 1.1


def said(found: Verdict, gate: str) -> Finding:
    return next(each for each in found.findings if each.gate == gate)


def failed(found: Evidence, rules: GateRules = RULES) -> set[str]:
    return {each.gate for each in judge(found, rules).findings if each.outcome != "pass"}


def test_what_some_gain_is_not_paid_for_by_others() -> None:
    dear = TASTE * 1.5
    dear[-500:] = TASTE[-500:] * 0.8

    found = judge(evidence(scored(dear, heavy=500), scored(TASTE, heavy=500), policy="improve"), RULES)

    assert said(found, "better_than_champion").outcome == "pass"
    assert said(found, "segment_heavy").outcome == "fail"
    assert "500 heavy users" in said(found, "segment_heavy").reason
    assert said(found, "segment_heavy").numbers["lift"] == pytest.approx(-0.2)


def test_a_segment_of_too_few_is_told_and_stands_in_nobodys_way() -> None:
    generator = np.random.default_rng(2)
    unsure = BETTER.copy()
    unsure[-99:] += generator.normal(0, 0.5, size=99)

    found = judge(evidence(scored(unsure, heavy=99), scored(TASTE, heavy=99)), RULES)

    assert found.outcome == "pass"
    assert [(each.gate, each.reason) for each in found.idle] == [
        ("segment_heavy", "99 heavy users have held-out interactions, of 500 needed to tell.")
    ]


def test_harm_beyond_doubt_counts_however_few_users_suffer_it() -> None:
    worse = BETTER.copy()
    worse[-99:] = 0

    found = judge(evidence(scored(worse, heavy=99), scored(TASTE, heavy=99)), RULES)

    assert said(found, "segment_heavy").outcome == "fail"


def test_a_segment_whose_drop_cannot_be_ruled_out_is_insufficient() -> None:
    generator = np.random.default_rng(2)
    unsure = BETTER.copy()
    unsure[-500:] += generator.normal(0, 1.0, size=500) - 0.01

    found = judge(evidence(scored(unsure, heavy=500), scored(BETTER, heavy=500)), RULES)

    assert said(found, "segment_heavy").outcome == "insufficient"


def test_a_candidate_that_shows_everyone_the_same_few_items_fails() -> None:
    found = judge(evidence(scored(BETTER, coverage_at_10=0.005)), RULES)

    assert found.outcome == "fail"
    assert "0.5% of the catalogue" in found.reasons[0]


def test_fast_but_narrow_fails_however_well_it_foretells() -> None:
    narrow = scored(TASTE * 2, coverage_at_10=0.2, popularity_at_10=0.96, gini_at_10=0.9)

    found = evidence(narrow, scored(TASTE), policy="improve", cost=quick(p95_seconds=0.0001))

    assert failed(found) == {"coverage_kept", "popularity_bias"}


def test_lists_may_lean_a_little_further_to_what_is_popular_but_not_much() -> None:
    champion = scored(TASTE)

    assert failed(evidence(scored(TASTE, popularity_at_10=0.89), champion)) == set()
    assert failed(evidence(scored(TASTE, popularity_at_10=0.91), champion)) == {"popularity_bias"}
    assert failed(evidence(scored(TASTE, gini_at_10=0.81), champion)) == {"popularity_bias"}


def with_item(share: float, *, place: int = 7) -> np.ndarray:
    lists = even_lists(len(TASTE))
    lists[place] = int(share * len(TASTE))
    return lists


def test_an_item_that_jumps_into_far_more_lists_is_looked_at_before_users_meet_it() -> None:
    poisoned = scored(BETTER, lists=with_item(0.3))

    found = judge(evidence(poisoned, scored(TASTE)), RULES)

    assert said(found, "item_jump").outcome == "fail"
    assert said(found, "item_jump").numbers["share"] == 0.3
    assert "1 item jumps: 'i7' (in 30.0% of lists, in 2.5% of the champion's)" in said(found, "item_jump").reason


def test_an_item_that_was_everywhere_before_may_stay_and_one_may_rise_a_little() -> None:
    assert failed(evidence(scored(BETTER, lists=with_item(0.8)), scored(TASTE, lists=with_item(0.5)))) == set()
    assert failed(evidence(scored(BETTER, lists=with_item(0.12)), scored(TASTE))) == set()


def test_items_of_another_catalogue_cannot_be_compared() -> None:
    other = scored(TASTE)
    assert other.shown is not None
    renamed = replace(other, shown=replace(other.shown, item_ids=tuple(f"x{place}" for place in range(ITEMS))))

    assert failed(evidence(scored(BETTER), renamed)) == {"item_jump"}


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_an_item_in_more_lists_is_never_judged_more_kindly(before: float, first: float, second: float) -> None:
    less, more = sorted((first, second))
    champion = scored(TASTE[:100], lists=with_item(before), heavy=0)

    kinder, harder = (
        "item_jump" in failed(evidence(scored(TASTE[:100], lists=with_item(share), heavy=0), champion))
        for share in (less, more)
    )

    assert harder or not kinder


@pytest.mark.parametrize(
    ("cost", "gate"),
    [
        ({"p95_seconds": 0.101}, "latency"),
        ({"p95_seconds": 0.016}, "latency"),
        ({"size_bytes": 3_000 * 2**20}, "size"),
        ({"memory_bytes": 5_000 * 2**20}, "memory"),
    ],
)
def test_what_costs_more_than_is_allowed_fails_and_names_the_limit(cost: dict[str, float], gate: str) -> None:
    found = judge(evidence(scored(BETTER), scored(TASTE), cost=quick(**cost)), RULES)

    assert [each.gate for each in found.findings if each.outcome == "fail"] == [gate]
    assert all(name.startswith("gate.max_") for name in said(found, gate).limits)


def test_a_champion_that_answers_at_once_does_not_make_everything_else_slow() -> None:
    assert failed(evidence(scored(BETTER), scored(TASTE), cost=quick(p95_seconds=0.014))) == set()


def test_a_single_recorded_request_that_failed_stands_in_the_way() -> None:
    broken = Replay(requests=3, failed=1, p95_seconds=0.001, problem="KeyError: 'u7'")

    found = judge(evidence(scored(BETTER), replay=broken), RULES)

    assert said(found, "replay").outcome == "fail"
    assert "Of 3 recorded requests it failed 1: KeyError" in said(found, "replay").reason


@pytest.mark.parametrize("requests", [0, 19])
def test_few_recorded_requests_prove_nothing_and_block_nobody(requests: int) -> None:
    found = judge(evidence(scored(BETTER), replay=replace(ANSWERED, requests=requests)), RULES)

    assert found.outcome == "pass"
    assert f"{requests} requests are recorded, of 20 needed" in " ".join(each.reason for each in found.idle)


def test_recorded_requests_that_take_too_long_fail() -> None:
    assert failed(evidence(scored(BETTER), replay=replace(ANSWERED, p95_seconds=0.2))) == {"replay"}


def test_asking_recorded_requests_can_be_switched_off_and_the_record_says_so() -> None:
    found = judge(evidence(scored(BETTER), replay=None), replace(RULES, replay_requests=0))

    assert found.outcome == "pass"
    assert "switched off" in " ".join(each.reason for each in found.idle)
