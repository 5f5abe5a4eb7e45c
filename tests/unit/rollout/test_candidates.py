"""From a snapshot to a signed candidate, on a real registry in a temporary folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tacit.adapters.artifacts import FolderArtifacts
from tacit.bootstrap.rehearsing import ServingStage
from tacit.data.datasets import Snapshot, SnapshotRules, freeze
from tacit.data.interactions import Interactions
from tacit.models.recommender.als import AlsSettings
from tacit.models.recommender.engines.interfaces import Floats, Index
from tacit.models.recommender.engines.numpy_engine import NumpyEngine
from tacit.models.recommender.workload import RecommenderWorkload
from tacit.rollout.candidates import Candidate, Lesson, train_candidate
from tacit.rollout.model_card import model_card
from tacit.rollout.rehearsal import Recorded
from tacit.rollout.verdicts import GateRules
from tacit.serving.exposures import Exposure
from tests.communities import interactions, titled, two_tastes
from tests.registries import Bench, memory_bench

WORKLOAD = RecommenderWorkload(AlsSettings(factors=8, iterations=6))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return memory_bench(tmp_path)


def lesson(dataset: str = "made-up", *, users: int = 120) -> Lesson:
    found = replace(two_tastes(users=users), dataset=dataset)
    snapshot: Snapshot = freeze(found, titled(found), SnapshotRules())
    return Lesson(snapshot, dataset, snapshot.fingerprint, snapshot.facts(), "c0de" * 16)


def later(taught: Lesson, **facts: object) -> Lesson:
    """The same data, said to end a day later than they do."""
    return replace(taught, facts={**taught.facts, "watermark_ms": 1_700_000_000_000, **facts})


def train(
    bench: Bench,
    taught: Lesson,
    *,
    workload: RecommenderWorkload = WORKLOAD,
    rules: GateRules = GateRules(),
    now: str = "2026-01-09T12:00:00Z",
    recent: Sequence[Recorded] = (),
) -> Candidate:
    return train_candidate(
        taught,
        workload=workload,
        registry=bench.registry,
        name="recommender",
        rules=rules,
        stage=ServingStage(FolderArtifacts(bench.home / "versions"), lambda limit: recent[:limit]),
        clock=lambda: now,
        actor="ann",
    )


@pytest.mark.requirement("GATE-002")
@pytest.mark.requirement("REG-012")
def test_a_candidate_is_judged_signed_registered_and_traceable_to_its_snapshot(bench: Bench) -> None:
    taught = lesson()
    candidate = train(bench, taught)

    manifest = bench.registry.verify("recommender", 1)

    assert candidate.verdict.outcome == "pass"
    assert manifest.gate["verdict"] == "pass"
    assert manifest.snapshot == taught.snapshot
    assert manifest.lineage["imports"] == ["import-1"]
    assert manifest.hyperparameters["factors"] == 8
    assert manifest.metrics["ndcg@10"] == candidate.run.evaluation.metrics["ndcg@10"]


class Contrary(NumpyEngine):
    """Finds what suits least."""

    def index(self, factors: Floats) -> Index:
        return super().index(-factors)


def test_factors_that_list_worse_than_popularity_fail_the_gate_and_reach_nobody(bench: Bench) -> None:
    found = replace(two_tastes(users=600), dataset="made-up")
    snapshot = freeze(found, titled(found), SnapshotRules())
    taught = Lesson(snapshot, "made-up", snapshot.fingerprint, snapshot.facts(), "c0de" * 16)

    candidate = train(bench, taught, workload=replace(WORKLOAD, engine=Contrary()))

    findings = {finding.gate: finding for finding in candidate.verdict.findings}
    assert candidate.verdict.outcome == "fail"
    assert findings["better_than_baseline"].outcome == "fail"
    assert bench.registry.champion("recommender") is None


def test_the_first_candidate_is_challenger_and_nobody_is_champion(bench: Bench) -> None:
    train(bench, lesson())

    challenger = bench.registry.challenger("recommender")
    assert challenger is not None
    assert challenger.number == 1
    assert bench.registry.champion("recommender") is None


def test_a_refit_on_newer_data_is_compared_with_the_champion_on_the_same_holdout(bench: Bench) -> None:
    train(bench, lesson())
    bench.release.promote("recommender", 1, actor="ann")

    twin = train(bench, later(lesson()))
    poor = train(bench, later(lesson()), workload=RecommenderWorkload(AlsSettings(factors=1, iterations=1)))

    assert (twin.gate["policy"], twin.verdict.outcome) == ("refresh", "pass")
    assert twin.verdict.findings[2].gate == "no_worse_than_champion"
    assert (poor.gate["policy"], poor.verdict.outcome) == ("improve", "fail")
    assert "the champion recommender/1" in " ".join(poor.verdict.reasons)


@pytest.mark.requirement("GATE-001")
def test_the_same_recipe_on_the_same_data_is_no_improvement(bench: Bench) -> None:
    train(bench, lesson())
    bench.release.promote("recommender", 1, actor="ann")

    twin = train(bench, lesson())

    assert twin.verdict.outcome == "fail"
    assert "an improvement begins at +5.0%" in twin.verdict.reasons[0]
    assert "learnt from nothing that the champion does not know" in str(twin.gate["policy_reason"])


def test_a_champion_too_young_to_be_refreshed_asks_for_an_improvement_and_says_from_when(bench: Bench) -> None:
    train(bench, lesson())
    bench.release.promote("recommender", 1, actor="ann")

    soon = train(bench, later(lesson()), now="2026-01-03T12:00:00Z")
    asked = train(bench, later(lesson()), now="2026-01-03T12:00:00Z", rules=GateRules(policy="refresh"))

    assert soon.gate["policy"] == "improve"
    assert "a refit is a refresh from 6 days on" in str(soon.gate["policy_reason"])
    assert "champion_old_enough" in {each.gate for each in asked.verdict.findings if each.outcome == "fail"}


def test_a_clearly_better_recipe_passes_as_an_improvement_on_the_same_data(bench: Bench) -> None:
    train(bench, lesson(users=400), workload=RecommenderWorkload(AlsSettings(factors=1, iterations=1)))
    bench.release.promote("recommender", 1, actor="ann", force=True)
    rules = GateRules(max_popularity_rise=1.0, max_coverage_drop=1.0)

    better = train(bench, lesson(users=400), rules=rules)

    assert (better.gate["policy"], better.verdict.outcome) == ("improve", "pass"), better.verdict.reasons


def exposed(user_id: str | None, *item_ids: str) -> Exposure:
    return Exposure(f"r-{user_id}", "recommender/1", user_id, "personal", False, item_ids, 1)


def test_recorded_requests_are_asked_again_before_anybody_meets_the_candidate(bench: Bench) -> None:
    shown = [exposed(f"u{user:03}", "i001", "i002", "i003") for user in range(30)]
    candidate = train(bench, lesson(), recent=[exposed(None, "i001"), exposed("stranger", "i001"), *shown])

    replay = next(each for each in candidate.verdict.findings if each.gate == "replay")

    assert (replay.outcome, replay.numbers["requests"], replay.numbers["failed"]) == ("pass", 31.0, 0.0)
    assert 0 <= replay.numbers["overlap"] <= 1


def test_a_new_installation_has_no_recorded_requests_and_may_release_all_the_same(bench: Bench) -> None:
    candidate = train(bench, lesson())

    assert candidate.verdict.outcome == "pass"
    assert "replay" in {each.gate for each in candidate.verdict.idle}
    assert bench.registry.verify("recommender", 1).gate["idle"]


def test_nothing_of_a_rehearsal_is_left_on_the_disk(bench: Bench) -> None:
    train(bench, lesson())

    assert list((bench.home / "versions" / ".staging").iterdir()) == []


def test_a_champion_of_another_dataset_is_no_incumbent_and_the_record_says_so(bench: Bench) -> None:
    train(bench, lesson())
    bench.release.promote("recommender", 1, actor="ann")

    candidate = train(bench, lesson("another"))

    assert candidate.gate["policy"] == "first"
    assert not {"better_than_champion", "no_worse_than_champion"} & {each.gate for each in candidate.verdict.findings}
    assert bench.registry.verify("recommender", 2).gate["champion"] == (
        "recommender/1 learnt from another dataset, made-up"
    )


def test_a_damaged_champion_does_not_keep_its_replacement_from_being_trained(bench: Bench) -> None:
    train(bench, lesson())
    bench.release.promote("recommender", 1, actor="ann")
    champion = bench.registry.version("recommender", 1).folder / "item_factors.npy"
    champion.chmod(0o644)
    champion.write_bytes(champion.read_bytes()[:-1])

    candidate = train(bench, lesson())

    assert candidate.verdict.outcome == "pass"
    assert "cannot be compared" in str(bench.registry.verify("recommender", 2).gate["champion"])


def test_too_little_evidence_is_registered_as_insufficient(bench: Bench) -> None:
    candidate = train(bench, lesson(), rules=GateRules(min_cases=5_000))

    assert candidate.version.verdict == "insufficient"
    assert "5000 are needed" in candidate.verdict.reasons[0]


def test_the_model_card_is_part_of_what_is_signed(bench: Bench) -> None:
    candidate = train(bench, lesson())

    card = (candidate.version.folder / "model_card.md").read_text()

    assert "model_card.md" in {entry.name for entry in bench.registry.verify("recommender", 1).files}
    assert all(reason in card for reason in candidate.verdict.reasons)
    assert f"{candidate.run.evaluation.metrics['ndcg@10']:.4f}" in card


def test_the_card_can_be_written_again_from_the_signed_manifest_alone(bench: Bench) -> None:
    candidate = train(bench, lesson())

    signed = bench.registry.verify("recommender", 1)
    again = model_card(
        signed.name,
        snapshot=signed.snapshot,
        hyperparameters=signed.hyperparameters,
        lineage=signed.lineage,
        gate=signed.gate,
    )

    assert again == (candidate.version.folder / "model_card.md").read_text()
    assert "| latency | pass | answers 100" in again


@pytest.mark.requirement("EVAL-009")
def test_the_record_says_against_what_limits_whom_and_which_holdout_it_was_judged(bench: Bench) -> None:
    train(bench, lesson())
    bench.release.promote("recommender", 1, actor="ann")
    taught = later(lesson())
    train(bench, taught)

    gate = bench.registry.verify("recommender", 2).gate

    assert gate["champion_number"] == 1
    assert gate["champion_manifest"] == bench.registry.version("recommender", 1).manifest_digest
    assert gate["holdout"] == {
        "fingerprint": taught.data.holdout_fingerprint,
        "cases": 120,
        "watermark_ms": 1_700_000_000_000,
    }
    assert gate["thresholds"]["max_drop"] == 0.01  # type: ignore[index]
    assert all(each["limits"] for each in gate["findings"] if each["gate"] == "latency")  # type: ignore[attr-defined]


def test_the_outcome_is_plain_values(bench: Bench) -> None:
    outcome = json.loads(json.dumps(train(bench, lesson()).as_dict()))

    assert outcome["version"] == "recommender/1"
    assert set(outcome["baselines"]) == {"popularity", "item_neighbours"}
    assert outcome["gate"]["verdict"] == "pass"


@pytest.mark.requirement("DATA-015")
def test_training_twice_on_one_snapshot_gives_byte_identical_factors(bench: Bench) -> None:
    first, second = train(bench, lesson()), train(bench, lesson())

    for name in ("item_factors.npy", "user_factors.npy", "user_index.arrow", "item_index.arrow"):
        assert (first.version.folder / name).read_bytes() == (second.version.folder / name).read_bytes()


def poisoned(fakes: int) -> Interactions:
    """Two tastes, and made-up users who play what everybody of one taste plays, and each of them one item besides."""
    found = two_tastes(users=300, items=200)
    rows = [
        (found.user_ids[user], found.item_ids[item], float(value), int(at))
        for user, item, value, at in zip(found.users, found.items, found.values, found.last_at_ms, strict=True)
    ]
    start, generator = max(row[3] for row in rows), np.random.default_rng(4)
    for fake in range(fakes):
        liked = generator.permutation(80)[:12]
        rows += [(f"fake{fake:03}", f"i{item:03}", 1.0, start + place) for place, item in enumerate(liked)]
        rows.append((f"fake{fake:03}", "i159", 500.0, start - 1_000_000))
    return interactions({row[:2]: row for row in rows}.values())


def taught(found: Interactions) -> Lesson:
    snapshot = freeze(found, titled(found), SnapshotRules())
    return Lesson(snapshot, "made-up", snapshot.fingerprint, snapshot.facts(), "c0de" * 16)


def test_made_up_plays_that_push_one_item_into_everybodys_lists_are_caught(bench: Bench) -> None:
    train(bench, taught(poisoned(fakes=0)))
    bench.release.promote("recommender", 1, actor="ann", force=True)

    candidate = train(bench, taught(poisoned(fakes=250)))

    jump = next(each for each in candidate.verdict.findings if each.gate == "item_jump")
    assert (jump.outcome, candidate.verdict.outcome) == ("fail", "fail"), jump
    assert "'i159'" in jump.reason
