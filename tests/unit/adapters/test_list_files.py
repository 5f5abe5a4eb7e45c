"""Lists in files: what was listed is what other programs read, and nothing half written is ever there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tacit.adapters.list_files import write_lists
from tacit.errors import BadInput
from tacit.models.recommender.lists import ListChunk

USERS = ("ann", "bob", "cid", "dee")
ITEMS = ("x", "y", "ü/1")
FACTS = {"version": "recommender/7", "category": ""}


def chunks() -> Iterator[ListChunk]:
    yield ListChunk(np.array([0, 1]), np.array([[2, 0], [1, -1]], np.int32), np.array([[2, 1], [0.5, -np.inf]], "f4"))
    yield ListChunk(np.array([], np.intp), np.empty((0, 2), np.int32), np.empty((0, 2), np.float32))
    yield ListChunk(np.array([3]), np.array([[-1, -1]], np.int32), np.full((1, 2), -np.inf, np.float32))


def read(path: Path) -> pa.Table:
    return pa.ipc.open_stream(path).read_all() if path.suffix == ".arrow" else pq.read_table(path)


@pytest.mark.parametrize("name", ["lists.arrow", "lists.parquet"])
def test_every_list_is_read_back_with_its_ids_and_scores_short_ones_short(tmp_path: Path, name: str) -> None:
    path = tmp_path / name

    written = write_lists(path, chunks(), user_ids=USERS, item_ids=ITEMS, facts=FACTS)

    table = read(path)
    assert written == 3
    assert table.to_pylist() == [
        {"user_id": "ann", "items": ["ü/1", "x"], "scores": [2.0, 1.0]},
        {"user_id": "bob", "items": ["y"], "scores": [0.5]},
        {"user_id": "dee", "items": [], "scores": []},
    ]
    assert table.schema.metadata[b"version"] == b"recommender/7"


@pytest.mark.parametrize("name", ["lists.arrow", "lists.parquet"])
def test_a_run_that_breaks_leaves_what_was_there_and_nothing_beside_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("yesterday's")

    def breaking() -> Iterator[ListChunk]:
        yield from chunks()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_lists(path, breaking(), user_ids=USERS, item_ids=ITEMS, facts=FACTS)

    assert path.read_text() == "yesterday's"
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_a_new_file_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "lists.arrow"
    for _ in range(2):
        write_lists(path, chunks(), user_ids=USERS, item_ids=ITEMS, facts=FACTS)

    assert len(read(path)) == 3
    assert [each.name for each in tmp_path.iterdir()] == ["lists.arrow"]


@pytest.mark.parametrize(
    ("name", "code"),
    [("lists.csv", "file_kind_unknown"), ("lists", "file_kind_unknown"), ("no/l.arrow", "folder_missing")],
)
def test_a_name_that_says_no_format_and_a_folder_that_is_not_there_are_refused(
    tmp_path: Path, name: str, code: str
) -> None:
    with pytest.raises(BadInput) as refusal:
        write_lists(tmp_path / name, chunks(), user_ids=USERS, item_ids=ITEMS, facts=FACTS)

    assert refusal.value.code == code
