"""Folders of versions appear wholly or not at all, and never change."""

from __future__ import annotations

import fcntl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tacit.adapters.artifacts import FolderArtifacts
from tacit.adapters.locks import flocked
from tacit.errors import BadInput, Refused


@pytest.fixture
def store(tmp_path: Path) -> FolderArtifacts:
    return FolderArtifacts(tmp_path / "versions")


def staged(store: FolderArtifacts, text: str = "x") -> Path:
    folder = store.stage()
    (folder / "manifest.json").write_text(text)
    return folder


def test_making_a_store_makes_no_folder(tmp_path: Path) -> None:
    FolderArtifacts(tmp_path / "versions")

    assert not (tmp_path / "versions").exists()


def test_a_staged_folder_becomes_the_versions_folder(store: FolderArtifacts) -> None:
    source = staged(store)

    folder = store.publish(source, "recommender", 7)

    assert folder == store.folder("recommender", 7)
    assert (folder / "manifest.json").read_text() == "x"
    assert not source.exists()


def test_published_files_cannot_be_written_by_mistake(store: FolderArtifacts) -> None:
    folder = store.publish(staged(store), "recommender", 7)

    assert (folder / "manifest.json").stat().st_mode & 0o222 == 0


def test_until_it_is_published_a_version_has_no_folder(store: FolderArtifacts) -> None:
    staged(store)

    assert not store.folder("recommender", 7).exists()


@pytest.mark.requirement("REG-009")
def test_a_published_version_is_never_replaced(store: FolderArtifacts) -> None:
    store.publish(staged(store, "first"), "recommender", 7)

    with pytest.raises(Refused) as refusal:
        store.publish(staged(store, "second"), "recommender", 7)

    assert refusal.value.code == "version_immutable"
    assert (store.folder("recommender", 7) / "manifest.json").read_text() == "first"


def test_of_many_who_publish_the_same_version_exactly_one_wins(store: FolderArtifacts) -> None:
    def wins(number: int) -> bool:
        try:
            store.publish(staged(store, str(number)), "recommender", 7)
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(wins, range(8)))

    assert won.count(True) == 1
    assert (store.folder("recommender", 7) / "manifest.json").read_text() == str(won.index(True))


def test_a_discarded_folder_is_gone_and_may_be_discarded_again(store: FolderArtifacts) -> None:
    folder = staged(store)

    store.discard(folder)
    store.discard(folder)

    assert not folder.exists()


@pytest.mark.parametrize(("name", "number"), [("../../etc", 1), ("a/b", 1), (".staging", 1), ("", 1), ("a", 0)])
def test_a_name_that_leads_elsewhere_has_no_folder(store: FolderArtifacts, name: str, number: int) -> None:
    with pytest.raises(BadInput):
        store.folder(name, number)


def test_what_a_killed_process_staged_is_swept_when_the_next_version_is_written(store: FolderArtifacts) -> None:
    left = store.folder("recommender", 1).parents[1] / ".staging" / "left"
    left.mkdir(parents=True)
    (left / "user_factors.npy").write_text("half")

    store.stage()

    assert not left.exists()


def test_what_another_process_is_staging_now_is_never_swept(store: FolderArtifacts) -> None:
    source = staged(store)

    FolderArtifacts(source.parents[1]).stage()

    assert (source / "manifest.json").read_text() == "x"


def test_a_store_lets_its_staging_folder_go_once_a_version_is_published_or_given_up(store: FolderArtifacts) -> None:
    store.publish(staged(store), "recommender", 1)
    store.discard(staged(store))

    with flocked(store.folder("recommender", 1).parents[1] / ".staging", fcntl.LOCK_EX | fcntl.LOCK_NB) as is_free:
        assert is_free
