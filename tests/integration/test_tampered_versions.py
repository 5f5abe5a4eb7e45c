"""Whatever changes in a version's folder, the version is refused and the champion before it stays."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tacit.adapters.signing import Ed25519Verifier
from tacit.errors import Refused
from tacit.registry.interfaces import Signature
from tacit.registry.manifests import manifest_bytes, parse_manifest, parse_signature, signature_bytes
from tacit.registry.signing import MANIFEST_FILE, SIGNATURE_FILE, verify_folder
from tests.attempts import shortest
from tests.registries import Bench, memory_bench, sql_bench

FILES = (MANIFEST_FILE, SIGNATURE_FILE, "item_factors.npy", "model_card.md", "user_factors.npy")
EXPECTED = {MANIFEST_FILE: "signature_invalid", SIGNATURE_FILE: "signature_invalid"}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Version 1 is champion, version 2 waits."""
    with sql_bench(tmp_path_factory.mktemp("home")) as bench:
        bench.register_and_promote(1)
        bench.register()
        yield bench


@pytest.fixture
def folder(bench: Bench, tmp_path: Path) -> Path:
    """A copy of a version's folder that a test may spoil."""
    copied = tmp_path / "2"
    shutil.copytree(bench.registry.version("recommender", 2).folder, copied)
    for path in copied.iterdir():
        path.chmod(0o644)
    return copied


@pytest.fixture
def refusal(bench: Bench, folder: Path) -> Callable[[], Refused]:
    """Verifies the spoilt copy and hands out what it was refused for."""

    def verify() -> Refused:
        with pytest.raises(Refused) as caught:
            verify_folder(folder, Ed25519Verifier(bench.home / "keys"))
        return caught.value

    return verify


def flip(path: Path, place: int, bit: int = 0) -> None:
    raw = bytearray(path.read_bytes())
    raw[place] ^= 1 << bit
    path.write_bytes(raw)


def test_an_untouched_folder_verifies(bench: Bench, folder: Path) -> None:
    assert verify_folder(folder, Ed25519Verifier(bench.home / "keys")).number == 2
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)


@pytest.mark.requirement("REG-010")
@pytest.mark.parametrize("name", FILES)
def test_a_flipped_byte_at_either_end_or_in_the_middle_of_any_file_is_refused(
    folder: Path, refusal: Callable[[], Refused], name: str
) -> None:
    original = (folder / name).read_bytes()
    codes = set()
    for place in (0, len(original) // 2, len(original) - 1):
        flip(folder / name, place)
        codes.add(refusal().code)
        (folder / name).write_bytes(original)

    assert codes == {EXPECTED.get(name, "manifest_mismatch")}


@pytest.mark.parametrize("name", [MANIFEST_FILE, SIGNATURE_FILE])
def test_every_single_byte_of_manifest_and_signature_counts(bench: Bench, folder: Path, name: str) -> None:
    original = (folder / name).read_bytes()
    verifier = Ed25519Verifier(bench.home / "keys")
    codes = []
    for place in range(len(original)):
        flip(folder / name, place, bit=place % 8)
        with pytest.raises(Refused) as caught:
            verify_folder(folder, verifier)
        codes.append(caught.value.code)
        (folder / name).write_bytes(original)

    assert set(codes) == {"signature_invalid"}


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused_by_name(folder: Path, refusal: Callable[[], Refused], name: str) -> None:
    (folder / name).unlink()

    error = refusal()

    assert error.code == ("signature_invalid" if name == SIGNATURE_FILE else "manifest_mismatch")
    assert error.field == name


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("change", ["cut", "emptied", "grown"])
def test_a_file_of_another_size_is_refused(
    folder: Path, refusal: Callable[[], Refused], name: str, change: str
) -> None:
    raw = (folder / name).read_bytes()
    (folder / name).write_bytes({"cut": raw[:-1], "emptied": b"", "grown": raw + b"\0"}[change])

    assert refusal().code == EXPECTED.get(name, "manifest_mismatch")


@pytest.mark.parametrize("name", FILES)
def test_a_file_behind_a_link_is_refused_even_if_its_bytes_are_right(
    folder: Path, refusal: Callable[[], Refused], tmp_path: Path, name: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (folder / name).rename(elsewhere)
    (folder / name).symlink_to(elsewhere)

    error = refusal()

    assert (error.code, error.field) == ("manifest_mismatch", name)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("extra.npy", "manifest_mismatch"),
        ("ITEM_FACTORS.NPY", "manifest_mismatch"),
        (".hidden.json", "manifest_mismatch"),
        ("a b.json", "manifest_mismatch"),
        ("..json", "manifest_mismatch"),
        ("model.pkl", "artifact_format"),
        ("model.joblib", "artifact_format"),
        ("model.pt", "artifact_format"),
    ],
)
def test_an_extra_file_is_refused_by_name(folder: Path, refusal: Callable[[], Refused], name: str, code: str) -> None:
    (folder / name).write_bytes(b"")

    error = refusal()

    assert (error.code, name in error.detail) == (code, True)


