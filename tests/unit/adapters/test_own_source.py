"""The digest of the code that trained: it changes with the Python files and with the sources of the extension."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tacit.adapters.own_source import code_digest
from tools.guards.source import PACKAGE


def digest(folder: Path, first: str = "") -> str:
    """The digest that a copy of the package in a folder gives of itself."""
    code = f"import sys\nsys.path.insert(0, {str(folder)!r})\n{first}\nfrom tacit.adapters import own_source\n"
    code += "print(own_source.code_digest())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder that holds a copy of the package."""
    shutil.copytree(PACKAGE, tmp_path / "one" / "tacit", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "one"


def test_the_package_has_the_same_digest_wherever_it_stands(package: Path, tmp_path: Path) -> None:
    shutil.copytree(package, tmp_path / "two")

    assert digest(tmp_path / "two") == digest(package)
    assert len(digest(package)) == len(code_digest()) == 64


def test_a_changed_python_file_changes_the_digest(package: Path) -> None:
    before = digest(package)
    (package / "tacit" / "added.py").write_text("# changed\n")

    assert digest(package) != before


def test_an_extension_of_other_sources_changes_the_digest(package: Path) -> None:
    other = "import types; native = sys.modules['tacit._native'] = types.ModuleType('tacit._native')\n"
    for name in ("isa", "available", "has_openmp", "built_from"):
        other += f"native.{name} = lambda: '{name}'\n"
    other += "import tacit; tacit._native = native\n"

    assert digest(package, other) != digest(package)
    assert digest(package, other) != digest(package, other + "native.built_from = lambda: 'others'\n")
