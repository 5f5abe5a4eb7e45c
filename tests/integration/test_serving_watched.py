"""`--with-monitoring`, for real: what watches is started, answers, is started again where it ends, and ends with us."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tacit.adapters.kept_server import left_behind
from tests.shells import Server, free_port, serving, tacit
from tests.stages import stage, wait_until
from tests.watchers import skip_without_servers

pytestmark = pytest.mark.slow


@pytest.fixture
def home(tmp_path: Path) -> Path:
    skip_without_servers()
    with stage(tmp_path / "home") as made:
        made.release()
    return tmp_path / "home"


def watched(home: Path, *more: str) -> Any:
    ports = (
        "--set",
        f"monitoring.prometheus_port={free_port()}",
        "--set",
        f"monitoring.alertmanager_port={free_port()}",
    )
    quick = ("--set", "monitoring.scrape_seconds=1", "--set", "monitoring.unscraped_seconds=6")
    return serving("serve", "--with-monitoring", *ports, *quick, *more, home=home)


def alerts(server: Server) -> Any:
    return server.get("/api/v1/alerts").json()


def pid_of(home: Path, name: str) -> int:
    running = left_behind(home / "monitoring", name)
    return 0 if running is None else running.pid


def is_scraped(server: Server) -> bool:
    address = server.announced["prometheus"]
    try:
        found = httpx2.get(f"{address}/api/v1/query", params={"query": 'up{job="tacit"}'}, timeout=5).json()
    except (httpx2.HTTPError, ValueError):
        return False
    return [each["value"][1] for each in found.get("data", {}).get("result", ())] == ["1"]


@pytest.mark.requirement("MON-021")
@pytest.mark.parametrize("workers", [1, 2])
def test_servers_that_watch_are_started_kept_and_ended(home: Path, workers: int) -> None:
    with watched(home, "--workers", str(workers)) as server:
        wait_until(lambda: is_scraped(server), seconds=20)
        wait_until(lambda: alerts(server)["state"] == "watched", seconds=20)
        wait_until(lambda: alerts(server)["watch"]["scraped_seconds_ago"] is not None, seconds=20)
        pids = [pid_of(home, name) for name in ("prometheus", "alertmanager")]
        os.kill(pids[0], signal.SIGKILL)
        wait_until(lambda: pid_of(home, "prometheus") not in (0, pids[0]), seconds=20)
        wait_until(lambda: is_scraped(server), seconds=20)
        listed = tacit("alerts", "--json", home=home).answer
        pids.append(pid_of(home, "prometheus"))
        code = server.end()

    assert code == 0
    assert listed["state"] == "watched"
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_a_server_that_was_killed_leaves_who_watches_it_to_the_next_start(home: Path) -> None:
    ports = str(free_port()), str(free_port())
    chosen = ("--set", f"monitoring.prometheus_port={ports[0]}", "--set", f"monitoring.alertmanager_port={ports[1]}")
    with serving("serve", "--with-monitoring", *chosen, home=home) as server:
        left = pid_of(home, "prometheus")
        server.process.kill()
        server.process.wait()
    with serving("serve", "--with-monitoring", home=home) as server:
        taken_over, address = pid_of(home, "prometheus"), server.announced["prometheus"]
        code = server.end()

    assert taken_over == left
    assert address == f"http://127.0.0.1:{ports[0]}"
    assert code == 0
    assert not Path(f"/proc/{left}").exists()


def test_silence_of_prometheus_is_noticed_and_told_without_it(home: Path) -> None:
    with watched(home) as server:
        wait_until(lambda: alerts(server)["state"] == "watched", seconds=20)
        wait_until(lambda: alerts(server)["watch"]["scraped_seconds_ago"] is not None, seconds=20)
        os.kill(pid_of(home, "prometheus"), signal.SIGSTOP)
        began = time.monotonic()
        wait_until(lambda: "metrics_unscraped" in troubles(server), seconds=30)
        noticed = time.monotonic() - began
        os.kill(pid_of(home, "prometheus"), signal.SIGCONT)
        wait_until(lambda: not troubles(server), seconds=30)
        server.end()

    assert 5 <= noticed <= 12


def troubles(server: Server) -> list[str]:
    return [each["name"] for each in alerts(server)["watch"]["troubles"]]
