"""Training in the background, as it is deployed: by a server's side, by the command alone, and by Celery."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tacit.data import synthetic
from tests.redis_server import redis_server
from tests.shells import QUICK, Server, environment, serving, tacit, within
from tests.stages import wait_until

EAGER = ("--set", "retraining.niceness=0")
"""Jobs of these tests stand back for nobody: a machine that runs tests is busy, and would let them wait for long."""

BODY = {"model_type": "als", "parameters": {"factors": 8, "iterations": 2}}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small installation with a champion."""
    folder = tmp_path_factory.mktemp("jobs")
    community = synthetic.generate(folder / "community", users=200, items=150, artists_per_user=25)
    with serving("up", "--data", community, *QUICK, home=folder / "home"):
        return folder / "home"


def ended(server: Server, job_id: str, seconds: float = 90.0) -> dict[str, Any]:
    """A job, once it has ended."""

    def job() -> dict[str, Any]:
        answer: dict[str, Any] = server.get(f"/api/v1/training/jobs/{job_id}").json()
        return answer

    wait_until(lambda: job()["state"] not in ("queued", "running"), seconds=seconds)
    return job()


def asked(server: Server) -> str:
    answer = httpx2.post(server.announced["pages"] + "api/v1/training/train", json=BODY, timeout=10)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


@contextmanager
def celery(role: str, *options: str, home: Path, url: str) -> Iterator[None]:
    """A worker or a beat of Celery, as the how-to starts it."""
    command = ["-m", "celery", "-q", "-A", "tacit.entrypoints.celery_worker", role, *options]
    more = {
        "TACIT_HOME": str(home),
        "TACIT_RETRAINING__NICENESS": "0",
        "TACIT_RETRAINING__RUNNER": "celery",
        "TACIT_RETRAINING__BROKER_URL": url,
    }
    with (home.parent / f"{role}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, *command], env=environment(**more), cwd=home.parent, stdout=log, stderr=log
        )
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


@pytest.mark.timeout(300)
@pytest.mark.requirement("TRAIN-008")
@pytest.mark.requirement("EVAL-011")
@pytest.mark.requirement("EVAL-014")
@pytest.mark.requirement("RETR-004")
def test_a_server_trains_judges_and_promotes_nothing_when_it_is_asked(home: Path) -> None:
    with serving("serve", *EAGER, home=home) as server:
        before = server.version()
        job = ended(server, asked(server))
        evaluation = server.get(f"/api/v1/training/evaluate/{job['job_id']}").json()
        shown = within("jobs", "show", job["job_id"], "--json", home=home).answer
        said = within("jobs", "logs", job["job_id"], home=home).out

        assert (job["state"], job["tries"], server.version()) == ("succeeded", 1, before)
    assert evaluation["metrics"] == job["outcome"]["metrics"]
    assert set(evaluation["baselines"]) == {"popularity", "item_neighbours"}
    assert evaluation["gate"]["verdict"] in ("pass", "fail", "insufficient")
    assert job["outcome"]["hyperparameters"]["factors"] == 8
    assert shown["outcome"]["version"] == evaluation["version"] != before
    assert "evaluating the model" in said
    actions = [each["action"] for each in within("audit", "--json", home=home).answer]
    assert {"job_asked", "job_started", "job_ended"} <= set(actions)


@pytest.mark.timeout(300)
@pytest.mark.requirement("RETR-006")
def test_jobs_are_asked_for_cancelled_and_run_without_a_server(home: Path) -> None:
    waiting = within("jobs", "submit", "search", "minutes=0.01", "--json", home=home).answer
    cancelled = within("jobs", "cancel", waiting["job_id"], "--json", home=home).answer
    ran = tacit("jobs", "run", "evaluate", "version=1", "--json", *EAGER, home=home)
    wrong = within("jobs", "run", "train", "dataset=absent", "--json", *EAGER, home=home)
    listed = within("jobs", "list", "--json", "--limit", "2", home=home).answer["jobs"]

    assert (waiting["state"], cancelled["state"]) == ("queued", "cancelled")
    assert (ran.code, ran.answer["jobs"][0]["outcome"]["version"]) == (0, "recommender/1")
    assert (wrong.code, wrong.answer["jobs"][0]["problem"]["code"]) == (4, "dataset_unknown")
    assert [each["state"] for each in listed] == ["failed", "succeeded"]


