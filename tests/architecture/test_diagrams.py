"""The seven diagrams name only what exists, and their numbers are the settings' own."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from tacit.entrypoints.cli.program import program
from tacit.settings import Settings
from tools.guards.diagrams import findings
from tools.guards.source import ROOT

FOLDER = ROOT / "docs" / "diagrams"
SEVEN = ("master", "data-pipeline", "model-training", "deployment", "user-request", "ci-cd", "monitoring")
PAGE = '# One\n\n```mermaid\nflowchart LR\n  a["Listener"] --> b["Gate<br/>{name}"]\n  b -- no --> {end}\n```\n'


@cache
def commands() -> frozenset[str]:
    def below(command: Any, name: str) -> set[str]:
        inner = getattr(command, "commands", {})
        return {name}.union(*(below(each, f"{name} {word}") for word, each in inner.items()))

    return frozenset(below(typer.main.get_command(program()), "tacit"))


@pytest.mark.requirement("DOCS-006")
@pytest.mark.parametrize("name", SEVEN)
def test_a_diagram_names_only_what_exists(name: str) -> None:
    assert findings(FOLDER / f"{name}.md", ROOT, commands()) == []


def test_the_seven_are_listed_and_there_is_no_eighth() -> None:
    listed = re.findall(r"\]\(([\w-]+)\.md\)", (FOLDER / "README.md").read_text("utf-8"))

    assert tuple(listed) == SEVEN
    assert {path.stem for path in FOLDER.glob("*.md")} == {*SEVEN, "README"}


def test_the_limits_of_a_request_are_those_of_the_settings() -> None:
    page = (FOLDER / "user-request.md").read_text("utf-8")
    limits = {key: int(ms.replace(",", "")) for ms, key in re.findall(r"\| ([\d,]+) ms[^|]*\| `([\w.]+)` \|", page)}

    assert len(limits) == 3
    assert {key: getattr(Settings().overload, key.removeprefix("overload.")) for key in limits} == limits


@pytest.mark.parametrize(
    ("name", "end", "said"),
    [
        ("rollout/gates", "a", []),
        ("tacit train, make check, .ci/run, data", "a", []),
        ("rollout/gate", "a", ["rollout/gate does not exist"]),
        ("tacit trian", "a", ["tacit trian does not exist"]),
        ("make everything", "a", ["make everything does not exist"]),
        ("rollout/gates", "c", ["c is drawn nowhere"]),
        ("rollout/gates", 'c["Somebody"]', ["`Somebody` names no part of us, and is no outsider"]),
    ],
)
def test_what_does_not_exist_is_found(name: str, end: str, said: list[str], tmp_path: Path) -> None:
    (tmp_path / "one.md").write_text(PAGE.format(name=name, end=end))

    assert findings(tmp_path / "one.md", ROOT, commands()) == [f"one.md: {each}" for each in said]
