"""A stage is judged: the traps of little data, the numbers of bad versions, and how often a good one is wronged."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.rollout.analysis import ALPHAS, judge_shadow, judge_stage
from tacit.rollout.arm_traffic import LATENCY_BOUNDS, ArmCounts, ShadowCounts
from tacit.rollout.evidence import ArmEvidence, Limits, ShadowEvidence, StageEvidence, click_spread
from tacit.rollout.outcomes import Outcomes
from tacit.rollout.verdicts import Finding, Verdict
from tests.rollouts import arm, took, users

LIMITS = Limits()


def lists(shown: int, share: float = 0.2, *, people: int | None = None) -> Outcomes:
    clicked = round(shown * share)
    return Outcomes(shown, clicked, clicked, 0.0, shown // 2 if people is None else people)


def stage(
    canary: ArmCounts, champion: ArmCounts, *, share: float = 0.05, ours: Outcomes | None = None, **more: object
) -> StageEvidence:
    """A stage with lists in proportion to its requests."""
    shown = lists(canary.requests) if ours is None else ours
    evidence = StageEvidence(
        share,
        seconds=700,
        needed_seconds=600,
        canary=ArmEvidence(canary, shown),
        champion=ArmEvidence(champion, lists(champion.requests)),
    )
    return replace(evidence, **more)  # type: ignore[arg-type]


OF_361_USERS = ArmEvidence(arm(7_600), lists(7_600, people=361))


def finding(verdict: Verdict, gate: str) -> Finding:
    return next(each for each in verdict.findings if each.gate == gate)


def failing(verdict: Verdict) -> set[str]:
    return {each.gate for each in verdict.findings if each.outcome == "fail"}


def test_a_version_just_like_the_champion_passes_once_all_is_counted() -> None:
    verdict = judge_stage(stage(arm(400, errors=1), arm(7_600, errors=19)), LIMITS)

    assert verdict.outcome == "pass", verdict.reasons


def test_three_requests_with_one_error_never_end_a_rollout() -> None:
    verdict = judge_stage(stage(arm(3, errors=1), arm(57)), LIMITS)

    assert verdict.outcome == "insufficient"
    assert finding(verdict, "errors").outcome == "insufficient"


@given(requests=st.integers(0, 29), data=st.data())
def test_fewer_requests_than_thirty_never_fail_whatever_became_of_them(requests: int, data: st.DataObject) -> None:
    errors = data.draw(st.integers(0, requests))
    seconds = data.draw(st.sampled_from([0.001, 0.1, 9.0]))
    champion = arm(data.draw(st.integers(0, 5_000)))
    verdict = judge_stage(stage(arm(requests, errors=errors, degraded=errors, seconds=seconds), champion), LIMITS)

    assert failing(verdict) <= {"split"}
    assert verdict.outcome != "pass"


@pytest.mark.requirement("ROLL-003")
def test_three_hundred_requests_with_a_hundred_errors_end_it() -> None:
    verdict = judge_stage(stage(arm(300, errors=100), arm(5_700, errors=6)), LIMITS)

    assert failing(verdict) == {"errors"}
    assert "33.33% of 300 requests failed, 0.11% of the champion's 5,700" in verdict.reasons[0]


def test_a_champion_without_any_error_can_be_compared_with() -> None:
    assert finding(judge_stage(stage(arm(200, errors=6), arm(3_800)), LIMITS), "errors").outcome == "fail"
    assert finding(judge_stage(stage(arm(200), arm(3_800)), LIMITS), "errors").outcome == "pass"


def test_an_outage_that_both_meet_is_held_against_neither() -> None:
    verdict = judge_stage(stage(arm(400, errors=120), arm(7_600, errors=2_280)), LIMITS)

    assert finding(verdict, "errors").outcome == "pass"


def test_no_data_is_insufficient_and_names_everything_that_lacks() -> None:
    verdict = judge_stage(stage(ArmCounts(), ArmCounts()), LIMITS)
    lacking = {each.gate for each in verdict.findings if each.outcome == "insufficient"}

    assert verdict.outcome == "insufficient"
    assert {"requests", "users", "champion_requests", "clicks"} <= lacking


@pytest.mark.parametrize(
    ("gate", "change"),
    [
        ("bake", {"seconds": 599.0}),
        ("requests", {"canary": ArmEvidence(arm(199), lists(400))}),
        ("users", {"canary": ArmEvidence(arm(400), lists(400, people=19)), "champion": OF_361_USERS}),
        ("champion_requests", {"champion": ArmEvidence(arm(199), lists(7_600))}),
        ("clicks", {"canary": ArmEvidence(arm(400), lists(0, people=200))}),
        ("clicks", {"champion": ArmEvidence(arm(7_600), lists(7_600, 0.001))}),
        ("clicks", {"canary": ArmEvidence(arm(400), lists(100, people=200))}),
    ],
)
def test_whatever_lacks_alone_keeps_a_stage_from_passing(gate: str, change: dict[str, object]) -> None:
    verdict = judge_stage(replace(stage(arm(400), arm(7_600)), **change), LIMITS)  # type: ignore[arg-type]

    assert verdict.outcome == "insufficient"
    assert finding(verdict, gate).outcome == "insufficient"


def test_clicks_that_are_ignored_keep_nothing_back() -> None:
    evidence = stage(arm(400), arm(7_600), ours=lists(0, people=200))

    assert judge_stage(evidence, replace(LIMITS, clicks="ignored")).outcome == "pass"


def test_slow_requests_are_found_in_the_tail_and_in_all() -> None:
    slower = judge_stage(stage(arm(200, seconds=0.33), arm(3_800, seconds=0.03)), LIMITS)
    tail = arm(382) + arm(18, seconds=0.4)
    tailed = judge_stage(stage(tail, arm(7_600)), LIMITS)

    assert failing(slower) == {"latency_p95", "latency_p99"}
    assert failing(tailed) == {"latency_p99"}
    assert finding(slower, "latency_p95").numbers["measured"] > finding(slower, "latency_p95").numbers["limit"]


def test_a_slow_hour_that_both_meet_is_held_against_neither() -> None:
    assert judge_stage(stage(arm(400, seconds=0.4), arm(7_600, seconds=0.4)), LIMITS).outcome == "pass"


def test_lists_clicked_a_third_less_often_end_it_once_that_is_certain() -> None:
    certain = stage(arm(2_000), arm(38_000), ours=lists(2_000, 0.14, people=1_000))
    uncertain = stage(arm(200), arm(3_800), ours=lists(200, 0.14))

    assert failing(judge_stage(certain, LIMITS)) == {"clicks"}
    assert finding(judge_stage(uncertain, LIMITS), "clicks").outcome == "insufficient"


def test_a_drop_within_the_limit_passes_however_certain_it_is() -> None:
    evidence = stage(arm(200_000), arm(3_800_000), ours=lists(200_000, 0.185))

    assert finding(judge_stage(evidence, LIMITS), "clicks").outcome == "pass"


def test_a_drop_is_less_certain_where_users_differ() -> None:
    evidence = stage(arm(1_000), arm(19_000), ours=lists(1_000, 0.14))
    alike, unlike = judge_stage(evidence, LIMITS), judge_stage(replace(evidence, spread=5.0), LIMITS)

    assert (finding(alike, "clicks").outcome, finding(unlike, "clicks").outcome) == ("fail", "insufficient")


def test_users_who_click_all_or_nothing_spread_clicks_as_wide_as_they_have_lists() -> None:
    alike = users([10] * 100, [5] * 100)
    unlike = users([10] * 100, [10, 0] * 50)

    assert click_spread({"canary": alike}) == 1.0
    assert click_spread({"canary": unlike, "champion": unlike}) == pytest.approx(10, rel=0.02)
    assert click_spread({}) == 1.0


def test_users_who_fall_into_the_wrong_arm_end_it() -> None:
    evidence = stage(arm(400), arm(7_600), ours=lists(400, people=320))
    found = finding(judge_stage(evidence, LIMITS), "split")

    assert found.outcome == "fail"
    assert found.numbers["p_value"] < ALPHAS["split"]


@pytest.mark.parametrize(
    ("counts", "gate"),
    [(arm(400, errors=40), "errors"), (arm(400, seconds=1.5), "latency_p95")],
)
def test_where_nobody_meets_the_champion_it_is_compared_with_before_or_with_the_settings(
    counts: ArmCounts, gate: str
) -> None:
    before = ArmEvidence(arm(5_000, errors=5), lists(5_000))
    evidence = stage(counts, ArmCounts(), share=1.0, before=before)
    unknown = replace(evidence, before=ArmEvidence(), is_watched=True)

    assert gate in failing(judge_stage(evidence, LIMITS))
    assert gate in failing(judge_stage(unknown, LIMITS))
    assert judge_stage(stage(arm(4_000), ArmCounts(), share=1.0, before=before), LIMITS).outcome == "pass"


def test_a_champion_that_is_watched_needs_neither_clicks_nor_users() -> None:
    evidence = stage(arm(400), ArmCounts(), share=1.0, ours=Outcomes(), is_watched=True)

    assert judge_stage(evidence, LIMITS).outcome == "pass"
    assert judge_stage(replace(evidence, is_watched=False), LIMITS).outcome == "insufficient"


def shadow(**counts: object) -> ShadowEvidence:
    good = ShadowCounts(400, 400, 0, 0, 240.0, 4.0, took(0.03, 400), took(0.02, 400))
    return ShadowEvidence(60, 60, replace(good, **counts))  # type: ignore[arg-type]


@pytest.mark.requirement("ROLL-004")
def test_a_shadow_without_any_request_is_insufficient_for_ever() -> None:
    for seconds in (0, 10**3, 10**9):
        assert judge_shadow(ShadowEvidence(seconds, 60, ShadowCounts()), LIMITS).outcome == "insufficient"
        assert judge_shadow(ShadowEvidence(seconds, 60, ShadowCounts(10**6, 0, 0, 10**6)), LIMITS).outcome == (
            "insufficient"
        )


@pytest.mark.parametrize(
    ("counts", "outcome"),
    [
        ({}, "pass"),
        ({"answered": 199, "overlap": 100.0}, "insufficient"),
        ({"errors": 60}, "fail"),
        ({"overlap": 8.0}, "fail"),
        ({"overlap": 1.0, "answered": 100}, "insufficient"),
        ({"latencies": took(0.5, 400)}, "fail"),
    ],
)
def test_a_shadow_is_judged_by_errors_overlap_and_latency_once_it_met_enough(
    counts: dict[str, object], outcome: str
) -> None:
    assert judge_shadow(shadow(**counts), LIMITS).outcome == outcome


def test_scores_that_shift_end_a_shadow_where_a_limit_is_set() -> None:
    assert judge_shadow(shadow(score_shift=900.0), LIMITS).outcome == "pass"
    assert judge_shadow(shadow(score_shift=900.0), replace(LIMITS, max_score_shift=1.0)).outcome == "fail"


@dataclass(frozen=True)
class Arms:
    """How often a request fails and a list is clicked, and how long one takes: the champion's, then the canary's."""

    errors: tuple[float, float] = (0.001, 0.001)
    clicks: tuple[float, float] = (0.2, 0.2)
    seconds: tuple[float, float] = (0.03, 0.03)


def looked_at(arms: Arms, *, requests: int, every: int, share: float = 0.05, seed: int = 0) -> tuple[int, set[str]]:
    """Look again and again: after how many of its requests the canary failed, 0 for never, and by which checks."""
    rng = np.random.default_rng(seed)
    sums = [np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)]
    buckets = [np.zeros(len(LATENCY_BOUNDS) + 1, dtype=np.int64) for _ in sums]
    for _ in range(requests // every):
        for side, number in enumerate((int(rng.poisson(every * (1 - share) / share)), every)):
            sums[side] += (number, rng.binomial(number, arms.errors[side]), rng.binomial(number, arms.clicks[side]))
            spans = arms.seconds[side] * np.exp(0.5 * rng.standard_normal(number))
            np.add.at(buckets[side], np.searchsorted(LATENCY_BOUNDS, spans), 1)
        champion, canary = (
            ArmEvidence(
                ArmCounts(int(n), int(failed), 0, tuple(each.tolist())), Outcomes(int(n), int(hit), int(hit), 0, int(n))
            )
            for (n, failed, hit), each in zip(sums, buckets, strict=True)
        )
        verdict = judge_stage(StageEvidence(share, 9, 9, canary=canary, champion=champion), LIMITS)
        if verdict.outcome == "fail":
            return canary.counts.requests, failing(verdict)
    return 0, set()


Found = tuple[float, Counter[str]]


def found_by(
    arms: Arms, *, runs: int, requests: int, every: int = 20, share: float = 0.05
) -> tuple[float, Counter[str]]:
    """In how many of the runs it was found, and by which checks."""
    ends = [looked_at(arms, requests=requests, every=every, share=share, seed=seed) for seed in range(runs)]
    return sum(at > 0 for at, _ in ends) / runs, Counter(gate for _, gates in ends for gate in gates)


@pytest.mark.parametrize(
    ("arms", "gate", "least"),
    [
        (Arms(errors=(0.001, 0.03)), "errors", 0.8),
        (Arms(errors=(0.0, 0.03)), "errors", 0.9),
        (Arms(seconds=(0.03, 0.33)), "latency_p95", 1.0),
        (Arms(clicks=(0.6, 0.42)), "clicks", 0.8),
    ],
)
def test_a_bad_version_is_found_within_two_hundred_of_its_requests(arms: Arms, gate: str, least: float) -> None:
    share, gates = found_by(arms, runs=40, requests=200)

    assert share >= least
    assert gates[gate] >= least * 40


def test_a_good_version_is_hardly_ever_ended_though_it_is_looked_at_a_hundred_times() -> None:
    share, gates = found_by(Arms(errors=(0.005, 0.005)), runs=40, requests=2_000)

    assert share <= 1 / 40, gates


@pytest.mark.slow
def test_how_soon_bad_versions_are_found_and_how_often_good_ones_are_wronged() -> None:
    """The figures of decision 0031, printed; runs of 2,000 requests of the canary, looked at after every 20."""
    bad = {
        "3 % errors against 0.1 %, 200 requests": (Arms(errors=(0.001, 0.03)), 200),
        "+300 ms, 200 requests": (Arms(seconds=(0.03, 0.33)), 200),
        **{
            f"CTR -30 % of {base:.0%}, {requests:,} requests": (Arms(clicks=(base, base * 0.7)), requests)
            for base in (0.1, 0.3, 0.5)
            for requests in (200, 600, 1_500)
        },
    }
    found = {name: found_by(arms, runs=100, requests=requests)[0] for name, (arms, requests) in bad.items()}
    good = [
        found_by(Arms((rate, rate), (base, base)), runs=150, requests=2_000, share=share)[0]
        for rate, base in ((0.0005, 0.05), (0.01, 0.2), (0.05, 0.5))
        for share in (0.05, 0.25)
    ]
    print(*(f"{name}: found {share:.0%}" for name, share in found.items()), sep="\n")
    print(f"good versions ended: {np.mean(good):.2%} of {len(good) * 150} runs, by setting {good}")

    assert found["3 % errors against 0.1 %, 200 requests"] >= 0.85
    assert found["+300 ms, 200 requests"] == 1.0
    assert found["CTR -30 % of 50%, 600 requests"] >= 0.95
    assert found["CTR -30 % of 10%, 1,500 requests"] >= 0.4
    assert np.mean(good) <= 0.01
    assert max(good) <= 0.03
