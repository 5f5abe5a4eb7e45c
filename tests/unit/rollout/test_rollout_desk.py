"""What may begin a rollout, and what is refused before anything is divided."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tacit.errors import BadInput, NotFound, Refused, TacitError
from tacit.registry.versions import Pruning
from tacit.rollout.rollout_desk import Opening
from tacit.rollout.traffic import Arm, Split
from tests.registries import NOON, memory_bench
from tests.rollouts import MODEL, Journey, journey


@pytest.fixture
def road(tmp_path: Path) -> Iterator[Journey]:
    with journey(tmp_path) as road:
        yield road


@pytest.mark.requirement("GATE-004")
def test_what_may_not_be_brought_to_users_is_refused_before_anything_is_divided(road: Journey) -> None:
    failing = road.bench.register("fail", reasons=("worse",)).number
    silent = road.bench.register().number
    tampered = road.bench.register()
    road.bench.smoke.silent.add(silent)
    (tampered.folder / "model_card.md").write_text("another")

    def code(number: int, **asked: object) -> str:
        with pytest.raises(TacitError) as refusal:
            road.start(number, **asked)
        return refusal.value.code

    assert [code(number) for number in (99, 2, failing, silent)] == [
        "version_unknown",
        "already_champion",
        "gate_not_passed",
        "check_failed",
    ]
    assert code(tampered.number) != ""
    assert [code(3, steps=steps) for steps in ((), (5.0,), (25.0, 5.0, 100.0), (0.0, 100.0))] == ["steps_invalid"] * 4
    assert road.desk.rollouts() == []
    assert road.plan().split is None
    assert road.start(failing, force=True).is_forced


def test_a_verdict_from_elsewhere_brings_no_version_to_users_where_it_does_not_count(
    road: Journey, tmp_path: Path
) -> None:
    there, file = memory_bench(tmp_path / "there"), tmp_path / "one.tar"
    there.register(metrics={"ndcg@10": 0.125})
    with file.open("wb") as stream:
        there.exchange.write(stream, MODEL, 1, actor="ann")
    trusted = road.bench.home / "keys" / "trusted"
    trusted.mkdir(parents=True)
    shutil.copy(there.home / "keys" / "signing.pub", trusted / "there.pub")
    with file.open("rb") as stream:
        number = road.bench.exchange.read(stream, MODEL, actor="ann", most_bytes=2**20).number
    road.bench.release._accepts_foreign_verdicts = False

    with pytest.raises(Refused) as refusal:
        road.start(number)

    assert refusal.value.code == "judged_elsewhere"
    assert road.plan().split is None
    assert road.start(number, force=True).state == "shadow"


def test_a_version_that_is_pruned_while_it_is_asked_is_not_brought_to_users(road: Journey) -> None:
    pruning = Pruning(MODEL, 3, "bob", 0, NOON)
    road.bench.smoke.meanwhile.append(lambda: road.bench.versions.mark_pruned(pruning) and None)

    with pytest.raises(Refused) as refusal:
        road.start(3)

    assert refusal.value.code == "version_pruned"
    assert (road.desk.rollouts(), road.plan().split, road.plan().shadow) == ([], None, None)


@pytest.mark.parametrize(("reason", "code"), [(" ", "reason_missing"), ("a\nb", "reason_invalid")])
def test_a_rollout_without_a_reason_that_can_be_kept_is_not_begun(road: Journey, reason: str, code: str) -> None:
    with pytest.raises(BadInput) as refusal:
        road.desk.start(Opening(3, "ann", reason))

    assert (refusal.value.code, refusal.value.field) == (code, "reason")


def test_of_two_at_once_the_second_is_refused_and_so_is_one_beside_an_experiment(road: Journey) -> None:
    other = road.bench.register().number
    road.start(3)
    with pytest.raises(Refused) as second:
        road.start(other)
    road.desk.abort(1, actor="ann", reason="no")
    road.traffic.set_split(MODEL, Split("ab-1", "ab", (Arm("a", 0.5), Arm("b", 0.5))), split_id="ab-1")
    with pytest.raises(Refused) as beside:
        road.start(other)

    assert (second.value.code, beside.value.code) == ("traffic_taken", "traffic_taken")
    assert second.value.context == {"split_id": "rollout-1"}
    with pytest.raises(NotFound):
        road.desk.status(99)


def test_a_version_that_was_good_until_lately_goes_back_without_baking_and_is_watched(road: Journey) -> None:
    now = road.start(1)

    assert (now.state, now.course.steps, road.champion()) == ("watching", (), 1)
    assert road.tick_well(200).state == "done"


def test_a_version_that_was_left_by_a_rollback_bakes_again(road: Journey) -> None:
    road.bench.release.promote(MODEL, 3, actor="ann")
    road.bench.release.rollback(MODEL, actor="ann", reason="bad")

    assert road.start(3).state == "shadow"