def test_a_renamed_file_is_refused(folder: Path, refusal: Callable[[], Refused]) -> None:
    (folder / "item_factors.npy").rename(folder / "other_factors.npy")

    assert refusal().code == "manifest_mismatch"


def test_two_files_in_each_others_place_are_refused(folder: Path, refusal: Callable[[], Refused]) -> None:
    (folder / "item_factors.npy").rename(folder / "kept")
    (folder / "user_factors.npy").rename(folder / "item_factors.npy")
    (folder / "kept").rename(folder / "user_factors.npy")

    assert refusal().code == "manifest_mismatch"


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_plain_file_is_refused_without_waiting_for_it(
    folder: Path, refusal: Callable[[], Refused], kind: str
) -> None:
    (folder / "item_factors.npy").unlink()
    os.mkfifo(folder / "item_factors.npy") if kind == "pipe" else (folder / "item_factors.npy").mkdir()

    assert refusal().field == "item_factors.npy"


def test_a_folder_that_is_missing_or_a_link_is_refused(
    folder: Path, refusal: Callable[[], Refused], tmp_path: Path
) -> None:
    folder.rename(tmp_path / "moved")
    missing = refusal()
    folder.symlink_to(tmp_path / "moved")

    assert (missing.code, refusal().code) == ("manifest_mismatch", "manifest_mismatch")


def test_a_forged_metric_is_refused_though_the_manifest_is_well_formed(
    folder: Path, refusal: Callable[[], Refused]
) -> None:
    raw = (folder / MANIFEST_FILE).read_bytes()
    forged = raw.replace(b'"ndcg@10":0.25', b'"ndcg@10":0.95')
    (folder / MANIFEST_FILE).write_bytes(forged)

    assert forged != raw
    assert parse_manifest(forged).metrics == {"ndcg@10": 0.95}
    assert refusal().code == "signature_invalid"


def test_a_signature_over_another_manifest_is_refused(
    bench: Bench, folder: Path, refusal: Callable[[], Refused]
) -> None:
    other = bench.registry.version("recommender", 1).folder / SIGNATURE_FILE
    (folder / SIGNATURE_FILE).write_bytes(other.read_bytes())

    assert refusal().code == "signature_invalid"


def test_a_version_signed_by_a_stranger_is_refused_and_his_key_is_named(
    folder: Path, refusal: Callable[[], Refused], tmp_path: Path
) -> None:
    stranger = memory_bench(tmp_path / "stranger").register()
    shutil.rmtree(folder)
    shutil.copytree(stranger.folder, folder)
    signature = parse_signature((folder / SIGNATURE_FILE).read_bytes())

    error = refusal()

    assert error.code == "signature_invalid"
    assert signature.key_id in error.detail


def test_a_signature_of_zeros_is_refused(folder: Path, refusal: Callable[[], Refused]) -> None:
    signature = parse_signature((folder / SIGNATURE_FILE).read_bytes())
    zeros = Signature(signature.algorithm, signature.key_id, "00" * 64)
    (folder / SIGNATURE_FILE).write_bytes(signature_bytes(zeros))

    assert refusal().code == "signature_invalid"


def test_a_file_blown_up_to_gigabytes_is_refused_unread(folder: Path, refusal: Callable[[], Refused]) -> None:
    os.truncate(folder / "item_factors.npy", 3 * 2**30)

    assert f"it has {3 * 2**30} bytes" in refusal().detail


def test_a_manifest_of_gigabytes_is_refused_unread(folder: Path, refusal: Callable[[], Refused]) -> None:
    os.truncate(folder / MANIFEST_FILE, 3 * 2**30)

    assert "larger than" in refusal().detail


def test_a_pickle_under_an_innocent_name_is_never_run(folder: Path, refusal: Callable[[], Refused]) -> None:
    canary = folder.parent / "canary"
    (folder / "item_factors.npy").write_bytes(f"cpathlib\nPath.touch\n(S'{canary}'\ntR.".encode())

    assert refusal().code == "manifest_mismatch"
    assert not canary.exists()


def test_after_any_of_this_the_old_champion_still_verifies_and_serves(bench: Bench) -> None:
    path = bench.registry.version("recommender", 2).folder / "user_factors.npy"
    path.chmod(0o644)
    flip(path, path.stat().st_size // 2)

    with pytest.raises(Refused) as caught:
        bench.release.promote("recommender", 2, actor="ann", force=True)

    assert caught.value.code == "manifest_mismatch"
    assert bench.champion() == 1
    assert bench.registry.verify("recommender", 1).number == 1


def test_verifying_a_hundred_megabytes_takes_under_a_second(tmp_path: Path) -> None:
    bench = memory_bench(tmp_path)
    factors = np.zeros((400_000, 64), dtype=np.float32)
    bench.register(write=lambda folder: np.save(folder / "user_factors.npy", factors))

    def verify() -> float:
        started = time.perf_counter()
        manifest = bench.registry.verify("recommender", 1)
        seconds = time.perf_counter() - started
        print(f"{manifest.files[0].size / 2**20 / seconds:.0f} MiB/s")
        assert manifest_bytes(manifest)
        return seconds

    assert shortest(verify, within=1) < 1
