"""Data and models under DVC: reproduced, pushed to an S3-compatible server, pulled elsewhere, and taken back."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tacit.data import synthetic
from tests.postgres_server import free_port
from tools.guards.source import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

EXAMPLE = ROOT / "examples" / "dvc"


def program(name: str, variable: str) -> Path:
    """A command of an environment of its own; the test is skipped where there is none.

    DVC and the S3-compatible server ask for packages that exclude each other and some of ours.
    """
    named = os.environ.get(variable) or shutil.which(name)
    if named is None or not Path(named).is_file():
        pytest.skip(f"no {name}: set {variable} to the command {name} of an environment that has it")
    return Path(named)


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an S3-compatible server with an empty bucket `models`."""
    port, folder = free_port(), tmp_path_factory.mktemp("moto")
    server = program("moto_server", "TACIT_TEST_MOTO")
    with (folder / "moto.log").open("wb") as log:
        process = subprocess.Popen(
            [server, "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log, start_new_session=True
        )
        address = f"http://127.0.0.1:{port}"
        try:
            _wait_for(address, process)
            assert httpx2.put(f"{address}/models", timeout=30).status_code == 200
            yield address
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        assert process.poll() is None, "the S3-compatible server ended"
        with contextlib.suppress(httpx2.HTTPError):
            httpx2.get(address, timeout=5)
            return
        time.sleep(0.2)
    raise AssertionError("the S3-compatible server did not come up")


@dataclass(frozen=True)
class Checkout:
    """A working copy of the pipeline's repository."""

    folder: Path
    dvc: Path
    path: str

    def run(self, *command: str | Path) -> str:
        """Run a command in it; what it said."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("TACIT_", "AWS_", "GIT_"))}
        ours |= {
            "PATH": self.path,
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "DVC_NO_ANALYTICS": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
        }
        ran = subprocess.run(
            list(map(str, command)), cwd=self.folder, env=ours, capture_output=True, text=True, check=False, timeout=600
        )
        assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout + ran.stderr

    def under_dvc(self, *arguments: str) -> str:
        return self.run(self.dvc, *arguments)

    def commit(self, message: str) -> str:
        """Commit everything that git sees; the commit."""
        self.run("git", "add", "-A")
        self.run("git", "-c", "user.name=Ann", "-c", "user.email=ann@example.com", "commit", "-q", "-m", message)
        return self.run("git", "rev-parse", "HEAD").strip()

    def answer(self, name: str) -> dict[str, object]:
        found: dict[str, object] = json.loads((self.folder / name).read_text())
        return found

    def files(self, name: str) -> dict[str, bytes]:
        folder = self.folder / name
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def origin(bucket: str, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The pipeline in a fresh repository, its data under DVC, its remote on the server."""
    dvc, folder = program("dvc", "TACIT_TEST_DVC"), tmp_path_factory.mktemp("pipeline")
    shutil.copytree(EXAMPLE, folder / "work")
    commands = folder / "bin"
    commands.mkdir()
    (commands / "tacit").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tacit "$@"\n')
    (commands / "tacit").chmod(0o755)
    made = Checkout(folder / "work", dvc, f"{commands}:{os.environ['PATH']}")
    synthetic.generate(made.folder / "data", users=120, items=100, artists_per_user=20)
    made.run("git", "init", "-q")
    made.under_dvc("init", "-q")
    made.under_dvc("remote", "add", "-d", "storage", "s3://models/tacit")
    made.under_dvc("remote", "modify", "storage", "endpointurl", bucket)
    made.under_dvc("add", "data")
    made.under_dvc("repro")
    made.commit("First data")
    return made


def test_the_pipeline_leaves_a_signed_model_its_scores_and_a_comparison(origin: Checkout) -> None:
    assert {"manifest.json", "signature.json", "model_card.md", "item_factors.npy"} <= set(origin.files("model"))
    assert "experiments_comparison.csv" in origin.files("experiments")
    assert origin.answer("candidate.json")["metrics"] == origin.answer("evaluation.json")["metrics"]
    assert origin.answer("experiments.json")["chosen"]


def test_a_pipeline_nothing_of_which_changed_runs_nothing(origin: Checkout) -> None:
    assert "Running stage" not in origin.under_dvc("repro")


def test_the_signing_key_is_neither_in_git_nor_in_what_is_pushed(origin: Checkout) -> None:
    key = next((origin.folder / "home" / "keys").glob("*.key"))
    secret = key.read_bytes()

    assert not [path for path in origin.run("git", "ls-files").split() if path.startswith("home")]
    kept = [path for path in (origin.folder / ".dvc" / "cache").rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if path.read_bytes() == secret]


@pytest.mark.requirement("DATA-002")
@pytest.mark.requirement("DATA-014")
def test_what_was_pushed_is_pulled_elsewhere_and_an_earlier_state_of_the_data_comes_back(
    origin: Checkout, tmp_path: Path
) -> None:
    first = origin.run("git", "rev-parse", "HEAD").strip()
    model, data = origin.files("model"), origin.files("data")
    origin.under_dvc("push")
    synthetic.generate(origin.folder / "data2", users=130, items=100, artists_per_user=20)
    shutil.rmtree(origin.folder / "data")
    (origin.folder / "data2").rename(origin.folder / "data")
    origin.under_dvc("add", "data")
    said = origin.under_dvc("repro")
    origin.commit("More data")
    origin.under_dvc("push")

    origin.run("git", "clone", "-q", origin.folder, tmp_path / "clone")
    clone = Checkout(tmp_path / "clone", origin.dvc, origin.path)
    clone.under_dvc("pull", "--allow-missing")

    assert "Running stage 'train'" in said
    assert clone.files("model") == origin.files("model") != model
    assert clone.files("data") == origin.files("data") != data
    clone.run("git", "checkout", "-q", first)
    clone.under_dvc("pull", "--allow-missing", "--force")
    assert clone.files("data") == data
    assert clone.files("model") == model