def test_what_the_command_cannot_mean_is_said_with_the_field(home: Path) -> None:
    for arguments, code in (
        (("submit", "trian"), "kind_unknown"),
        (("submit", "train", "factors=0"), "value_range"),
        (("submit", "train", "factors=NaN"), "type"),
        (("submit", "train", "alpha=NaN"), "number_not_finite"),
        (("submit", "evaluate", "version=999"), "version_unknown"),
        (("show", "absent"), "job_unknown"),
    ):
        assert within("jobs", *arguments, "--json", home=home).answer["error"]["code"] == code


@pytest.mark.slow  # the runner's contract is kept with Celery in every run
@pytest.mark.timeout(300)
@pytest.mark.requirement("TRAIN-009")
@pytest.mark.requirement("STREAM-008")
def test_with_celery_a_worker_does_what_the_server_is_asked(home: Path, tmp_path: Path) -> None:
    pytest.importorskip("celery")
    with redis_server(tmp_path) as broker:
        url = broker.url
        chosen = (*EAGER, "--set", "retraining.runner=celery", "--set", f"retraining.broker_url={url}")
        with serving("serve", *chosen, home=home) as server:
            job_id = asked(server)
            assert server.get(f"/api/v1/training/jobs/{job_id}").json()["state"] == "queued"
            with celery("worker", "--concurrency=1", home=home, url=url):
                job = ended(server, job_id)

    assert (job["state"], job["tries"]) == ("succeeded", 1), job
    assert job["outcome"]["hyperparameters"]["factors"] == 8


def test_celery_without_a_broker_is_misconfigured_and_says_so(home: Path) -> None:
    ran = within("jobs", "list", "--json", "--set", "retraining.runner=celery", home=home)

    assert (ran.code, ran.answer["error"]["code"]) == (78, "setting_invalid")
    assert "broker_url" in ran.answer["error"]["detail"]


@pytest.mark.timeout(300)
def test_a_server_killed_in_a_training_takes_it_down_and_the_next_one_does_it(home: Path) -> None:
    heavy = {"model_type": "als", "parameters": {"factors": 64, "iterations": 1_000}}
    with serving("serve", *EAGER, "--set", "als.early_stopping=false", home=home) as server:
        answer = httpx2.post(server.announced["pages"] + "api/v1/training/train", json=heavy, timeout=10)
        path = f"/api/v1/training/jobs/{answer.json()['job_id']}"
        wait_until(lambda: server.get(path).json()["state"] == "running", seconds=60)
        server.end(signal.SIGKILL)
    with serving("serve", *EAGER, home=home) as server:
        wait_until(lambda: server.get(path).json()["tries"] == 2 or _is_lost(server, path), seconds=60)
        httpx2.post(server.announced["pages"].rstrip("/") + path + "/cancel", timeout=10)
        wait_until(lambda: server.get(path).json()["state"] == "cancelled", seconds=60)

    assert not [path for path in Path("/proc").iterdir() if path.name.isdigit() and _is_job_of(home, path)]


def _is_lost(server: Server, path: str) -> bool:
    problem = server.get(path).json()["problem"]
    return bool(problem) and problem["code"] == "runner_lost"


def _is_job_of(home: Path, process: Path) -> bool:
    try:
        is_of_home = f"TACIT_HOME={home}".encode() in (process / "environ").read_bytes()
        return is_of_home and b"job_process" in (process / "cmdline").read_bytes()
    except OSError:
        return False
