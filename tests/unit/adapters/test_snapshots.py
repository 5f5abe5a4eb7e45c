"""Snapshots on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tacit.adapters.snapshots import SnapshotFolder
from tacit.data.datasets import SnapshotRules, freeze
from tacit.errors import NotFound, Refused
from tests.communities import titled, two_tastes


@pytest.fixture
def folder(tmp_path: Path) -> SnapshotFolder:
    return SnapshotFolder(tmp_path / "snapshots")


def test_a_snapshot_comes_back_as_it_was_frozen(folder: SnapshotFolder) -> None:
    found = two_tastes()
    snapshot = freeze(found, titled(found), SnapshotRules())

    folder.save(snapshot)
    again = folder.load(snapshot.fingerprint)

    assert again.fingerprint == snapshot.fingerprint
    assert (again.items, again.user_ids, again.rules) == (snapshot.items, snapshot.user_ids, snapshot.rules)
    assert np.array_equal(again.training.toarray(), snapshot.training.toarray())
    assert np.array_equal(again.holdout.toarray(), snapshot.holdout.toarray())


def test_saving_twice_keeps_one(folder: SnapshotFolder) -> None:
    snapshot = freeze(two_tastes(), (), SnapshotRules())

    assert folder.save(snapshot) == folder.save(snapshot)
    assert folder.fingerprints() == (snapshot.fingerprint,)


def test_a_snapshot_whose_content_changed_is_refused(folder: SnapshotFolder) -> None:
    snapshot = freeze(two_tastes(), (), SnapshotRules())
    rows = folder.save(snapshot) / "interactions.parquet"
    table = pq.read_table(rows)
    pq.write_table(table.set_column(2, "value", [np.asarray(table["value"]) + 1]), rows)

    with pytest.raises(Refused) as refusal:
        folder.load(snapshot.fingerprint)

    assert refusal.value.code == "snapshot_damaged"


@pytest.mark.parametrize("name", ["0" * 64, "../../etc", ""])
def test_an_unknown_snapshot_is_not_found(folder: SnapshotFolder, name: str) -> None:
    with pytest.raises(NotFound):
        folder.load(name)


def test_what_a_killed_process_staged_is_swept_with_the_next_snapshot(folder: SnapshotFolder, tmp_path: Path) -> None:
    left = tmp_path / "snapshots" / ".staged-left"
    left.mkdir(parents=True)

    folder.save(freeze(two_tastes(), (), SnapshotRules()))

    assert not left.exists()
