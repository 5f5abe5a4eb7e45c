"""Everybody's list in one file, and which engine made it, at the shell."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tacit
from tacit.data import synthetic
from tests.shells import QUICK, Ran, within


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a champion."""
    folder = tmp_path_factory.mktemp("lists")
    synthetic.generate(folder / "community", users=150, items=100, artists_per_user=20)
    for command in (("import", "auto", "--from", folder / "community"), ("train", "--promote", *QUICK)):
        ran = within(*command, home=folder / "home")
        assert ran.code == 0, ran.err
    return folder / "home"


def test_everybody_with_a_taste_has_a_list_of_items_they_have_not_met(home: Path, tmp_path: Path) -> None:
    ran = within("lists", tmp_path / "all.arrow", "--count", "7", "--json", home=home)

    table = pa.ipc.open_stream(tmp_path / "all.arrow").read_all()
    assert ran.answer == {
        "version": "recommender/1",
        "dataset": ran.answer["dataset"],
        "category": None,
        "path": str(tmp_path / "all.arrow"),
        "users": len(table),
        "count": 7,
    }
    assert len(table) == len(set(table["user_id"].to_pylist())) == 150
    assert all(len(row["items"]) == len(set(row["items"])) == 7 for row in table.to_pylist())
    assert all(row["scores"] == sorted(row["scores"], reverse=True) for row in table.to_pylist())


def test_a_list_of_one_category_holds_nothing_else_and_is_told_so_in_the_file(home: Path, tmp_path: Path) -> None:
    catalogue = pa.ipc.open_file(home / "versions" / "recommender" / "1" / "item_index.arrow").read_all().to_pylist()
    category = catalogue[0]["categories"][0]
    belonging = {item["item_id"] for item in catalogue if category in item["categories"]}

    ran = within("lists", tmp_path / "one.parquet", "--category", category, "--count", "5", home=home)

    assert ran.code == 0, ran.err
    listed = pq.read_table(tmp_path / "one.parquet")
    assert listed.schema.metadata[b"category"] == category.encode()
    assert listed.num_rows > 0
    assert (
        {item for row in listed["items"].to_pylist() for item in row} <= belonging < {i["item_id"] for i in catalogue}
    )


def test_a_category_that_no_item_has_leaves_no_file(home: Path, tmp_path: Path) -> None:
    problem = within("lists", tmp_path / "x.parquet", "--category", "no such thing", "--json", home=home)
    everything = within("lists", tmp_path / "all.parquet", home=home)

    assert problem.answer["error"]["code"] == "category_unknown"
    assert not (tmp_path / "x.parquet").exists()
    assert everything.code == 0
    assert "lists of up to 100 items by recommender/1" in everything.out
    assert pq.read_schema(tmp_path / "all.parquet").metadata[b"version"] == b"recommender/1"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("lists", "out.csv"), "file_kind_unknown"),
        (("lists", "out.arrow", "--version", "9"), "version_unknown"),
    ],
)
def test_what_cannot_be_listed_is_refused_before_anything_is_written(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: str
) -> None:
    monkeypatch.chdir(tmp_path)

    ran = within(*arguments, "--json", home=home)

    assert (ran.code != 0, ran.answer["error"]["code"]) == (True, code)
    assert list(tmp_path.iterdir()) == []


def without_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where no compiler was at hand."""
    monkeypatch.setitem(sys.modules, "tacit._native", None)
    monkeypatch.delattr(tacit, "_native", raising=False)
    for name in [name for name in sys.modules if ".engines.native_" in name]:
        monkeypatch.delitem(sys.modules, name)


def test_falling_back_to_the_slower_engine_is_said_once_and_works(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_extension(monkeypatch)

    ran: Ran = within("lists", tmp_path / "all.arrow", home=home)
    asked = within("lists", tmp_path / "all.arrow", "--set", "als.engine=numpy", home=home)

    assert ran.code == asked.code == 0
    assert ran.err.count("The native engine does not run here") == 1
    assert "The native engine" not in asked.err


def test_an_engine_that_was_asked_for_by_name_and_is_not_there_starts_nothing(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_extension(monkeypatch)

    ran = within("lists", tmp_path / "all.arrow", "--set", "als.engine=native", "--json", home=home)

    assert ran.answer["error"]["code"] == "engine_unavailable"


@pytest.mark.requirement("EVAL-014")
def test_a_training_can_start_from_a_version_and_refuses_one_that_is_not_there(home: Path) -> None:
    started = within("train", "--warm-start", "1", "--json", *QUICK, home=home)
    missing = within("train", "--warm-start", "99", "--json", *QUICK, home=home)

    assert started.code == 0, started.err
    assert started.answer["metrics"]["ndcg@10"] > 0
    assert started.answer["losses"] == sorted(started.answer["losses"], reverse=True) != []
    assert missing.code == 3
    assert "99" in missing.err
