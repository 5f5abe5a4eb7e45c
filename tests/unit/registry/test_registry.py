"""The registry takes versions in whole and hands out only what verifies."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tacit.errors import BadInput, NotFound, Refused
from tests.registries import Bench, memory_bench, write_model


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return memory_bench(tmp_path)


def folders(bench: Bench) -> list[Path]:
    """Every folder under the store that holds files."""
    return sorted({path.parent for path in (bench.home / "versions").rglob("*") if path.is_file()})


@pytest.mark.requirement("REG-008")
@pytest.mark.requirement("REG-010")
def test_a_registered_version_verifies_and_carries_what_was_said_of_it(bench: Bench) -> None:
    registered = bench.register(metrics={"ndcg@10": 0.25})

    version, manifest = bench.registry.open("recommender", 1)

    assert version == registered
    assert (manifest.metrics, manifest.gate["verdict"]) == ({"ndcg@10": 0.25}, "pass")
    assert [entry.name for entry in manifest.files] == ["item_factors.npy", "model_card.md", "user_factors.npy"]


@pytest.mark.requirement("REG-012")
def test_a_version_tells_the_data_and_the_code_it_came_from(bench: Bench) -> None:
    bench.register()

    manifest = bench.registry.verify("recommender", 1)

    assert (manifest.dataset, manifest.snapshot, manifest.code) == ("lastfm", "5eed" * 8, "c0de" * 8)
    assert manifest.lineage == {"imports": ["2026-01-01"], "split": {"share": 0.8}}


def test_a_registration_is_audited(bench: Bench) -> None:
    bench.register("fail")

    (entry,) = bench.audit.entries()

    assert (entry.action, entry.actor, entry.subject) == ("model_registered", "ann", "recommender/1")
    assert entry.facts["verdict"] == "fail"


def test_numbers_rise_and_each_model_has_its_own(bench: Bench) -> None:
    numbers = [bench.register().number, bench.register().number, bench.register(name="vision").number]

    assert numbers == [1, 2, 1]
    assert bench.registry.names() == ["recommender", "vision"]


def test_a_workload_that_fails_half_way_leaves_nothing_and_uses_no_number(bench: Bench) -> None:
    def write(folder: Path) -> None:
        write_model(folder)
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        bench.register(write=write)

    assert folders(bench) == []
    assert bench.register().number == 1


@pytest.mark.parametrize("name", ["model.pkl", "model.joblib", "model.pt", "model.npz", "model"])
def test_a_file_that_could_hold_code_is_never_registered(bench: Bench, name: str) -> None:
    with pytest.raises(Refused) as refusal:
        bench.register(write=lambda folder: (folder / name).write_bytes(b"cos\nsystem\n"))

    assert (refusal.value.code, refusal.value.field) == ("artifact_format", name)
    assert bench.registry.versions("recommender") == []
    assert folders(bench) == []


def test_an_array_of_objects_is_never_registered(bench: Bench) -> None:
    with pytest.raises(Refused) as refusal:
        bench.register(write=lambda folder: np.save(folder / "a.npy", np.array([{}], dtype=object)))

    assert refusal.value.code == "artifact_format"


def test_a_metric_that_is_not_a_number_is_never_registered(bench: Bench) -> None:
    with pytest.raises(Refused) as refusal:
        bench.register(metrics={"ndcg@10": float("nan")})

    assert refusal.value.code == "manifest_invalid"
    assert folders(bench) == []


@pytest.mark.parametrize("name", ["../../etc", "latest", "champion", "é", "CON", "a" * 300, "%2e", "a#b", "a;b", ""])
def test_a_name_that_is_a_path_or_an_alias_is_refused(bench: Bench, name: str) -> None:
    with pytest.raises(BadInput) as refusal:
        bench.register(name=name)

    assert refusal.value.code == "name_invalid"


def test_a_gate_record_without_a_verdict_is_refused(bench: Bench) -> None:
    with pytest.raises(BadInput, match="verdict"):
        bench.register("maybe")


def test_an_unknown_version_is_not_found(bench: Bench) -> None:
    with pytest.raises(NotFound) as refusal:
        bench.registry.open("recommender", 1)

    assert refusal.value.code == "version_unknown"


def test_a_signed_folder_in_another_versions_place_is_refused(bench: Bench) -> None:
    one, two = bench.register(), bench.register()
    shutil.rmtree(two.folder)
    shutil.copytree(one.folder, two.folder)

    with pytest.raises(Refused, match=r"manifest.json: it describes recommender/1") as refusal:
        bench.registry.open("recommender", 2)

    assert refusal.value.code == "manifest_mismatch"


def test_a_signed_version_of_another_installation_does_not_pass_for_ours(bench: Bench, tmp_path: Path) -> None:
    ours = bench.register()
    shutil.copytree(bench.home / "keys", tmp_path / "other" / "keys")
    theirs = memory_bench(tmp_path / "other").register(metrics={"ndcg@10": 1.0})
    shutil.rmtree(ours.folder)
    shutil.copytree(theirs.folder, ours.folder)

    with pytest.raises(Refused, match="not the one that was registered"):
        bench.registry.verify("recommender", 1)


def test_before_the_first_promotion_there_is_neither_champion_nor_previous(bench: Bench) -> None:
    bench.register()

    assert bench.registry.champion("recommender") is None
    assert bench.registry.previous("recommender") is None


def test_previous_is_what_a_rollback_would_return_to(bench: Bench) -> None:
    bench.register_and_promote(3)

    previous = bench.registry.previous("recommender")

    assert previous == bench.registry.version("recommender", 2)


def test_a_challenger_can_be_named_and_withdrawn(bench: Bench) -> None:
    version = bench.register()
    bench.registry.challenge("recommender", 1, actor="ann")
    named = bench.registry.challenger("recommender")
    bench.registry.challenge("recommender", None, actor="ann")

    assert (named, bench.registry.challenger("recommender")) == (version, None)


def test_a_version_that_does_not_exist_cannot_challenge(bench: Bench) -> None:
    with pytest.raises(NotFound):
        bench.registry.challenge("recommender", 9, actor="ann")


def test_naming_a_challenger_and_withdrawing_it_are_audited(bench: Bench) -> None:
    bench.register()
    bench.registry.challenge("recommender", 1, actor="bob")
    bench.registry.challenge("recommender", None, actor="cyd")

    withdrawn, named, _ = bench.audit.entries()

    assert (named.action, named.actor, named.subject) == ("challenger_named", "bob", "recommender/1")
    assert (withdrawn.action, withdrawn.actor, withdrawn.subject) == ("challenger_withdrawn", "cyd", "recommender")
