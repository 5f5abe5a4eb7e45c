"""The champion moves forward to what earned it, and back to what works."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tacit.errors import NotFound, Refused
from tacit.registry.versions import Promotion, Version
from tacit.rollout.events import ModelPromoted, ModelRolledBack
from tests.registries import NOON, Bench, memory_bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return memory_bench(tmp_path)


def damage(version: Version | None) -> None:
    """Flip one bit of a version's factors."""
    assert version is not None
    path = version.folder / "item_factors.npy"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.chmod(0o644)
    path.write_bytes(raw)


def test_a_version_that_passed_its_gate_becomes_champion(bench: Bench) -> None:
    bench.register()

    event = bench.release.promote("recommender", 1, actor="ann", reason="first")

    assert event == ModelPromoted("recommender", 1, None, "pass", False, "ann", "first", NOON)
    assert bench.champion() == 1


@pytest.mark.requirement("GATE-003")
@pytest.mark.parametrize("verdict", ["fail", "insufficient"])
def test_a_version_that_did_not_pass_meets_no_user_and_the_reasons_are_named(bench: Bench, verdict: str) -> None:
    bench.register(verdict, reasons=("ndcg@10 is 3 % lower", "coverage halved"))

    with pytest.raises(Refused) as refusal:
        bench.release.promote("recommender", 1, actor="ann")

    assert refusal.value.code == "gate_not_passed"
    assert f"{verdict}: ndcg@10 is 3 % lower; coverage halved" in refusal.value.detail
    assert bench.champion() is None


def test_a_forced_promotion_is_told_by_ledger_and_audit(bench: Bench) -> None:
    bench.register("fail")

    bench.release.promote("recommender", 1, actor="ann", force=True, reason="the hold-out is wrong")

    (promotion,) = bench.versions.promotions("recommender")
    assert (promotion.forced, promotion.reason) == (True, "the hold-out is wrong")
    assert bench.audit.entries()[0].facts == {
        "replaced": None,
        "verdict": "fail",
        "forced": True,
        "reason": "the hold-out is wrong",
        "ledger": bench.versions.ledger("recommender")[0].digest,
    }


def test_forcing_what_passed_anyway_overrides_nothing(bench: Bench) -> None:
    bench.register()

    event = bench.release.promote("recommender", 1, actor="ann", force=True)

    assert not event.forced


def test_promoting_the_champion_again_is_refused(bench: Bench) -> None:
    bench.register_and_promote(1)

    with pytest.raises(Refused) as refusal:
        bench.release.promote("recommender", 1, actor="ann")

    assert refusal.value.code == "already_champion"


def test_promoting_what_does_not_exist_is_not_found(bench: Bench) -> None:
    with pytest.raises(NotFound):
        bench.release.promote("recommender", 1, actor="ann")


@pytest.mark.parametrize("force", [False, True])
def test_a_damaged_version_is_not_promoted_even_by_force_and_the_old_one_stays(bench: Bench, force: bool) -> None:
    bench.register_and_promote(1)
    damage(bench.register())

    with pytest.raises(Refused) as refusal:
        bench.release.promote("recommender", 2, actor="ann", force=force)

    assert (refusal.value.code, refusal.value.field) == ("manifest_mismatch", "item_factors.npy")
    assert bench.champion() == 1
    assert 2 not in bench.smoke.asked


@pytest.mark.requirement("GATE-004")
def test_a_version_that_does_not_answer_its_smoke_question_is_not_promoted(bench: Bench) -> None:
    bench.register_and_promote(1)
    bench.register()
    bench.smoke.silent.add(2)

    with pytest.raises(Refused, match="does not answer") as refusal:
        bench.release.promote("recommender", 2, actor="ann", force=True)

    assert refusal.value.code == "check_failed"
    assert bench.champion() == 1


def test_a_refused_promotion_is_audited(bench: Bench) -> None:
    bench.register("fail")
    with pytest.raises(Refused):
        bench.release.promote("recommender", 1, actor="eve")

    entry = bench.audit.entries()[0]

    assert (entry.action, entry.actor, entry.facts["code"]) == ("promotion_refused", "eve", "gate_not_passed")


def test_a_promotion_that_was_overtaken_is_refused(bench: Bench) -> None:
    bench.register_and_promote(1)
    bench.register()
    bench.register()
    overtaking = Promotion("recommender", "promoted", 1, 3, "bob", forced=False, reason="", at=NOON)
    bench.smoke.meanwhile.append(lambda: bench.versions.promote(overtaking, expected=1))

    with pytest.raises(Refused) as refusal:
        bench.release.promote("recommender", 2, actor="ann")

    assert refusal.value.code == "alias_moved"
    assert bench.champion() == 3


