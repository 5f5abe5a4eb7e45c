"""Names come from the trade, tests are sentences, and no file names an address or a place it was built at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools.guards import words
from tools.guards.source import ROOT, Module, modules, repository_files

SOURCE = modules("src")
GLOSSARY = ROOT / "docs" / "glossary.md"


def text_files() -> list[tuple[str, str]]:
    found = []
    for path in repository_files():
        content = path.read_bytes()
        if b"\0" not in content[:8192]:
            found.append((path.relative_to(ROOT).as_posix(), content.decode("utf-8", "replace")))
    return found


def test_no_module_or_class_is_named_by_a_word_that_says_nothing() -> None:
    checked = (*SOURCE, *modules("tools", "benchmarks"))

    assert [finding for module in checked for finding in words.banned_names(module)] == []


def test_every_test_is_named_by_a_sentence() -> None:
    assert [finding for module in modules("tests") for finding in words.mute_tests(module)] == []


def test_no_identifier_is_a_second_word_for_what_the_glossary_names() -> None:
    instead = words.glossary_names(GLOSSARY.read_text("utf-8"))
    print(f"{len(instead)} banned synonyms")

    assert len(instead) >= 20
    assert [finding for module in SOURCE for finding in words.banned_synonyms(module, instead)] == []


def test_no_file_names_a_package_registry_or_a_build_folder() -> None:
    assert [finding for path, text in text_files() for finding in words.forbidden_text(path, text)] == []


def test_no_file_is_larger_than_a_megabyte() -> None:
    assert words.heavy_files(repository_files()) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("src/tacit/utils.py", ""),
        ("src/tacit/common/plays.py", ""),
        ("src/tacit/data/plays.py", "class PlayManager: ..."),
        ("src/tacit/data/plays.py", "class UserData: ..."),
    ],
)
def test_a_name_that_says_nothing_is_found(path: str, text: str) -> None:
    assert len(words.banned_names(Module(path, text))) == 1


def test_a_test_of_three_words_is_found_and_one_of_four_is_not() -> None:
    module = Module(
        "tests/unit/test_plays.py", "def test_plays_are_counted(): ...\ndef test_plays_are_counted_once(): ..."
    )

    assert ["test_plays_are_counted " in finding for finding in words.mute_tests(module)] == [True]


@pytest.mark.parametrize(
    "text", ["feedback = 1", "def read(*, feedback): ...", "class feedback: ...", "def feedback(): ..."]
)
def test_a_second_word_is_found_wherever_a_name_is_given(text: str) -> None:
    instead = words.glossary_names(
        "| say | for | not |\n|---|---|---|\n| **event** | one thing | `feedback`, `hit` |\n"
    )

    assert instead == {"feedback": "event", "hit": "event"}
    assert len(words.banned_synonyms(Module("src/tacit/data/plays.py", text), instead)) == 1


@pytest.mark.parametrize("host", words.REGISTRIES)
def test_a_registry_in_a_file_is_found(host: str) -> None:
    assert words.forbidden_text("Dockerfile", f"RUN fetch https://{host}/simple") != []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (os.sep + "work" + os.sep + "main", True),
        ("cd " + os.sep + "work", True),
        ("tests/work/plan", False),
        (os.sep + "workload", False),
    ],
)
def test_a_build_folder_is_found_and_ordinary_words_are_not(text: str, found: bool) -> None:
    assert bool(words.forbidden_text("notes.md", text)) is found


def test_a_file_over_a_megabyte_is_found(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(bytes(words.MAX_BYTES))
    large.write_bytes(bytes(words.MAX_BYTES + 1))

    assert len(words.heavy_files((small, large))) == 1


def test_without_git_the_files_are_those_that_gitignore_leaves(tmp_path: Path) -> None:
    for name in (".gitignore", "kept.py", "build/left.py", "deep/__pycache__/left.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("build/\n__pycache__/\n" if name == ".gitignore" else "")

    assert [path.name for path in repository_files(tmp_path)] == [".gitignore", "kept.py"]
