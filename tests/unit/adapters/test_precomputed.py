"""Precomputed lists on disk: what was written is read, nothing else is, and what is over goes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tacit.adapters.precomputed import PrecomputedFolder
from tacit.errors import Refused, Unavailable
from tacit.models.recommender.lists import ListChunk

OWN, OTHER = "a" * 64, "b" * 64
SHAPE = (10, 20)


def chunks(*, first: int = 0) -> list[ListChunk]:
    items = np.array([[3, 1], [5, -1]], np.int32) + 0
    scores = np.array([[0.5, 0.25], [0.75, -np.inf]], np.float32)
    return [ListChunk(np.array([at, at + 2]), items, scores) for at in (first, first + 3)]


def test_what_was_written_is_read_as_it_was_and_newer_lists_take_its_place(tmp_path: Path) -> None:
    folder = PrecomputedFolder(tmp_path / "precomputed")
    assert folder.newest(OWN) is None
    assert folder.write(OWN, chunks(), count=4) == 4
    before = folder.newest(OWN)
    found = folder.read(str(before), OWN, shape=SHAPE)

    assert found.users.tolist() == [0, 2, 3, 5]
    first, second = found.of(0), found.of(5)
    assert first is not None
    assert second is not None
    assert (first.items.tolist(), first.scores.tolist()) == ([3, 1], [0.5, 0.25])
    assert (second.items.tolist(), found.of(1), found.of(9)) == ([5], None, None)
    folder.write(OWN, chunks(first=1), count=4)
    assert folder.newest(OWN) != before
    assert len(list((tmp_path / "precomputed").iterdir())) == 1
    assert found.users.tolist() == [0, 2, 3, 5]  # who has them mapped keeps them


def test_an_interrupted_writer_leaves_the_lists_that_there_were(tmp_path: Path) -> None:
    folder = PrecomputedFolder(tmp_path)
    folder.write(OWN, chunks(), count=2)
    before = folder.newest(OWN)

    def torn() -> object:
        yield chunks()[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folder.write(OWN, torn(), count=2)  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == [before]


@pytest.mark.parametrize("name", ["users", "items", "scores", "manifest.json"])
def test_lists_that_were_changed_or_are_of_another_version_are_refused(tmp_path: Path, name: str) -> None:
    folder = PrecomputedFolder(tmp_path)
    folder.write(OWN, chunks(), count=2)
    made = str(folder.newest(OWN))
    for wrong in ({"shape": (4, 20)}, {"shape": (10, 5)}):
        with pytest.raises(Refused) as refused:
            folder.read(made, OWN, **wrong)
        assert refused.value.code == "precomputed_invalid"
    with pytest.raises(Refused):
        folder.read(made, OTHER, shape=SHAPE)
    path = tmp_path / made / name
    written = path.read_bytes()
    path.write_bytes(written[:-1] + bytes([written[-1] ^ 1]))
    with pytest.raises(Refused) as refused:
        folder.read(made, OWN, shape=SHAPE)

    assert (refused.value.code, "precompute" in str(refused.value.fix)) == ("precomputed_invalid", True)
    path.unlink()
    with pytest.raises(Unavailable):
        folder.read(made, OWN, shape=SHAPE)


def test_lists_of_versions_that_went_and_what_killed_writers_left_are_removed(tmp_path: Path) -> None:
    folder = PrecomputedFolder(tmp_path)
    for digest in (OWN, OTHER):
        folder.write(digest, chunks(), count=2)
    (tmp_path / ".staged-old").mkdir()
    (tmp_path / ".staged-now").mkdir()
    os.utime(tmp_path / ".staged-old", (1, 1))

    assert folder.prune([OWN]) == 2
    assert {path.name for path in tmp_path.iterdir()} == {folder.newest(OWN), ".staged-now"}
    assert PrecomputedFolder(tmp_path / "nothing").prune([]) == 0
