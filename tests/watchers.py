"""A real Prometheus and a real Alertmanager on free ports, with the rules of an installation and short intervals."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tacit.adapters.kept_server import KeptServers
from tacit.adapters.monitoring_servers import (
    Retention,
    alertmanager_plan,
    found_programs,
    prometheus_plan,
    write_files,
)
from tacit.monitoring.alerting.choices import AlertChoices, Receivers
from tacit.monitoring.alerting.files import alertmanager_file, prometheus_file, rule_file
from tests.shells import free_port


@dataclass(frozen=True)
class Watchers:
    """Both, answering."""

    prometheus: str
    alertmanager: str
    servers: KeptServers

    def query(self, expr: str) -> list[Any]:
        """What an expression comes to now."""
        answer = httpx2.get(f"{self.prometheus}/api/v1/query", params={"query": expr}, timeout=5)
        found: list[Any] = answer.json()["data"]["result"]
        return found

    def firing(self) -> set[str]:
        """The names of all alerts that Prometheus finds firing, but for the heartbeat."""
        found = httpx2.get(f"{self.prometheus}/api/v1/alerts", timeout=5).json()["data"]["alerts"]
        return {
            each["labels"]["alertname"]
            for each in found
            if each["state"] == "firing" and each["labels"]["severity"] != "heartbeat"
        }


@contextmanager
def watchers(
    folder: Path, targets: Sequence[str], *, choices: AlertChoices, receivers: Receivers
) -> Iterator[Watchers]:
    """Both, over targets; the test is skipped, saying so, where they are not installed."""
    skip_without_servers()
    programs, kept = found_programs(), Retention(days=1, mib=64)
    ports = free_port(), free_port()
    alertmanager = alertmanager_plan(programs.alertmanager, folder, ports[0], kept=kept)
    prometheus = prometheus_plan(programs.prometheus, folder, ports[1], kept=kept)
    # A target that nobody knows any more is seen for another five minutes; those are scaled, too.
    seen = f"--query.lookback-delta={max(3.0, 300 * choices.time_scale):g}s"
    prometheus = replace(prometheus, command=(*prometheus.command, seen))
    write_files(
        folder,
        {
            "rules.yml": rule_file(choices),
            "alertmanager.yml": alertmanager_file(receivers),
            "prometheus.yml": prometheus_file(
                targets,
                rule_paths=["*rules.yml"],
                alertmanager=f"127.0.0.1:{ports[0]}",
                prometheus=f"127.0.0.1:{ports[1]}",
                scrape_seconds=choices.scrape_seconds,
            ),
        },
    )
    with KeptServers((alertmanager, prometheus)) as servers:
        yield Watchers(prometheus.address, alertmanager.address, servers)


def skip_without_servers() -> None:
    """Skip the test, saying so, where they are not installed."""
    if shutil.which("prometheus") is None or shutil.which("prometheus-alertmanager") is None:
        pytest.skip("prometheus and prometheus-alertmanager are not installed here")
