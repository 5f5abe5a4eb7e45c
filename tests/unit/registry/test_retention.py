"""The last few versions stay deployable, and those that have a role; of the others the metadata stay."""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tacit.adapters.locks import flocked
from tacit.errors import NotFound, Refused
from tacit.registry.retention import PruningReport
from tests.registries import Bench, memory_bench

METADATA = ["manifest.json", "model_card.md", "signature.json"]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return memory_bench(tmp_path)


def prune(bench: Bench, keep: int = 2, also: Collection[int] = ()) -> PruningReport:
    return bench.retention.prune("recommender", keep=keep, also=lambda: also, actor="ann")


def files(bench: Bench, number: int) -> list[str]:
    return sorted(path.name for path in bench.registry.version("recommender", number).folder.iterdir())


def pruned(bench: Bench) -> list[int]:
    return [each.number for each in bench.registry.versions("recommender") if each.pruned_at]


@pytest.mark.requirement("REG-001")
def test_the_last_versions_and_those_with_a_role_stay_and_the_others_become_metadata(bench: Bench) -> None:
    bench.register_and_promote(3)
    for _ in range(5):
        bench.register()
    bench.registry.challenge("recommender", 4, actor="ann")
    bench.retention.pin("recommender", 1, actor="ann", reason="the one we know best")

    report = prune(bench, keep=2, also=[5])

    assert pruned(bench) == [6]
    assert report.kept == (1, 2, 3, 4, 5, 7, 8)
    assert (files(bench, 6), len(files(bench, 5))) == (METADATA, 5)
    assert report.pruned[0].freed_bytes == sum(each.size for each in manifest_arrays(bench, 6))


def manifest_arrays(bench: Bench, number: int) -> list:
    return [each for each in bench.registry.manifest("recommender", number).files if each.name.endswith(".npy")]


def test_pruning_again_changes_nothing(bench: Bench) -> None:
    for _ in range(4):
        bench.register()
    prune(bench)
    before = len(bench.audit.entries())

    assert prune(bench).pruned == ()
    assert len(bench.audit.entries()) == before


def test_a_dry_run_says_the_same_and_does_nothing(bench: Bench) -> None:
    for _ in range(4):
        bench.register()

    would = bench.retention.plan("recommender", keep=2, also=lambda: ())

    assert [each.number for each in would.pruned] == [1, 2]
    assert (pruned(bench), len(files(bench, 1))) == ([], 5)
    assert [each.number for each in prune(bench).pruned] == [1, 2]


def test_a_pruned_version_verifies_by_its_manifest_and_opens_no_more(bench: Bench) -> None:
    for _ in range(3):
        bench.register()
    prune(bench)

    assert bench.registry.verify("recommender", 1).number == 1
    with pytest.raises(Refused) as refusal:
        bench.registry.open("recommender", 1)
    assert refusal.value.code == "version_pruned"
    assert "import" in (refusal.value.fix or "")


@pytest.mark.parametrize("name", METADATA)
def test_what_is_left_of_a_pruned_version_is_still_vouched_for(bench: Bench, name: str) -> None:
    for _ in range(3):
        bench.register()
    prune(bench)
    path = bench.registry.version("recommender", 1).folder / name
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"!")

    with pytest.raises(Refused):
        bench.registry.verify("recommender", 1)


@pytest.mark.parametrize("force", [False, True])
def test_a_pruned_version_is_never_promoted_nor_pinned(bench: Bench, force: bool) -> None:
    for _ in range(3):
        bench.register()
    prune(bench)

    with pytest.raises(Refused) as promotion:
        bench.release.promote("recommender", 1, actor="ann", force=force)
    with pytest.raises(Refused) as pin:
        bench.retention.pin("recommender", 1, actor="ann", reason="")

    assert (promotion.value.code, pin.value.code) == ("version_pruned", "version_pruned")


@pytest.mark.requirement("REG-016")
def test_the_way_back_passes_over_what_was_pruned_and_says_so_beforehand(bench: Bench) -> None:
    bench.register_and_promote(4)
    prune(bench, keep=1)
    first = bench.release.rollback("recommender", actor="ann", reason="worse")

    plan = bench.release.plan_rollback("recommender")

    assert first.restored == 3
    assert (plan.target, [each.code for each in plan.skipped]) == (None, ["version_pruned", "version_pruned"])


def test_a_version_that_is_promoted_while_others_are_pruned_keeps_its_files(bench: Bench) -> None:
    for _ in range(4):
        bench.register()
    bench.smoke.meanwhile.append(lambda: prune(bench))

    with pytest.raises(Refused) as refusal:
        bench.release.promote("recommender", 1, actor="ann")

    assert refusal.value.code == "version_pruned"
    assert bench.champion() is None


def test_files_that_somebody_reads_stay_until_they_are_read(bench: Bench) -> None:
    for _ in range(3):
        bench.register()
    with bench.registry.held("recommender", 1):
        report = prune(bench)
        during = files(bench, 1)
    again = prune(bench)

    assert (report.busy, len(during)) == ((1,), 5)
    assert (again.pruned, again.busy, files(bench, 1)) == ((), (), METADATA)


def test_the_way_back_passes_over_a_version_whose_folder_the_storage_does_not_give(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.register_and_promote(3)

    @contextmanager
    def failing(path: Path, how: int) -> Iterator[bool]:
        if path.name == "2":
            raise OSError(errno.EIO, "Input/output error")
        with flocked(path, how) as is_held:
            yield is_held

    monkeypatch.setattr("tacit.adapters.artifacts.flocked", failing)
    event = bench.release.rollback("recommender", actor="ann", reason="worse")

    assert event.restored == 1
    assert [(each.number, each.code) for each in event.skipped] == [(2, "artifact_unreadable")]


def test_a_pruning_cut_short_after_the_mark_is_completed_by_the_next(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        bench.register()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", lambda *_, **__: (_ for _ in ()).throw(OSError("power failure")))
        with pytest.raises(OSError, match="power failure"):
            prune(bench)
    assert (pruned(bench), len(files(bench, 1))) == ([1], 5)
    assert bench.registry.verify("recommender", 1).number == 1

    prune(bench)

    assert files(bench, 1) == METADATA


def test_pins_prunings_and_their_reasons_are_audited(bench: Bench) -> None:
    for _ in range(3):
        bench.register()
    bench.retention.pin("recommender", 1, actor="ann", reason="keep it")
    was_pinned = bench.retention.unpin("recommender", 1, actor="bob")
    was_pinned_still = bench.retention.unpin("recommender", 1, actor="bob")
    prune(bench)

    acts = [(each.action, each.actor, each.subject) for each in bench.audit.entries(limit=3)]
    assert (was_pinned, was_pinned_still) == (True, False)
    assert acts == [
        ("model_pruned", "ann", "recommender/1"),
        ("model_unpinned", "bob", "recommender/1"),
        ("model_pinned", "ann", "recommender/1"),
    ]


def test_a_version_that_is_not_there_is_not_pinned(bench: Bench) -> None:
    with pytest.raises(NotFound):
        bench.retention.pin("recommender", 1, actor="ann", reason="")
