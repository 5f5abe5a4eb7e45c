"""What evidence lets a candidate pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.registry.manifests import canonical_json
from tacit.rollout.gates import judge
from tacit.rollout.policies import Succession
from tacit.rollout.rehearsal import Cost, Replay
from tacit.rollout.verdicts import Evidence, Finding, GateRules, Verdict
from tests.evidence import GENERATOR, TASTE, evidence, quick, scored

RULES = GateRules()
SMALL = GateRules(min_cases=10, min_segment_cases=10)


def said(verdict: Verdict, gate: str) -> Finding:
    return next(each for each in verdict.findings if each.gate == gate)


def verdict(found: Evidence, rules: GateRules = RULES) -> Verdict:
    return judge(found, rules)


def test_without_a_champion_beating_popularity_is_enough() -> None:
    found = verdict(evidence(scored(TASTE)))

    assert found.outcome == "pass"
    assert [each.gate for each in found.idle] == ["champion"]


def test_factors_that_score_below_popularity_fail() -> None:
    found = verdict(evidence(scored(TASTE / 4), baseline=scored(TASTE / 3)))

    assert found.outcome == "fail"
    assert "no better than" in found.reasons[0]


def test_better_than_popularity_by_what_may_be_chance_is_insufficient() -> None:
    noise = GENERATOR.normal(0, 0.2, size=2_000)
    noise -= noise.mean() - 0.001

    assert verdict(evidence(scored(TASTE / 3 + noise), baseline=scored(TASTE / 3))).outcome == "insufficient"


@pytest.mark.requirement("GATE-003")
def test_an_equal_refresh_passes_and_a_clearly_worse_one_fails() -> None:
    assert verdict(evidence(scored(TASTE.copy()), scored(TASTE))).outcome == "pass"
    assert verdict(evidence(scored(TASTE * 0.9), scored(TASTE))).outcome == "fail"


def test_a_drop_within_the_margin_is_no_worse() -> None:
    assert verdict(evidence(scored(TASTE * 0.995), scored(TASTE))).outcome == "pass"


def test_a_drop_that_cannot_be_ruled_out_is_insufficient() -> None:
    noise = GENERATOR.normal(0, 0.3, size=2_000)

    found = verdict(evidence(scored(TASTE + noise - noise.mean()), scored(TASTE)))

    assert said(found, "no_worse_than_champion").outcome == "insufficient"
    assert found.outcome != "pass"


@pytest.mark.requirement("GATE-001")
@pytest.mark.parametrize(
    ("lift", "outcome"), [(1.06, "pass"), (1.051, "pass"), (1.049, "fail"), (1.0, "fail"), (0.9, "fail")]
)
def test_an_improvement_begins_at_five_per_cent_and_what_is_below_is_none(lift: float, outcome: str) -> None:
    found = verdict(evidence(scored(TASTE * lift), scored(TASTE), policy="improve"))

    assert said(found, "better_than_champion").outcome == outcome
    assert said(found, "better_than_champion").limits == {"gate.min_lift": 0.05}


def test_a_lift_that_may_be_chance_is_no_improvement() -> None:
    noise = GENERATOR.normal(0, 1.0, size=2_000)
    noise += 0.06 * TASTE.mean() - noise.mean()

    found = verdict(evidence(scored(TASTE + noise), scored(TASTE), policy="improve"))

    assert said(found, "better_than_champion").outcome == "insufficient"


def test_too_few_users_prove_nothing_however_good_the_scores() -> None:
    found = verdict(evidence(scored(np.ones(49))))

    assert found.outcome == "insufficient"
    assert "Only 49 users" in found.reasons[0]


def test_no_users_at_all_are_no_accident() -> None:
    assert verdict(evidence(scored(np.empty(0)))).outcome == "insufficient"


def test_a_refusal_names_all_its_reasons_at_once_the_worst_first() -> None:
    found = verdict(evidence(scored(TASTE / 4, coverage_at_10=0.001), scored(TASTE), baseline=scored(TASTE / 3)))

    failed = {each.gate for each in found.findings if each.outcome == "fail"}
    assert {"better_than_baseline", "no_worse_than_champion", "coverage", "coverage_kept"} <= failed
    assert len(found.reasons) == len(found.findings)
    assert "no better than" in found.reasons[0]


def test_models_are_compared_on_the_users_both_were_scored_on() -> None:
    champion = scored(np.concatenate([np.zeros(500), TASTE[:1_500]]))
    candidate = scored(TASTE[:1_500], first_case=500)

    found = verdict(evidence(candidate, champion))

    numbers = said(found, "no_worse_than_champion").numbers
    assert (numbers["cases"], numbers["low"], numbers["high"]) == (1_500, 0.0, 0.0)


def test_models_scored_on_different_users_cannot_be_compared() -> None:
    found = verdict(evidence(scored(TASTE), scored(TASTE, first_case=5_000)))

    assert said(found, "no_worse_than_champion").outcome == "insufficient"
    assert "only 0 cases" in said(found, "no_worse_than_champion").reason


@pytest.mark.parametrize(
    ("succession", "gate", "outcome"),
    [
        (Succession(False, "it learnt from nothing new", 9.0, True), "newer_than_champion", "fail"),
        (Succession(True, "it knows 9 more events", 5.9, True), "champion_old_enough", "fail"),
        (Succession(True, "it knows 9 more events", float("nan"), True), "champion_old_enough", "insufficient"),
        (None, "newer_than_champion", "insufficient"),
        (None, "champion_old_enough", "insufficient"),
    ],
)
def test_a_refresh_needs_newer_data_and_a_champion_of_some_age(
    succession: Succession | None, gate: str, outcome: str
) -> None:
    whole = evidence(scored(TASTE), scored(TASTE))
    assert whole.champion is not None
    found = verdict(replace(whole, champion=replace(whole.champion, succession=succession)))

    assert said(found, gate).outcome == outcome


@pytest.mark.parametrize("policy", ["refresh", "improve"])
def test_evidence_with_nothing_spoilt_passes_either_policy(policy: str) -> None:
    assert judge(evidence(scored(TASTE * 1.1), scored(TASTE), policy=policy), RULES).outcome == "pass"


@pytest.mark.parametrize(
    "spoilt",
    [
        {"candidate": scored(np.append(TASTE[1:], np.nan))},
        {"candidate": scored(np.append(TASTE[1:], np.inf))},
        {"champion": scored(np.append(TASTE[1:], np.nan))},
        {"candidate": scored(TASTE, coverage_at_10=float("nan"))},
        {"candidate": scored(TASTE, popularity_at_10=float("nan"))},
        {"champion": scored(TASTE, gini_at_10=float("nan"))},
        {"cost": quick(p95_seconds=float("nan"))},
        {"cost": quick(memory_bytes=float("nan"))},
        {"cost": None},
        {"cost": Cost.unknown("a value is not finite")},
        {"replay": None},
        {"replay": Replay(problem="the database does not answer")},
        {"replay": Replay(requests=30, failed=0)},
        {"baseline": scored(np.append(TASTE[1:], np.nan))},
    ],
    ids="-".join,
)
@pytest.mark.parametrize("policy", ["refresh", "improve"])
def test_what_is_missing_or_not_a_number_never_passes_and_can_still_be_signed(
    spoilt: dict[str, object], policy: str
) -> None:
    given_ = {"candidate": scored(TASTE * 1.1), "champion": scored(TASTE), **spoilt}

    found = judge(evidence(given_.pop("candidate"), given_.pop("champion"), policy=policy, **given_), RULES)  # type: ignore[arg-type]

    assert found.outcome in ("fail", "insufficient")
    assert canonical_json(found.record())


def test_a_gate_that_was_asked_nothing_passes_nothing() -> None:
    assert Verdict(()).outcome == "insufficient"


def test_the_record_is_plain_values_with_every_number_and_its_limit() -> None:
    record = verdict(evidence(scored(TASTE), scored(TASTE))).record()

    assert record["verdict"] == "pass"
    assert {finding["gate"] for finding in record["findings"]} == {  # type: ignore[attr-defined]
        "enough_cases",
        "better_than_baseline",
        "no_worse_than_champion",
        "newer_than_champion",
        "champion_old_enough",
        "segment_light",
        "segment_heavy",
        "coverage",
        "coverage_kept",
        "popularity_bias",
        "item_jump",
        "latency",
        "size",
        "memory",
        "replay",
    }


RANK = {"fail": 0, "insufficient": 1, "pass": 2}
scores = st.lists(st.floats(0, 1, width=16), min_size=12, max_size=40)


@settings(max_examples=60, deadline=None)
@given(st.data(), scores, st.sampled_from(["refresh", "improve"]))
def test_lowering_a_candidate_never_makes_a_gate_say_better_of_it(
    data: st.DataObject, champion: list[float], policy: str
) -> None:
    candidate = data.draw(st.lists(st.floats(0, 1, width=16), min_size=len(champion), max_size=len(champion)))
    taken = data.draw(st.lists(st.floats(0, 1, width=16), min_size=len(champion), max_size=len(champion)))
    lower = np.maximum(np.array(candidate) - np.array(taken), 0)

    before = judge(evidence(scored(np.array(candidate)), scored(np.array(champion)), policy=policy), SMALL)
    after = judge(evidence(scored(lower), scored(np.array(champion)), policy=policy), SMALL)

    assert [each.gate for each in before.findings] == [each.gate for each in after.findings]
    for better, worse in zip(before.findings, after.findings, strict=True):
        assert RANK[worse.outcome] <= RANK[better.outcome], (better, worse)
    assert RANK[after.outcome] <= RANK[before.outcome]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 49), st.sampled_from(["refresh", "improve"]))
def test_too_few_cases_never_pass_whatever_the_policy(cases: int, policy: str) -> None:
    found = judge(evidence(scored(np.ones(cases)), scored(np.zeros(cases)), policy=policy), RULES)

    assert found.outcome == "insufficient"


outcomes = st.lists(st.sampled_from(["pass", "fail", "insufficient"]), min_size=1)


@given(outcomes)
def test_a_verdict_passes_only_if_every_finding_does(said_: list[str]) -> None:
    found = Verdict(tuple(Finding("some", outcome, "because") for outcome in said_))  # type: ignore[arg-type]

    assert (found.outcome == "pass") == (set(said_) == {"pass"})
    assert (found.outcome == "fail") == ("fail" in said_)
