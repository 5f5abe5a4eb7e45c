"""A job's own process: how it steps back, what it reports, what is known of it from outside, and its bounded log."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tacit.adapters.job_child import Report, plain
from tacit.adapters.job_host import HostRules, JobHost
from tacit.adapters.job_logs import FolderJobLogs
from tacit.adapters.processes import is_gone, own_name, resident_bytes
from tests.job_benches import ROOT
from tests.job_books import Desk, order


def host(desk: Desk, folder: Path, rules: HostRules | None = None, *command: str) -> JobHost:
    usual = (sys.executable, str(ROOT / "tests" / "job_child.py"))
    environment = {**os.environ, "JOB_FOLDER": str(folder), "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    return JobHost(desk.book, command or usual, environment=lambda: environment, rules=rules)


def test_a_process_is_there_until_it_ends_and_its_name_is_given_once() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = own_name().replace(f"/{os.getpid()}/", f"/{child.pid}/")

    assert not is_gone(own_name())
    assert is_gone(name)  # that number began at another moment
    assert resident_bytes(child.pid) > 0
    child.communicate(b"\n")
    assert resident_bytes(child.pid) == 0


def test_of_a_process_on_another_machine_nothing_is_known() -> None:
    assert not is_gone("elsewhere/1/5")
    assert not is_gone("")


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="this system has no class of idle processes")
def test_with_the_most_niceness_a_job_gets_only_time_that_nobody_wants(tmp_path: Path) -> None:
    desk = Desk()
    job = desk.book.ask(order(dataset="polite"))

    over = host(desk, tmp_path, HostRules(niceness=19)).run(job.job_id)

    assert over is not None
    assert over.state == "succeeded", desk.book.log(over)
    assert f"niceness 19 policy {os.SCHED_IDLE} oom 800" in desk.book.log(over)


def test_a_process_that_cannot_be_started_is_the_systems_fault(tmp_path: Path) -> None:
    desk = Desk()
    job = desk.book.ask(order())

    over = host(desk, tmp_path, None, "/no/such/program").run(job.job_id)

    assert over is not None
    assert (over.state, over.problem and over.problem.code) == ("queued", "job_unstartable")


def test_a_process_that_says_nothing_of_its_end_has_crashed(tmp_path: Path) -> None:
    desk = Desk()
    job = desk.book.ask(order())

    over = host(desk, tmp_path, None, "/bin/true").run(job.job_id)

    assert over is not None
    assert (over.state, over.problem and over.problem.code) == ("queued", "job_crashed")


def test_a_job_that_somebody_else_has_is_not_run(tmp_path: Path) -> None:
    desk = Desk()
    job = desk.book.ask(order())
    desk.book.claim(job.job_id, "elsewhere/1/1")

    assert host(desk, tmp_path).run(job.job_id) is None
    assert host(desk, tmp_path).run("absent") is None


def test_reports_are_one_json_object_a_line_whatever_the_outcome_holds() -> None:
    lines: list[str] = []
    report = Report(lines.append, lambda: None)

    report.progress("learning", 0.1)
    report.progress("learning", 0.2)
    report.progress("judging", 0.0)
    report.done({"metrics": {"ndcg": math.nan, "ü": (1, math.inf)}, "path": Path("/x")})

    assert [json.loads(line) for line in lines] == [
        {"step": "learning", "share": 0.1},
        {"step": "judging", "share": 0.0},
        {"outcome": {"metrics": {"ndcg": None, "ü": [1, None]}, "path": "/x"}},
    ]
    assert plain(True) is True


def test_a_log_keeps_its_end_and_says_that_the_rest_is_gone(tmp_path: Path) -> None:
    logs = FolderJobLogs(tmp_path / "jobs", most_bytes=1_000)

    for number in range(300):
        logs.append("j1", f"line {number}\n".encode())

    said = logs.read("j1")
    assert len(said) <= 1_000
    assert said.startswith("(earlier lines were left out)\nline ")
    assert said.endswith("line 299\n")


def test_logs_that_are_removed_or_never_were_are_empty(tmp_path: Path) -> None:
    logs = FolderJobLogs(tmp_path / "jobs")
    logs.append("j1", b"said\n")

    logs.remove(["j1", "absent"])

    assert (logs.read("j1"), logs.read("../j1")) == ("", "")


def test_no_id_of_a_job_leads_out_of_the_folder_of_logs(tmp_path: Path) -> None:
    logs = FolderJobLogs(tmp_path / "jobs")

    logs.append("../../secret", b"x")

    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["unknown.log"]


def test_a_disk_that_takes_no_log_ends_no_job(tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("a file where the folder should be")

    FolderJobLogs(tmp_path / "jobs").append("j1", b"said\n")

    assert FolderJobLogs(tmp_path / "jobs").read("j1") == ""
