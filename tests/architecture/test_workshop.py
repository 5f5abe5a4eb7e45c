"""The Makefile, the gate, the hooks and the standing documents are in place and agree with each other."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tools.guards.source import ROOT

TARGETS = {"up", "setup", "native", "test", "test-slow", "check", "fix", "bench", "docs", "requirements", "help"}
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]


def make(*arguments: str) -> str:
    if shutil.which("make") is None:
        pytest.skip("there is no make here")
    inherited = ("MAKE", "MFLAGS", "VENV", "ARGS")  # the tests themselves may have been started by make
    environment = {name: value for name, value in os.environ.items() if not name.startswith(inherited)}
    command = ["make", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


def touch_stamps(venv: Path) -> None:
    """Leave a virtual environment's stamps as a complete installation does, each newer than what it depends on."""
    for stamp in (".core", ".test", ".project"):
        (venv / stamp).touch()


def test_help_lists_every_target_with_a_sentence() -> None:
    listed = dict(re.findall(r"^  make (\S+) +(\S.*)$", make("help"), re.MULTILINE))

    assert set(listed) == TARGETS


def test_up_serves_at_once_when_everything_is_installed(tmp_path: Path) -> None:
    touch_stamps(tmp_path)

    assert make("--dry-run", f"VENV={tmp_path}", "up").splitlines() == [f"{tmp_path}/bin/tacit up "]


def test_up_installs_the_core_and_nothing_of_the_tests(tmp_path: Path) -> None:
    steps = make("--dry-run", f"VENV={tmp_path}/none", "up")

    assert "requirements/core.lock" in steps
    assert "requirements/test.lock" not in steps


def test_a_changed_kernel_or_build_file_rebuilds_the_project_and_fetches_nothing(tmp_path: Path) -> None:
    touch_stamps(tmp_path)

    steps = [
        make("--dry-run", f"VENV={tmp_path}", f"--what-if={changed}", "test")
        for changed in ("CMakeLists.txt", "pyproject.toml", "src/native/simd.h", "src/native/dispatch.cpp")
    ]

    assert [f"tools/install.sh {tmp_path} >&2\n" in one for one in steps] == [True] * 4
    assert [one for one in steps if ".lock" in one] == []


def test_the_ledger_prints_nothing_on_stdout_but_itself(tmp_path: Path) -> None:
    touch_stamps(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_text('#!/bin/sh\necho "{}"\n')
    (tmp_path / "bin" / "python").chmod(0o755)

    assert make(f"VENV={tmp_path}", "requirements", "ARGS=--json") == "{}\n"


@pytest.mark.parametrize("script", [".ci/run", "tools/install.sh", "tools/lock.sh", "tools/servers.sh"])
def test_every_script_is_executable_stops_at_errors_and_parses(script: str) -> None:
    path = ROOT / script
    parsed = subprocess.run(["bash", "-n", str(path)], capture_output=True, text=True, check=False)

    assert os.access(path, os.X_OK)
    assert "set -euo pipefail" in path.read_text("utf-8")
    assert parsed.stderr == ""


def test_the_gate_is_check_and_test() -> None:
    steps = re.findall(r"^make (\S+)$", (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE)

    assert steps == ["check", "test"]


def test_an_environment_without_a_suitable_python_is_told_so(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHON": str(tmp_path / "python2")}
    command = [str(ROOT / "tools" / "install.sh"), str(tmp_path / "venv"), "requirements/core.lock"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert ran.returncode == 1
    assert "needs Python 3.11 or newer" in ran.stderr


def test_hooks_download_nothing_and_run_tools_that_are_installed() -> None:
    hooks = [hook for repo in HOOKS for hook in repo["hooks"]]
    tools = [hook["entry"].split()[0] for hook in hooks]

    assert {repo["repo"] for repo in HOOKS} == {"local"}
    assert {hook["language"] for hook in hooks} == {"system"}
    assert all(tool.startswith(".venv/bin/") for tool in tools)
    assert [tool for tool in tools if not (Path(sys.executable).parent / Path(tool).name).exists()] == []


def test_hooks_run_what_make_check_runs() -> None:
    checked = {line.split("/bin/")[1].split()[0] for line in make("--dry-run", "check").splitlines() if "/bin/" in line}
    hooked = {hook["entry"].split()[0].removeprefix(".venv/bin/") for repo in HOOKS for hook in repo["hooks"]}

    assert hooked == checked


def test_the_licence_is_the_one_the_project_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert project["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text("utf-8").startswith("MIT License\n\nCopyright (c) 2026 The Tacit authors\n")


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md", "docs/glossary.md", "docs/decisions/README.md"])
def test_links_between_the_documents_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", (ROOT / page).read_text("utf-8"))

    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []
