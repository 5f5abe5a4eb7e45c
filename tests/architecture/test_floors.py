"""The four import contracts: every room is in them, and a deliberate breach of each is caught."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tools.guards.source import ROOT, rooms

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CONTRACTS = {contract["type"]: contract for contract in PROJECT["tool"]["importlinter"]["contracts"]}
LAYERED = [
    name.strip("() ").removeprefix("tacit.")
    for layer in CONTRACTS["layers"]["layers"]
    for name in layer.split("|")
]  # fmt: skip
SHELL = {"entrypoints", "bootstrap", "settings", "adapters"}
GROUND = {"errors", "jobs"}


def building(folder: Path, **imports: str) -> Path:
    """A package with every room of the contracts, in which each room named imports what it is given."""
    package = folder / "tacit"
    for room in LAYERED:
        (package / room).mkdir(parents=True)
        (package / room / "__init__.py").write_text(imports.get(room, ""))
    (package / "__init__.py").write_text("")
    section = (ROOT / "pyproject.toml").read_text("utf-8").partition("[tool.importlinter]")
    (folder / "pyproject.toml").write_text(section[1] + section[2])
    return folder


def broken_contracts(folder: Path) -> set[str]:
    """The kinds of contract that `lint-imports` finds broken."""
    script = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    ran = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    verdicts = dict(re.findall(r"^(\S.*?) (KEPT|BROKEN)", ran.stdout, re.MULTILINE))
    assert {contract["name"] for contract in CONTRACTS.values()} == set(verdicts), ran.stdout + ran.stderr
    return {kind for kind, contract in CONTRACTS.items() if verdicts[contract["name"]] == "BROKEN"}


def test_the_house_has_the_four_contracts() -> None:
    assert set(CONTRACTS) == {"layers", "protected", "forbidden", "acyclic_siblings"}


def test_every_room_stands_on_a_floor() -> None:
    assert [room for room in rooms() if room not in LAYERED] == []


def test_every_room_below_the_shell_is_forbidden_the_drivers() -> None:
    sources = [name.removeprefix("tacit.") for name in CONTRACTS["forbidden"]["source_modules"]]

    assert [room for room in rooms() if room not in {*SHELL, *GROUND, *sources}] == []


def test_a_house_in_order_keeps_all_four(tmp_path: Path) -> None:
    house = building(
        tmp_path,
        entrypoints="import fastapi, tacit.bootstrap",
        bootstrap="import tacit.adapters, tacit.settings, tacit.serving",
        adapters="import sqlalchemy, tacit.data",
        serving="import tacit.rollout",
        models="import numpy, tacit.data",
        data="import tacit.errors",
    )

    assert broken_contracts(house) == set()


@pytest.mark.parametrize(
    ("contract", "imports"),
    [
        ("layers", {"data": "import tacit.models"}),
        ("layers", {"data": "import tacit.registry"}),
        ("layers", {"client": "import tacit.serving"}),
        ("layers", {"client": "import tacit.data"}),
        ("protected", {"entrypoints": "import tacit.adapters"}),
        ("protected", {"entrypoints": "from tacit import settings"}),
        ("forbidden", {"serving": "import fastapi"}),
        ("forbidden", {"data": "import duckdb"}),
        ("forbidden", {"rollout": "from sqlalchemy import select"}),
        ("acyclic_siblings", {"rollout": "import tacit.models", "models": "import tacit.rollout"}),
    ],
)
def test_a_deliberate_breach_breaks_its_contract(tmp_path: Path, contract: str, imports: dict[str, str]) -> None:
    assert contract in broken_contracts(building(tmp_path, **imports))
