"""From a snapshot to a signed candidate, on a real registry in a temporary folder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tacit.data.datasets import Snapshot, SnapshotRules, freeze
from tacit.models.recommender.als import AlsSettings
from tacit.models.recommender.engines.interfaces import Floats, Index
from tacit.models.recommender.engines.numpy_engine import NumpyEngine
from tacit.models.recommender.workload import RecommenderWorkload
from tacit.rollout.candidates import Candidate, Lesson, train_candidate
from tacit.rollout.gates import GateRules
from tests.communities import titled, two_tastes
from tests.registries import Bench, memory_bench

WORKLOAD = RecommenderWorkload(AlsSettings(factors=8, iterations=6))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return memory_bench(tmp_path)


def lesson(dataset: str = "made-up") -> Lesson:
    found = replace(two_tastes(), dataset=dataset)
    snapshot: Snapshot = freeze(found, titled(found), SnapshotRules())
    return Lesson(snapshot, dataset, snapshot.fingerprint, snapshot.facts(), "c0de" * 16)


def train(bench: Bench, taught: Lesson, *, workload: RecommenderWorkload = WORKLOAD, min_cases: int = 50) -> Candidate:
    rules = GateRules(min_cases=min_cases, max_drop=0.01)
    return train_candidate(
        taught, workload=workload, registry=bench.registry, name="recommender", rules=rules, actor="ann"
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


def test_the_second_is_compared_with_the_champion_on_the_same_holdout(bench: Bench) -> None:
    train(bench, lesson())
    bench.release.promote("recommender", 1, actor="ann")

    twin = train(bench, lesson())
    poor = train(bench, lesson(), workload=RecommenderWorkload(AlsSettings(factors=1, iterations=1)))

    assert twin.verdict.findings[2].gate == "no_worse_than_champion"
    assert twin.verdict.outcome == "pass"
    assert poor.verdict.outcome != "pass"
    assert "the champion recommender/1" in " ".join(poor.verdict.reasons)


def test_a_champion_of_another_dataset_is_no_incumbent_and_the_record_says_so(bench: Bench) -> None:
    train(bench, lesson())
    bench.release.promote("recommender", 1, actor="ann")

    candidate = train(bench, lesson("another"))

    assert [finding.gate for finding in candidate.verdict.findings] == [
        "enough_cases",
        "better_than_baseline",
        "coverage",
    ]
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
    candidate = train(bench, lesson(), min_cases=5_000)

    assert candidate.version.verdict == "insufficient"
    assert "5000 are needed" in candidate.verdict.reasons[0]


def test_the_model_card_is_part_of_what_is_signed(bench: Bench) -> None:
    candidate = train(bench, lesson())

    card = (candidate.version.folder / "model_card.md").read_text()

    assert "model_card.md" in {entry.name for entry in bench.registry.verify("recommender", 1).files}
    assert all(reason in card for reason in candidate.verdict.reasons)
    assert f"{candidate.run.evaluation.metrics['ndcg@10']:.4f}" in card


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