def test_a_challenger_that_is_promoted_is_no_longer_a_challenger(bench: Bench) -> None:
    bench.register()
    bench.registry.challenge("recommender", 1, actor="ann")

    bench.release.promote("recommender", 1, actor="ann")

    assert bench.registry.challenger("recommender") is None


def test_a_rollback_returns_to_the_champion_before(bench: Bench) -> None:
    bench.register_and_promote(2)

    event = bench.release.rollback("recommender", actor="ann", reason="complaints")

    assert event == ModelRolledBack("recommender", 2, 1, (), "ann", "complaints", NOON)
    assert bench.champion() == 1


def test_rolling_back_twice_goes_two_back_and_never_to_the_version_just_left(bench: Bench) -> None:
    bench.register_and_promote(3)

    restored = [bench.release.rollback("recommender", actor="ann", reason="").restored for _ in range(2)]

    assert restored == [2, 1]
    with pytest.raises(Refused, match="no earlier champion"):
        bench.release.rollback("recommender", actor="ann", reason="")


def test_a_version_promoted_after_a_rollback_stands_on_what_was_restored(bench: Bench) -> None:
    bench.register_and_promote(2)
    bench.release.rollback("recommender", actor="ann", reason="")
    bench.register_and_promote(1)

    event = bench.release.rollback("recommender", actor="ann", reason="")

    assert (event.number, event.restored) == (3, 1)


def test_a_rollback_passes_over_versions_that_are_damaged_missing_or_silent_and_names_them(bench: Bench) -> None:
    bench.register_and_promote(5)
    damage(bench.registry.version("recommender", 4))
    shutil.rmtree(bench.registry.version("recommender", 3).folder)
    bench.smoke.silent.add(2)

    event = bench.release.rollback("recommender", actor="ann", reason="")

    assert event.restored == 1
    assert [(each.number, each.code) for each in event.skipped] == [
        (4, "manifest_mismatch"),
        (3, "manifest_mismatch"),
        (2, "check_failed"),
    ]
    assert [each["number"] for each in bench.audit.entries()[0].facts["skipped"]] == [4, 3, 2]


def test_after_a_rollback_over_damaged_versions_the_next_one_does_not_go_back_to_them(bench: Bench) -> None:
    bench.register_and_promote(4)
    bench.smoke.silent.add(3)
    bench.release.rollback("recommender", actor="ann", reason="")
    bench.smoke.silent.clear()

    event = bench.release.rollback("recommender", actor="ann", reason="")

    assert (event.number, event.restored) == (2, 1)


def test_with_nothing_to_go_back_to_the_champion_stays_and_the_audit_says_why(bench: Bench) -> None:
    bench.register_and_promote(2)
    damage(bench.registry.version("recommender", 1))

    with pytest.raises(Refused) as refusal:
        bench.release.rollback("recommender", actor="ann", reason="")

    assert refusal.value.code == "rollback_impossible"
    assert "1: item_factors.npy: its SHA-256" in refusal.value.detail
    assert bench.champion() == 2
    assert bench.audit.entries()[0].action == "rollback_refused"


@pytest.mark.parametrize("promoted", [0, 1])
def test_without_an_earlier_champion_there_is_no_way_back(bench: Bench, promoted: int) -> None:
    bench.register_and_promote(promoted)

    with pytest.raises(Refused) as refusal:
        bench.release.rollback("recommender", actor="ann", reason="")

    assert refusal.value.code == "rollback_impossible"


@pytest.mark.requirement("REG-016")
def test_a_missing_way_back_is_seen_before_it_is_needed(bench: Bench) -> None:
    bench.register_and_promote(2)
    ready = bench.release.plan_rollback("recommender")
    shutil.rmtree(bench.registry.version("recommender", 1).folder)

    plan = bench.release.plan_rollback("recommender")

    assert (ready.target, plan.target) == (1, None)
    assert [each.number for each in plan.skipped] == [1]
    assert bench.champion() == 2


@pytest.mark.requirement("REG-001")
def test_five_earlier_versions_are_ready_for_rollback(bench: Bench) -> None:
    bench.register_and_promote(6)

    restored = [bench.release.rollback("recommender", actor="ann", reason="").restored for _ in range(5)]

    assert restored == [5, 4, 3, 2, 1]


def test_a_rollback_among_a_thousand_versions_takes_under_a_second(bench: Bench) -> None:
    bench.register_and_promote(2)
    template = bench.registry.version("recommender", 2)
    for number in range(3, 1_003):
        bench.versions.add(replace(template, number=number))

    started = time.thread_time()
    bench.release.rollback("recommender", actor="ann", reason="")
    seconds = time.thread_time() - started

    assert seconds < 1.0
