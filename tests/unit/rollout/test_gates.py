"""What evidence lets a candidate pass."""

from __future__ import annotations

import numpy as np
import pytest

from tacit.models.interfaces import Evaluation
from tacit.rollout.gates import GateRules, Incumbent, judge

RULES = GateRules()
GENERATOR = np.random.default_rng(7)
TASTE = GENERATOR.beta(2, 5, size=2_000)


def scored(values: np.ndarray, *, coverage: float = 0.3, first_case: int = 0) -> Evaluation:
    cases = np.arange(first_case, first_case + len(values))
    metrics = {"ndcg@10": float(values.mean()) if len(values) else 0.0, "coverage@10": coverage}
    return Evaluation(metrics, {}, {}, cases, {"ndcg@10": values})


POPULARITY = Incumbent("popularity", scored(TASTE / 3))


def verdict(candidate: Evaluation, champion: Evaluation | None = None, rules: GateRules = RULES):
    incumbent = None if champion is None else Incumbent("the champion recommender/1", champion)
    return judge(candidate, baseline=POPULARITY, champion=incumbent, rules=rules)


def test_without_a_champion_beating_popularity_is_enough() -> None:
    assert verdict(scored(TASTE)).outcome == "pass"


def test_factors_that_score_below_popularity_fail() -> None:
    found = verdict(scored(TASTE / 4))

    assert found.outcome == "fail"
    assert "no better than" in found.reasons[0]


def test_better_than_popularity_by_what_may_be_chance_is_insufficient() -> None:
    noise = GENERATOR.normal(0, 0.2, size=2_000)
    noise -= noise.mean() - 0.001

    assert verdict(scored(TASTE / 3 + noise)).outcome == "insufficient"


@pytest.mark.requirement("GATE-003")
def test_an_equal_candidate_passes_and_a_clearly_worse_one_fails() -> None:
    champion = scored(TASTE)

    assert verdict(scored(TASTE.copy()), champion).outcome == "pass"
    assert verdict(scored(TASTE * 0.9), champion).outcome == "fail"


def test_a_drop_within_the_margin_is_no_worse() -> None:
    assert verdict(scored(TASTE * 0.995), scored(TASTE)).outcome == "pass"


def test_a_drop_that_cannot_be_ruled_out_is_insufficient() -> None:
    noise = GENERATOR.normal(0, 0.3, size=2_000)

    assert verdict(scored(TASTE + noise - noise.mean()), scored(TASTE)).outcome == "insufficient"


def test_too_few_users_prove_nothing_however_good_the_scores() -> None:
    found = verdict(scored(np.ones(49)))

    assert found.outcome == "insufficient"
    assert "Only 49 users" in found.reasons[0]


def test_a_candidate_that_shows_everyone_the_same_few_items_fails() -> None:
    found = verdict(scored(TASTE, coverage=0.005))

    assert found.outcome == "fail"
    assert "0.5% of the catalogue" in found.reasons[0]


def test_a_refusal_names_all_its_reasons_at_once_the_worst_first() -> None:
    found = verdict(scored(TASTE / 4, coverage=0.001), scored(TASTE))

    assert [finding.outcome for finding in found.findings].count("fail") == 3
    assert len(found.reasons) == 4
    assert found.reasons[-1] == "2000 users have held-out interactions."


def test_models_are_compared_on_the_users_both_were_scored_on() -> None:
    champion = scored(np.concatenate([np.zeros(500), TASTE[:1_500]]), first_case=0)
    candidate = scored(TASTE[:1_500], first_case=500)
    baseline = Incumbent("popularity", scored(TASTE[:1_500] / 3, first_case=500))

    found = judge(candidate, baseline=baseline, champion=Incumbent("champion", champion), rules=RULES)

    assert found.outcome == "pass"
    assert found.findings[2].numbers["low"] == found.findings[2].numbers["high"] == 0.0


def test_the_record_is_plain_values_with_every_number() -> None:
    record = verdict(scored(TASTE), scored(TASTE)).record()

    assert record["verdict"] == "pass"
    assert {finding["gate"] for finding in record["findings"]} == {
        "enough_cases",
        "better_than_baseline",
        "no_worse_than_champion",
        "coverage",
    }
