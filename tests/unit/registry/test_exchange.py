"""Versions go from one installation to another whole, signed and told apart; nothing else comes in."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tacit.errors import BadInput, Refused, TacitError
from tacit.registry.versions import Version
from tests.registries import Bench, memory_bench

MOST = 2**20


@pytest.fixture
def there(tmp_path: Path) -> Bench:
    """An installation with a champion and two earlier ones."""
    bench = memory_bench(tmp_path / "there")
    bench.register_and_promote(2)
    return bench


@pytest.fixture
def here(tmp_path: Path) -> Bench:
    """Another that trusts it, with a champion of its own."""
    bench = memory_bench(tmp_path / "here")
    bench.register(metrics={"ndcg@10": 0.125})
    bench.release.promote("recommender", 1, actor="bob")
    return bench


def trust(here: Bench, there: Bench) -> None:
    folder = here.home / "keys" / "trusted"
    folder.mkdir(exist_ok=True, parents=True)
    shutil.copy(there.home / "keys" / "signing.pub", folder / "there.pub")


def exported(bench: Bench, path: Path, number: int = 2) -> bytes:
    with path.open("wb") as stream:
        bench.exchange.write(stream, "recommender", number, actor="ann")
    return path.read_bytes()


def imported(bench: Bench, path: Path, *, most_bytes: int = MOST) -> Version:
    with path.open("rb") as stream:
        return bench.exchange.read(stream, "recommender", actor="bob", most_bytes=most_bytes)


def state(bench: Bench) -> tuple[object, ...]:
    """What an import that is refused must leave as it was."""
    folders = sorted(str(path) for path in (bench.home / "versions").rglob("*") if path.is_file())
    return folders, bench.registry.versions("recommender"), bench.champion(), len(bench.audit.entries())


def test_an_exported_version_comes_in_under_a_new_number_with_its_verdict_and_its_origin(
    there: Bench, here: Bench, tmp_path: Path
) -> None:
    exported(there, tmp_path / "two.tar")
    trust(here, there)

    version = imported(here, tmp_path / "two.tar")
    manifest = here.registry.verify("recommender", 2)

    theirs = there.registry.version("recommender", 2)
    (origin,) = here.versions.origins("recommender")
    assert (version.number, version.verdict, here.champion()) == (2, "pass", 1)
    assert manifest.lineage["imported"]["version"] == "recommender/2"  # type: ignore[index]
    assert (origin.origin_number, origin.manifest_digest) == (2, theirs.manifest_digest)
    assert (version.folder / "origin_manifest.json").read_bytes() == (theirs.folder / "manifest.json").read_bytes()
    assert np.array_equal(np.load(version.folder / "item_factors.npy"), np.load(theirs.folder / "item_factors.npy"))
    assert here.registry.challenger("recommender") is None
    assert [each.action for each in here.audit.entries(limit=2)] == ["model_imported", "model_registered"]
    assert there.audit.entries(limit=1)[0].action == "model_exported"


def test_the_file_says_what_the_gate_and_the_ledger_said_there(there: Bench, here: Bench, tmp_path: Path) -> None:
    exported(there, tmp_path / "one.tar", number=1)
    trust(here, there)
    said = json.loads((imported(here, tmp_path / "one.tar").folder / "origin_facts.json").read_bytes())

    ledger = there.versions.ledger("recommender")
    assert [each["digest"] for each in said["ledger"]] == [entry.digest for entry in ledger]
    assert ledger[0].evidence is not None
    assert (said["gate"], said["signature"]) == (ledger[0].evidence.gate, ledger[0].evidence.signature)


def test_the_same_version_gives_the_same_bytes_that_any_tar_program_reads(there: Bench, tmp_path: Path) -> None:
    first, second = exported(there, tmp_path / "a.tar"), exported(there, tmp_path / "b.tar")

    with tarfile.open(tmp_path / "a.tar") as archive:
        names = archive.getnames()
    assert first == second
    assert names[:4] == ["bundle.json", "bundle_signature.json", "version/manifest.json", "version/signature.json"]


def test_an_imported_version_can_be_exported_again_and_tells_its_whole_way(
    there: Bench, here: Bench, tmp_path: Path
) -> None:
    third = memory_bench(tmp_path / "third")
    trust(here, there)
    trust(third, here)
    exported(there, tmp_path / "a.tar")
    exported(here, tmp_path / "b.tar", number=imported(here, tmp_path / "a.tar").number)

    version = imported(third, tmp_path / "b.tar")

    lineage = third.registry.verify("recommender", version.number).lineage["imported"]
    assert lineage["before"]["version"] == "recommender/2"  # type: ignore[index]
    assert (version.folder / "origin_origin_manifest.json").is_file()


def test_a_version_that_has_been_through_many_hands_keeps_what_each_of_them_signed(
    there: Bench, tmp_path: Path
) -> None:
    holder, version = there, there.registry.version("recommender", 2)
    signed = []
    for place in range(4):
        signed.append((version.folder / "manifest.json").read_bytes())
        exported(holder, tmp_path / f"{place}.tar", number=version.number)
        receiver = memory_bench(tmp_path / f"receiver-{place}")
        trust(receiver, holder)
        holder, version = receiver, imported(receiver, tmp_path / f"{place}.tar")

    kept = [(version.folder / f"{'origin_' * far}manifest.json").read_bytes() for far in range(4, 0, -1)]
    assert kept == signed
    assert len(set(signed)) == 4


def test_a_key_that_is_not_trusted_is_named_with_what_to_do_and_nothing_is_taken_in(
    there: Bench, here: Bench, tmp_path: Path
) -> None:
    exported(there, tmp_path / "two.tar")
    before = state(here)

    with pytest.raises(Refused, match="not trusted here") as refusal:
        imported(here, tmp_path / "two.tar")

    assert (refusal.value.code, "trusted" in (refusal.value.fix or "")) == ("signature_invalid", True)
    assert state(here) == before


def test_what_is_here_already_is_not_taken_in_twice(there: Bench, here: Bench, tmp_path: Path) -> None:
    exported(there, tmp_path / "two.tar")
    trust(here, there)
    imported(here, tmp_path / "two.tar")
    before = state(here)

    for bench in (here, there):
        with pytest.raises(Refused, match="is here already, as recommender/2") as refusal:
            imported(bench, tmp_path / "two.tar")
        assert refusal.value.code == "version_known"
    assert state(here) == before


def test_a_pruned_version_comes_back_from_the_file_it_was_exported_to(there: Bench, tmp_path: Path) -> None:
    exported(there, tmp_path / "one.tar", number=1)
    for _ in range(3):
        there.register()
    there.release.promote("recommender", 3, actor="ann")
    there.retention.prune("recommender", keep=1, also=lambda: (), actor="ann")

    version = imported(there, tmp_path / "one.tar")

    assert there.registry.version("recommender", 1).pruned_at is not None
    assert there.release.promote("recommender", version.number, actor="ann").number == version.number


def test_a_verdict_from_elsewhere_counts_only_where_it_may(there: Bench, here: Bench, tmp_path: Path) -> None:
    exported(there, tmp_path / "two.tar")
    trust(here, there)
    number = imported(here, tmp_path / "two.tar").number
    here.release._accepts_foreign_verdicts = False

    with pytest.raises(Refused) as refusal:
        here.release.promote("recommender", number, actor="ann")
    event = here.release.promote("recommender", number, actor="ann", force=True, reason="scored here")

    assert refusal.value.code == "judged_elsewhere"
    assert event.forced


def test_a_file_larger_than_allowed_is_refused_unread(there: Bench, here: Bench, tmp_path: Path) -> None:
    exported(there, tmp_path / "two.tar")

    with pytest.raises(BadInput) as refusal:
        imported(here, tmp_path / "two.tar", most_bytes=1_000)

    assert refusal.value.code == "bundle_too_large"


def test_a_version_of_another_model_is_refused(here: Bench, tmp_path: Path) -> None:
    there = memory_bench(tmp_path / "there")
    there.register(name="vision")
    with (tmp_path / "v.tar").open("wb") as stream:
        there.exchange.write(stream, "vision", 1, actor="ann")
    trust(here, there)

    with pytest.raises(BadInput) as refusal:
        imported(here, tmp_path / "v.tar")

    assert refusal.value.code == "model_other"


def remade(path: Path, change: Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]) -> None:
    """The same archive with its members changed."""
    with tarfile.open(path) as archive:
        members = [(each, (archive.extractfile(each) or io.BytesIO()).read()) for each in archive.getmembers()]
    change(members)
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
        for header, content in members:
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))


def named(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tuple[tarfile.TarInfo, bytes]:
    header = tarfile.TarInfo(name)
    header.type, header.linkname = kind, link
    return header, b"" if link else b"x"


HOSTILE = {
    "a path upwards": named("version/../../../keys/trusted/eve.pub"),
    "a path up": named("../eve"),
    "an absolute path": named("/etc/eve"),
    "a symbolic link": named("version/eve.json", tarfile.SYMTYPE, "/etc/passwd"),
    "a hard link": named("version/eve.json", tarfile.LNKTYPE, "version/manifest.json"),
    "a device": named("version/eve.json", tarfile.CHRTYPE),
    "a folder": named("version/eve", tarfile.DIRTYPE),
    "a folder in a folder": named("version/a/b.json"),
    "another folder": named("eve/eve.json"),
    "a name that is too long": named("version/" + "a" * 300),
    "a name twice": named("version/manifest.json"),
    "the facts twice": named("bundle.json"),
    "an unsafe name": named("version/A B.json"),
    "a fifo": named("version/eve.json", tarfile.FIFOTYPE),
    "a sparse file": named("version/eve.json", tarfile.GNUTYPE_SPARSE),
    "what the manifest does not vouch for": named("version/eve.json"),
    "what could hold code": named("version/eve.pkl"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_file_with_anything_but_the_versions_plain_files_is_refused_and_leaves_no_trace(
    there: Bench, here: Bench, tmp_path: Path, kind: str
) -> None:
    exported(there, tmp_path / "two.tar")
    trust(here, there)
    remade(tmp_path / "two.tar", lambda members: members.append(HOSTILE[kind]))
    before = state(here)

    with pytest.raises((BadInput, Refused)) as refusal:
        imported(here, tmp_path / "two.tar")

    assert refusal.value.code in {"bundle_invalid", "manifest_mismatch", "artifact_format"}
    assert state(here) == before
    assert not list(tmp_path.rglob("eve*"))


def test_facts_that_speak_of_another_version_are_refused_though_they_are_signed(
    there: Bench, here: Bench, tmp_path: Path
) -> None:
    exported(there, tmp_path / "one.tar", number=1)
    exported(there, tmp_path / "two.tar", number=2)
    trust(here, there)
    with tarfile.open(tmp_path / "one.tar") as archive:
        other = [(each, archive.extractfile(each).read()) for each in archive.getmembers()[:2]]  # type: ignore[union-attr]

    def exchange(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        members[:2] = other

    remade(tmp_path / "two.tar", exchange)

    with pytest.raises(BadInput, match="not said of the version"):
        imported(here, tmp_path / "two.tar")


@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04" * 400, bytes(4096), b"\x1f\x8b" + bytes(600), b"x" * 100])
def test_what_is_no_such_file_is_refused_as_that(here: Bench, tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "foreign.tar").write_bytes(raw)

    with pytest.raises(BadInput) as refusal:
        imported(here, tmp_path / "foreign.tar")

    assert (refusal.value.code, refusal.value.field) == ("bundle_invalid", "file")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_with_any_byte_changed_or_cut_off_is_refused_and_leaves_no_trace(
    there: Bench, here: Bench, tmp_path: Path, data: st.DataObject
) -> None:
    path = tmp_path / "two.tar"
    raw = bytearray(exported(there, path))
    trust(here, there)
    length = _length_of_what_counts(path)
    place = data.draw(st.integers(0, length - 1))
    if data.draw(st.booleans()):
        raw[place] ^= data.draw(st.integers(1, 255))
    else:
        del raw[place:]
    path.write_bytes(raw)
    before = state(here)

    with pytest.raises(TacitError):
        imported(here, path)

    assert state(here) == before


def _length_of_what_counts(path: Path) -> int:
    """Up to the end of the last file; the padding behind it is checked to be zeros, and may be short by nothing."""
    with tarfile.open(path) as archive:
        last = archive.getmembers()[-1]
    return last.offset_data + last.size
