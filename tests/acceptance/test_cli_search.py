"""Looking for settings at the shell: what is printed, what is saved, and what is trained with it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tacit.bootstrap import load_settings
from tacit.data import synthetic
from tests.shells import Ran, within

FEW = ("--trials", "3")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a small synthetic community imported."""
    folder = tmp_path_factory.mktemp("world")
    synthetic.generate(folder / "community", users=200, items=150, artists_per_user=25)
    ran = within("import", "auto", "--from", folder / "community", "--json", home=folder / "home")
    assert ran.code == 0, ran.err
    return folder / "home"


@pytest.fixture(scope="module")
def searched(home: Path) -> Ran:
    return within("search", *FEW, "--train", "--save", home.parent / "found.toml", "--json", home=home)


def test_a_search_says_what_it_tried_and_what_won(searched: Ran) -> None:
    assert searched.code == 0, searched.err
    answer = searched.answer

    assert answer["trials"][0]["stage"] == "default"
    assert answer["ndcg@20"] >= answer["default_ndcg@20"]
    assert answer["ended_by"] == "trials"


def test_the_saved_settings_are_settings_and_are_those_that_won(searched: Ran, home: Path) -> None:
    saved = home.parent / "found.toml"
    in_force = load_settings(config=saved, environ={}).settings.als

    won = searched.answer["settings"]
    assert {name: getattr(in_force, name) for name in won} == won
    assert not in_force.early_stopping
    assert (in_force.blend == "off") == (searched.answer["voice"] is None)


def test_a_candidate_is_trained_with_what_was_found(searched: Ran, home: Path) -> None:
    candidate = searched.answer["candidate"]
    shown = within("models", "show", candidate["version"].partition("/")[2], "--json", home=home)

    assert shown.code == 0, shown.err
    hyperparameters = candidate["hyperparameters"]
    for name, value in searched.answer["settings"].items():
        assert hyperparameters[name] == pytest.approx(value), name
    assert hyperparameters["voice"] == (searched.answer["voice"] or {"kind": None})["kind"]


def test_a_person_is_told_the_table_and_the_settings(home: Path) -> None:
    ran = within("search", "--trials", "1", home=home)

    assert ran.code == 0, ran.err
    assert "default" in ran.out
    fragment = ran.out[ran.out.index("[als]") :]
    assert tomllib.loads(fragment)["als"]["iterations"] >= 1


def test_a_file_that_is_there_is_not_written_over(home: Path, tmp_path: Path) -> None:
    mine = tmp_path / "tacit.toml"
    mine.write_text("port = 8100\n")

    ran = within("search", *FEW, "--save", mine, "--json", home=home)

    assert ran.answer["error"]["code"] == "file_exists"
    assert mine.read_text() == "port = 8100\n"


def test_a_dataset_nobody_imported_cannot_be_searched_on(home: Path) -> None:
    ran = within("search", "nobody", *FEW, "--json", home=home)

    assert ran.answer["error"]["code"] == "dataset_unknown"
